// SPDX-License-Identifier: Apache-2.0
//
// valetkey login: asks the broker to sign in and shows what it says, or opens a browser. The tokens stay there. Ending this
// program, Ctrl-C included, closes the connection, and that cancels the sign-in unless somebody else waits for
// it too.
#include "browser.h"
#include "cmd.h"
#include "qr.h"
#include "terminal.h"
#include "wait_shown.h"

#include "json.h"
#include "protocol.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS "login [--browser [--callback-port PORT] | --device] [--if-needed] [--json] [IDENTITY]"

struct login {
        const char *identity, *flow; // flow NULL: whichever suits
        uint32_t port;
        bool if_needed;
};

struct shown {
        char uri[16384], uri_complete[2049], user_code[256], flow[16];
        uint32_t expires_in, open;
};

static int on_option(int c, void *arg)
{
        struct login *l = arg;
        char *end;
        unsigned long port;

        switch (c) {
        case 'd':
        case 'b':
                if (l->flow && l->flow[0] != (char)c)
                        return -1;
                l->flow = c == 'd' ? "device" : "browser";
                return 0;
        case 'n':
                l->if_needed = true;
                return 0;
        case 'p':
                port = strtoul(optarg, &end, 10);
                if (*end || optarg[0] < '0' || optarg[0] > '9' || port < 1024 || port > 65535)
                        return -1;
                l->port = (uint32_t)port;
                return 0;
        default:
                return -1;
        }
}

// Text of the provider's goes to a terminal: cleaned once more here, where it is shown.
static bool get_clean(const struct frame *f, uint16_t tag, char *dst, size_t size)
{
        char raw[16384];

        dst[0] = 0;
        if (!frame_get_str(f, tag, raw, sizeof raw < size ? sizeof raw : size))
                return false;
        err_sanitise(dst, size, raw, strlen(raw));
        return true;
}

static enum outcome show_json(const struct shown *s)
{
        cleanup_json json_t *j = json_pack("{s:s, s:s, s:s, s:I}", "event", "sign-in", "flow", s->flow,
                "verification_uri", s->uri, "expires_in", (json_int_t)s->expires_in);

        if (j && s->user_code[0] &&
                (json_object_set_new(j, "verification_uri_complete", json_string(s->uri_complete)) < 0 ||
                        json_object_set_new(j, "user_code", json_string(s->user_code)) < 0))
                return OUTCOME_INTERNAL;
        if (!j || json_dumpf(j, stdout, JSON_COMPACT) < 0)
                return OUTCOME_INTERNAL;
        putchar('\n');
        fflush(stdout);
        return OUTCOME_OK;
}

static void show_browser(const struct shown *s)
{
        if (s->open && browser_open(s->uri))
                fprintf(stderr, _("Sign in in the browser. If no page has opened, open\n\n  %s\n"), s->uri);
        else
                fprintf(stderr, _("To sign in, open in a browser on this machine\n\n  %s\n"), s->uri);
        fprintf(stderr, _("\nWaiting for %u minutes at most. Ctrl-C cancels.\n"), (s->expires_in + 59) / 60);
}

// The address as a picture, for a telephone.
static void show_qr(const struct shown *s)
{
        cleanup_buf struct buf out = BUF_INIT(64u << 10);

        if (!isatty(STDERR_FILENO) || !terminal_is_utf8() ||
                qr_draw(&out, s->uri_complete[0] ? s->uri_complete : s->uri, "  ",
                        terminal_width(STDERR_FILENO)) < 0 ||
                out.n == 0)
                return;
        fprintf(stderr, "\n%s", buf_str(&out));
}

static enum outcome show(const struct cli *cli, const struct frame *f, struct wait_shown *w, struct err *err)
{
        struct shown s = {0};

        if (!get_clean(f, TAG_URI, s.uri, sizeof s.uri) || !get_clean(f, TAG_FLOW, s.flow, sizeof s.flow) ||
                !frame_get_u32(f, TAG_EXPIRES_IN, &s.expires_in) ||
                (strcmp(s.flow, "device") == 0 &&
                        !get_clean(f, TAG_USER_CODE, s.user_code, sizeof s.user_code))) {
                err_set(err, "the credential broker's answer makes no sense");
                return OUTCOME_BAD_ANSWER;
        }
        get_clean(f, TAG_URI_COMPLETE, s.uri_complete, sizeof s.uri_complete);
        (void)frame_get_u32(f, TAG_OPEN, &s.open);
        if (cli->json)
                return show_json(&s);
        wait_shown_begin(w, s.expires_in);
        if (!s.user_code[0]) {
                show_browser(&s);
                return OUTCOME_OK;
        }
        fprintf(stderr, _("To sign in, open\n\n  %s\n\nand enter the code\n\n  %s\n"), s.uri, s.user_code);
        if (s.uri_complete[0])
                fprintf(stderr, _("\n(the same in one: %s)\n"), s.uri_complete);
        show_qr(&s);
        fprintf(stderr, _("\nWaiting; the code is good for %u minutes. Ctrl-C cancels.\n"),
                (s.expires_in + 59) / 60);
        return OUTCOME_OK;
}

static enum outcome run(struct client *c, const struct cli *cli, const struct login *l, struct err *err)
{
        struct frame_writer q;
        struct wait_shown w = {0};
        enum outcome o = client_open(c, cli, err);

        if (o != OUTCOME_OK)
                return o;
        frame_begin(&q, c->packet, sizeof c->packet, MSG_LOGIN);
        frame_put_str(&q, TAG_IDENTITY, l->identity);
        frame_put_str(&q, TAG_FLOW, l->flow);
        if (l->port)
                frame_put_u32(&q, TAG_PORT, l->port);
        o = client_send(c, &q, err);
        while (o == OUTCOME_OK) {
                o = wait_shown_receive(&w, c, err);
                if (o == OUTCOME_OK && c->frame.type == MSG_OK)
                        return OUTCOME_OK;
                if (o == OUTCOME_OK && c->frame.type == MSG_SIGN_IN)
                        o = show(cli, &c->frame, &w, err);
                else if (o == OUTCOME_OK)
                        o = OUTCOME_BAD_ANSWER;
        }
        return o;
}

// Where nobody said which: a browser where there is one to see, else a code; and the other one where the provider has not that.
static enum outcome sign_in(const struct cli *cli, struct login *l, struct err *err)
{
        bool any = !l->flow;
        enum outcome o;

        if (any)
                l->flow = browser_is_likely() ? "browser" : "device";
        for (;;) {
                struct client *c = calloc(1, sizeof *c);

                if (!c)
                        return OUTCOME_INTERNAL;
                err_clear(err);
                o = run(c, cli, l, err);
                client_close(c);
                free(c);
                if (!any || o != OUTCOME_MISCONFIGURED || l->port)
                        return o;
                any = false;
                l->flow = strcmp(l->flow, "device") == 0 ? "browser" : "device";
        }
}

// Whether somebody is signed in already: the identity that is meant, or all.
static enum outcome is_needed(const struct cli *cli, const char *identity, bool *ret, struct err *err)
{
        cleanup_json json_t *status = NULL;
        enum outcome o = cmd_get_status(cli, &status, err);
        const json_t *all = json_object_get(status, "identities");
        bool found = false;

        *ret = false;
        for (size_t i = 0; o == OUTCOME_OK && i < json_array_size(all); i++) {
                const json_t *id = json_array_get(all, i);
                const char *name = json_string_value(json_object_get(id, "name")),
                           *state = json_string_value(json_object_get(id, "state"));

                if (identity && (!name || strcmp(name, identity) != 0))
                        continue;
                found = true;
                *ret |= !state || strcmp(state, "signed-in") != 0;
        }
        if (o == OUTCOME_OK && !found)
                *ret = true; // and what is wrong is said by who is asked to sign in
        return o;
}

int cmd_login(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"device", no_argument, NULL, 'd'},
                {"browser", no_argument, NULL, 'b'}, {"callback-port", required_argument, NULL, 'p'},
                {"if-needed", no_argument, NULL, 'n'}, {0}};
        struct login l = {0};
        struct err err = ERR_INIT;
        enum outcome o = OUTCOME_OK;
        bool needed = true;
        int code;
        int n = cmd_parse(cli, argc, argv, options, on_option, &l, 1, SYNOPSIS,
                "Signs in at the provider of IDENTITY, or of the only one.\n"
                "\n"
                "  --browser             in a browser on this machine\n"
                "  --callback-port PORT  where it comes back to (for ssh -L)\n"
                "  --device              by a code that is entered in any browser\n"
                "  --if-needed           only where nobody is signed in\n"
                "  --json                one JSON object a line\n",
                &code);

        if (n < 0)
                return code;
        if (l.port && (!l.flow || strcmp(l.flow, "browser") != 0))
                return cmd_usage(SYNOPSIS, "--callback-port goes with --browser");
        l.identity = n == 1 ? argv[optind] : NULL;
        if (l.if_needed)
                o = is_needed(cli, l.identity, &needed, &err);
        if (o == OUTCOME_OK && needed)
                o = sign_in(cli, &l, &err);
        if (o != OUTCOME_OK)
                return cmd_fail(cli, o, &err);
        if (cli->json)
                puts("{\"event\":\"done\",\"outcome\":\"ok\"}");
        else
                fputs(needed ? _("Signed in.\n") : _("Signed in already.\n"), stderr);
        return 0;
}
