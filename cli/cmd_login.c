// SPDX-License-Identifier: Apache-2.0
//
// valetkey login: asks the broker to sign in and shows what it says. The tokens stay there. Ending this
// program, Ctrl-C included, closes the connection, and that cancels the sign-in unless somebody else waits for
// it too.
#include "cmd.h"

#include "json.h"
#include "protocol.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#define SYNOPSIS "login [--device] [--json] [IDENTITY]"

struct shown {
        char uri[2049], uri_complete[2049], user_code[256];
        uint32_t expires_in;
};

static int on_option(int c, void *arg)
{
        const char **flow = arg;

        if (c != 'd')
                return -1;
        *flow = "device";
        return 0;
}

// Text of the provider's goes to a terminal: cleaned once more here, where it is shown.
static bool get_clean(const struct frame *f, uint16_t tag, char *dst, size_t size)
{
        char raw[2049];

        dst[0] = 0;
        if (!frame_get_str(f, tag, raw, sizeof raw))
                return false;
        err_sanitise(dst, size, raw, strlen(raw));
        return true;
}

static enum outcome show(const struct cli *cli, const struct frame *f, struct err *err)
{
        struct shown s = {0};

        if (!get_clean(f, TAG_URI, s.uri, sizeof s.uri) ||
                !get_clean(f, TAG_USER_CODE, s.user_code, sizeof s.user_code) ||
                !frame_get_u32(f, TAG_EXPIRES_IN, &s.expires_in)) {
                err_set(err, "the credential broker's answer makes no sense");
                return OUTCOME_BAD_ANSWER;
        }
        get_clean(f, TAG_URI_COMPLETE, s.uri_complete, sizeof s.uri_complete);
        if (cli->json) {
                cleanup_json json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I}", "event", "sign-in",
                        "verification_uri", s.uri, "verification_uri_complete", s.uri_complete, "user_code",
                        s.user_code, "expires_in", (json_int_t)s.expires_in);

                if (!j || json_dumpf(j, stdout, JSON_COMPACT) < 0)
                        return OUTCOME_INTERNAL;
                putchar('\n');
                fflush(stdout);
                return OUTCOME_OK;
        }
        fprintf(stderr, "To sign in, open\n\n  %s\n\nand enter the code\n\n  %s\n", s.uri, s.user_code);
        if (s.uri_complete[0])
                fprintf(stderr, "\n(the same in one: %s)\n", s.uri_complete);
        fprintf(stderr, "\nWaiting; the code is good for %" PRIu32 " minutes. Ctrl-C cancels.\n",
                (s.expires_in + 59) / 60);
        return OUTCOME_OK;
}

static enum outcome run(
        struct client *c, const struct cli *cli, const char *identity, const char *flow, struct err *err)
{
        struct frame_writer w;
        enum outcome o = client_open(c, cli, err);

        if (o != OUTCOME_OK)
                return o;
        frame_begin(&w, c->packet, sizeof c->packet, MSG_LOGIN);
        frame_put_str(&w, TAG_IDENTITY, identity);
        frame_put_str(&w, TAG_FLOW, flow);
        o = client_send(c, &w, err);
        while (o == OUTCOME_OK) {
                // The broker bounds the flow; here is only waited.
                o = client_receive(c, 0, err);
                if (o == OUTCOME_OK && c->frame.type == MSG_OK)
                        return OUTCOME_OK;
                if (o == OUTCOME_OK && c->frame.type == MSG_SIGN_IN)
                        o = show(cli, &c->frame, err);
                else if (o == OUTCOME_OK)
                        o = OUTCOME_BAD_ANSWER;
        }
        return o;
}

int cmd_login(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"device", no_argument, NULL, 'd'}, {0}};
        const char *flow = NULL;
        struct err err = ERR_INIT;
        struct client *c;
        enum outcome o;
        int code;
        int n = cmd_parse(cli, argc, argv, options, on_option, &flow, 1, SYNOPSIS,
                "Signs in at the provider of IDENTITY, or of the only one.\n"
                "\n"
                "  --device  by the device flow (this version has no other)\n"
                "  --json    one JSON object a line\n",
                &code);

        if (n < 0)
                return code;
        c = calloc(1, sizeof *c);
        if (!c)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        o = run(c, cli, n == 1 ? argv[optind] : NULL, flow, &err);
        client_close(c);
        free(c);
        if (o != OUTCOME_OK)
                return cmd_fail(cli, o, &err);
        if (cli->json)
                puts("{\"event\":\"done\",\"outcome\":\"ok\"}");
        else
                fputs("Signed in.\n", stderr);
        return 0;
}
