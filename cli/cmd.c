// SPDX-License-Identifier: Apache-2.0
#include "cmd.h"

#include "buf.h"
#include "json.h"
#include "protocol.h"
#include "translate.h"
#include "wrap.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>

// One line; on a terminal it is broken at blanks. What was typed or read is in it: cleaned, so that it only reads.
static void say(const char *text)
{
        fputs("valetkey: ", stderr);
        wrap_print_from(stderr, text, strlen("valetkey: "));
        fputc('\n', stderr);
}

int cmd_fail(const struct cli *cli, enum outcome o, const struct err *err)
{
        const struct outcome_info *info = outcome_info(o);
        const char *said = err && err->text[0] ? err->text : _(info->text);
        char text[ERR_MAX];

        err_sanitise(text, sizeof text, said, strlen(said));
        say(text);
        if (cli->json) {
                cleanup_json json_t *j = json_pack("{s:s, s:s}", "outcome", info->id, "message", text);

                if (j && json_dumpf(j, stdout, JSON_COMPACT) == 0)
                        putchar('\n');
        }
        return info->exit_code;
}

static void print_synopsis(FILE *to, const char *synopsis)
{
        char text[512];

        snprintf(text, sizeof text, _("Usage: valetkey %s\n"), synopsis);
        // Where no person looks, what is wrong is one line.
        wrap_print(to, text, to == stdout ? WRAP_TEXT : 0, strlen("Usage: "));
}

int cmd_usage(const char *synopsis, const char *text)
{
        if (text)
                say(_(text));
        print_synopsis(stderr, synopsis);
        return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
}

int cmd_parse(struct cli *cli, int argc, char *argv[], const struct option *more,
        int (*on_option)(int c, void *arg), void *arg, int max, const char *synopsis, const char *help,
        int *ret_code)
{
        struct option options[CMD_OPTIONS_MAX + 3] = {{"help", no_argument, NULL, 'h'}};
        static char program[] = "valetkey";
        size_t n = 1;
        int c;

        // Who does not say so has none.
        if (strstr(help, "--json"))
                options[n++] = (struct option){"json", no_argument, NULL, 'j'};

        for (; more && more->name && n < ARRAY_SIZE(options) - 1; more++)
                options[n++] = *more;
        argv[0] = program; // what getopt's own complaints begin with
        optind = 0;        // glibc: start over, for argv is another
        // Options may stand behind ROLE as well, but what stands behind the command that "exec" runs is the command's.
        while ((c = getopt_long(argc, argv, max == INT_MAX ? "+h" : "h", options, NULL)) >= 0) {
                int r = 0;

                if (c == 'j') {
                        cli->json = true;
                        textdomain(""); // programs read the same in every language
                } else if (c == 'h') {
                        print_synopsis(stdout, synopsis);
                        wrap_print(stdout, _(help), WRAP_TEXT, 0);
                        *ret_code = 0;
                        return -1;
                } else {
                        r = c == '?' || !on_option ? -1 : on_option(c, arg);
                }
                if (r < 0) {
                        *ret_code = cmd_usage(synopsis, NULL);
                        return -1;
                }
        }
        if (argc - optind > max) {
                *ret_code = cmd_usage(synopsis, "too many arguments");
                return -1;
        }
        return argc - optind;
}

bool cmd_read_seconds(uint32_t *ret, const char *s)
{
        uint32_t v = 0;

        if (!*s)
                return false;
        for (; *s; s++) {
                if (*s < '0' || *s > '9' || v > 1000000)
                        return false;
                v = v * 10 + (uint32_t)(*s - '0');
        }
        *ret = v;
        return true;
}

// What came in the frame, or in a memory file beside it where it did not fit.
static enum outcome read_json(struct client *c, struct json_t **ret, struct err *err)
{
        const struct frame_field *field = frame_find(&c->frame, TAG_JSON);
        cleanup_buf struct buf text = BUF_INIT(64u << 20); // what a broker tells at most
        json_error_t e;

        if (field) {
                *ret = json_loadb((const char *)field->p, field->n, JSON_REJECT_DUPLICATES, &e);
        } else {
                char block[65536];
                ssize_t n;

                while (c->received_fd >= 0 && (n = read(c->received_fd, block, sizeof block)) > 0)
                        if (buf_append(&text, block, (size_t)n) < 0)
                                break;
                if (buf_error(&text) < 0) {
                        err_set(err, buf_error(&text) == -EMSGSIZE
                                             ? "the credential broker's answer is larger than 64 MiB"
                                             : "out of memory");
                        return OUTCOME_INTERNAL;
                }
                *ret = json_loadb(buf_str(&text), text.n, JSON_REJECT_DUPLICATES, &e);
        }
        if (*ret)
                return OUTCOME_OK;
        err_set(err, "the credential broker's answer makes no sense");
        return OUTCOME_BAD_ANSWER;
}

enum outcome cmd_get_status(const struct cli *cli, struct json_t **ret, struct err *err)
{
        return cmd_get_json(cli, MSG_STATUS, 0, NULL, ret, err);
}

enum outcome cmd_get_json(const struct cli *cli, uint16_t type, uint16_t tag, const char *text,
        struct json_t **ret, struct err *err)
{
        struct client *c = calloc(1, sizeof *c);
        enum outcome o;

        if (!c)
                return OUTCOME_INTERNAL;
        o = client_ask(c, cli, type, tag, text, MSG_JSON, err);
        if (o == OUTCOME_OK)
                o = read_json(c, ret, err);
        client_close(c);
        free(c);
        return o;
}

bool cmd_write(const void *p, size_t n)
{
        const char *s = p;

        while (n > 0) {
                ssize_t r = write(STDOUT_FILENO, s, n);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0) {
                        fprintf(stderr, _("valetkey: cannot write to stdout: %s\n"), strerror(errno));
                        return false;
                }
                s += r;
                n -= (size_t)r;
        }
        return true;
}
