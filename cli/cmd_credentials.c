// SPDX-License-Identifier: Apache-2.0
//
// valetkey credentials ROLE: the keys themselves, for what can be given nothing else: a file, a shell, a program that
// reads variables. They do not rotate; what can ask again should (valetkey exec, the shim).
#include "cmd.h"

#include "json_text.h"
#include "quote.h"
#include "role_choose.h"
#include "role_credentials.h"
#include "timefmt.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS "credentials [--format FORMAT] [--min-ttl SECONDS] [ROLE]"
#define OUT_MAX  (256u << 10)

enum format {
        FORMAT_PROCESS,
        FORMAT_JSON,
        FORMAT_LINES,  // variables, in a shell's words
        FORMAT_DOTENV, // variables, in nobody's
};

static const struct {
        const char *name;
        enum format format;
        enum quote_shell shell;
} formats[] = {
        {"process", FORMAT_PROCESS, QUOTE_POSIX},
        {"json", FORMAT_JSON, QUOTE_POSIX},
        {"env", FORMAT_LINES, QUOTE_POSIX},
        {"env-no-export", FORMAT_LINES, QUOTE_ASSIGN},
        {"dotenv", FORMAT_DOTENV, QUOTE_ASSIGN},
        {"fish", FORMAT_LINES, QUOTE_FISH},
        {"csh", FORMAT_LINES, QUOTE_CSH},
        {"powershell", FORMAT_LINES, QUOTE_POWERSHELL},
};

struct options {
        size_t format; // of formats
        uint32_t min_ttl;
};

static int on_option(int c, void *arg)
{
        struct options *o = arg;

        if (c == 'm')
                return cmd_read_seconds(&o->min_ttl, optarg) ? 0 : -1;
        for (o->format = 0; c == 'f' && o->format < ARRAY_SIZE(formats); o->format++)
                if (strcmp(formats[o->format].name, optarg) == 0)
                        return 0;
        return -1;
}

// A file of the dotenv kind has no way, that all who read such files share, to have a quote inside quotes.
static bool fits_dotenv(const char *const *values, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strpbrk(values[i], "'\r\n"))
                        return false;
        return true;
}

static enum outcome write_lines(
        struct buf *out, const struct role_credentials *c, const struct options *o, struct err *err)
{
        static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                "AWS_CREDENTIAL_EXPIRATION"};
        char expiration[TIME_ISO_LEN + 1];
        const char *values[] = {
                c->access_key_id, secret_str(c->secret_access_key), secret_str(c->session_token), expiration};
        int r = 0;

        time_format_iso(expiration, c->expiration_s);
        if (formats[o->format].format == FORMAT_DOTENV && !fits_dotenv(values, ARRAY_SIZE(values))) {
                err_set(err, "these keys hold a quote, which no dotenv file can; another --format can");
                return OUTCOME_INVALID_REQUEST;
        }
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
                r = quote_variable(out, formats[o->format].shell, names[i], values[i]);
        return r < 0 ? OUTCOME_INTERNAL : OUTCOME_OK;
}

// Written by hand, as the broker's documents are: no heap of JSON holds the keys.
static enum outcome write_json(struct buf *out, const struct role_credentials *c, const char *role)
{
        char expiration[TIME_ISO_LEN + 1];
        int r;

        time_format_iso(expiration, c->expiration_s);
        buf_append_char(out, '{');
        r = json_text_member_str(out, "Role", role);
        if (r == 0)
                r = json_text_member_str(out, "AccessKeyId", c->access_key_id);
        if (r == 0)
                r = json_text_member(out, "SecretAccessKey", secret_str(c->secret_access_key),
                        secret_len(c->secret_access_key));
        if (r == 0)
                r = json_text_member(
                        out, "SessionToken", secret_str(c->session_token), secret_len(c->session_token));
        if (r == 0)
                r = json_text_member(out, "Expiration", expiration, TIME_ISO_LEN);
        if (r == 0)
                r = buf_append_str(out, "}\n");
        return r < 0 ? OUTCOME_INTERNAL : OUTCOME_OK;
}

static enum outcome print(const struct cli *cli, const struct options *o, const char *role, struct err *err)
{
        cleanup_buf struct buf out = BUF_INIT(OUT_MAX);
        struct role_credentials c = {0};
        enum outcome r;

        if (formats[o->format].format == FORMAT_PROCESS)
                return cmd_print_document(cli, role, o->min_ttl, err);
        r = role_credentials_get(&c, cli, role, o->min_ttl, err);
        if (r == OUTCOME_OK && formats[o->format].format == FORMAT_JSON)
                r = write_json(&out, &c, role);
        else if (r == OUTCOME_OK)
                r = write_lines(&out, &c, o, err);
        if (r == OUTCOME_OK && !cmd_write(buf_str(&out), out.n))
                r = OUTCOME_INTERNAL;
        role_credentials_deinit(&c);
        return r;
}

int cmd_credentials(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {
                {"format", required_argument, NULL, 'f'}, {"min-ttl", required_argument, NULL, 'm'}, {0}};
        struct options o = {0};
        struct role_choice choice = {0};
        struct err err = ERR_INIT;
        enum outcome r;
        int code;
        int n = cmd_parse(cli, argc, argv, options, on_option, &o, 1, SYNOPSIS,
                "Prints the credentials of ROLE. They are secret, and do not rotate.\n"
                "\n"
                "  --format FORMAT    process (the default), json, env, env-no-export, dotenv, fish, csh or "
                "powershell\n"
                "  --min-ttl SECONDS  life wanted of them\n"
                "  --json             the same as --format json\n"
                "  --help             this text\n",
                &code);

        if (n < 0)
                return code;
        if (cli->json)
                o.format = 1;
        cli->json = false; // stdout is the keys or nothing
        r = role_choose(&choice, cli, n == 1 ? argv[optind] : NULL, &err);
        if (r == OUTCOME_OK)
                r = print(cli, &o, choice.name, &err);
        role_choice_deinit(&choice);
        if (r == OUTCOME_INVALID_REQUEST && !err.text[0])
                return cmd_usage(SYNOPSIS, "which role?");
        return r == OUTCOME_OK ? 0 : cmd_fail(cli, r, &err);
}
