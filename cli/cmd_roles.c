// SPDX-License-Identifier: Apache-2.0
#include "cmd.h"

#include "json.h"
#include "columns.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS "roles [--names | --json]"

static int add_roles(struct buf *out, const json_t *roles)
{
        const char *const heads[] = {_("ROLE"), _("IDENTITY"), _("REGION"), _("ROLE ARN")};
        static const char *const members[] = {"name", "identity", "region", "role_arn"};

        return columns_print_members(out, roles, heads, members, ARRAY_SIZE(heads));
}

static int on_option(int c, void *arg)
{
        *(bool *)arg = c == 'n';
        return c == 'n' ? 0 : -1;
}

// For completion: nothing but names, and no broker is started for pressing a key.
static int add_names(struct buf *out, const json_t *roles)
{
        const json_t *o;
        size_t i;

        json_array_foreach(roles, i, o) buf_printf(out, "%s\n", columns_text(o, "name"));
        return buf_error(out);
}

int cmd_roles(struct cli *cli, int argc, char *argv[])
{
        cleanup_json json_t *j = NULL;
        cleanup_buf struct buf out = BUF_INIT(32u << 20);
        static const struct option options[] = {{"names", no_argument, NULL, 'n'}, {0}};
        struct err err = ERR_INIT;
        bool names = false;
        enum outcome o;
        int code;

        if (cmd_parse(cli, argc, argv, options, on_option, &names, 0, SYNOPSIS,
                    "Lists the roles that are configured.\n"
                    "\n"
                    "  --names  nothing but their names; no broker is started for that\n"
                    "  --json   the same as JSON, see valetkey(1)\n",
                    &code) < 0)
                return code;
        cli->no_start = names;
        o = cmd_get_status(cli, &j, &err);
        if (o != OUTCOME_OK)
                return cmd_fail(cli, o, &err);
        if (cli->json) {
                json_object_del(j, "identities");
                return json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0;
        }
        if ((names ? add_names : add_roles)(&out, json_object_get(j, "roles")) < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        return cmd_write(buf_str(&out), out.n) ? 0 : 1;
}
