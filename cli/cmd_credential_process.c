// SPDX-License-Identifier: Apache-2.0
//
// valetkey credential-process ROLE: what the shim becomes when no broker listens, and what may be run instead
// of it. Never a prompt, and done within four seconds, for some SDKs give up after five.
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>

#define DEADLINE_MS 4000
#define SYNOPSIS    "credential-process [--min-ttl SECONDS] ROLE"

static int on_option(int c, void *arg)
{
        return c == 'm' && cmd_read_seconds(arg, optarg) ? 0 : -1;
}

enum outcome cmd_print_document(const struct cli *cli, const char *role, uint32_t min_ttl, struct err *err)
{
        struct client *c = calloc(1, sizeof *c);
        const struct frame_field *json;
        enum outcome o = OUTCOME_INTERNAL;

        if (!c)
                return o;
        o = client_ask_credentials(c, cli, role, min_ttl, &json, err);
        if (o == OUTCOME_OK && !cmd_write(json->p, json->n))
                o = OUTCOME_INTERNAL;
        client_close(c);
        free(c);
        return o;
}

int cmd_credential_process(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"min-ttl", required_argument, NULL, 'm'}, {0}};
        struct err err = ERR_INIT;
        uint32_t min_ttl = 0;
        enum outcome o;
        int code, n;

        cli->deadline_ms = cli_now_ms() + DEADLINE_MS;
        n = cmd_parse(cli, argc, argv, options, on_option, &min_ttl, 1, SYNOPSIS,
                "Prints the credentials of ROLE as a credential_process document (AWS SDKs).\n"
                "\n"
                "  --min-ttl SECONDS  life wanted; a fresher session is fetched where there is less\n",
                &code);
        if (n < 0)
                return code;
        if (n != 1)
                return cmd_usage(SYNOPSIS, "which role?");
        cli->json = false; // stdout is the document or nothing
        o = cmd_print_document(cli, argv[optind], min_ttl, &err);
        return o == OUTCOME_OK ? 0 : cmd_fail(cli, o, &err);
}
