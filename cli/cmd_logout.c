// SPDX-License-Identifier: Apache-2.0
#include "cmd.h"

#include "json.h"
#include "protocol.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS "logout [--json] [IDENTITY]"

// {"name", "signed_out", "revoked", "reason"}: nothing of it is more than words to a terminal.
static void say(const json_t *part)
{
        char name[256] = "?", why[ERR_MAX] = "";
        const char *s;

        if (json_get_string(part, "name", sizeof name - 1, &s) == 0)
                err_sanitise(name, sizeof name, s, strlen(s));
        if (json_get_string(part, "reason", sizeof why - 1, &s) == 0)
                err_sanitise(why, sizeof why, s, strlen(s));
        if (!json_is_true(json_object_get(part, "signed_out")))
                fprintf(stderr, _("%s: nobody was signed in.\n"), name);
        else if (json_is_true(json_object_get(part, "revoked")))
                fprintf(stderr, _("%s: signed out, and revoked at the provider.\n"), name);
        else
                fprintf(stderr, _("%s: signed out here; not revoked at the provider: %s.\n"), name,
                        why[0] ? why : "it was not said why");
}

static void report(const struct client *c)
{
        const struct frame_field *f = frame_find(&c->frame, TAG_JSON);
        cleanup_json json_t *top = NULL;
        const json_t *part;
        size_t i;

        if (f && json_parse(&top, f->p, f->n, NULL) == 0)
                json_array_foreach(json_object_get(top, "identities"), i, part) say(part);
        fputs(_("Credentials that programs hold already live to their expiry.\n"), stderr);
}

static int report_json(const struct client *c)
{
        const struct frame_field *f = frame_find(&c->frame, TAG_JSON);
        cleanup_json json_t *top = NULL;

        if (!f || json_parse(&top, f->p, f->n, NULL) < 0 || !json_is_object(top))
                top = json_object();
        if (json_object_set_new(top, "outcome", json_string("ok")) < 0 ||
                json_dumpf(top, stdout, JSON_COMPACT) < 0)
                return -EIO;
        return putchar('\n') == EOF ? -EIO : 0;
}

int cmd_logout(struct cli *cli, int argc, char *argv[])
{
        struct err err = ERR_INIT;
        struct client *c;
        enum outcome o;
        int code;
        int n = cmd_parse(cli, argc, argv, NULL, NULL, NULL, 1, SYNOPSIS,
                "Forgets the sign-in and the role sessions of IDENTITY, or of all, and says whether the "
                "provider "
                "was\n"
                "told.\n"
                "\n"
                "  --json  say so as JSON\n",
                &code);

        if (n < 0)
                return code;
        c = calloc(1, sizeof *c);
        if (!c)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        o = client_ask(c, cli, MSG_LOGOUT, TAG_IDENTITY, n == 1 ? argv[optind] : NULL, MSG_OK, &err);
        code = 0;
        if (o != OUTCOME_OK)
                code = cmd_fail(cli, o, &err);
        else if (!cli->json)
                report(c);
        else if (report_json(c) < 0)
                code = cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        client_close(c);
        free(c);
        return code;
}
