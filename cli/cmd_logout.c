// SPDX-License-Identifier: Apache-2.0
#include "cmd.h"

#include "protocol.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS "logout [--json] [IDENTITY]"

int cmd_logout(struct cli *cli, int argc, char *argv[])
{
        struct err err = ERR_INIT;
        struct client *c;
        enum outcome o;
        int code;
        int n = cmd_parse(cli, argc, argv, NULL, NULL, NULL, 1, SYNOPSIS,
                "Forgets the sign-in and the role sessions of IDENTITY, or of all.\n"
                "\n"
                "  --json  say so as JSON\n",
                &code);

        if (n < 0)
                return code;
        c = calloc(1, sizeof *c);
        if (!c)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        o = client_ask(c, cli, MSG_LOGOUT, TAG_IDENTITY, n == 1 ? argv[optind] : NULL, MSG_OK, &err);
        client_close(c);
        free(c);
        if (o != OUTCOME_OK)
                return cmd_fail(cli, o, &err);
        if (cli->json)
                puts("{\"outcome\":\"ok\"}");
        else
                fputs("Signed out. Credentials that programs hold already live to their expiry.\n", stderr);
        return 0;
}
