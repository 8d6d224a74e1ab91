// SPDX-License-Identifier: Apache-2.0
#include "cmd.h"

#include "json.h"
#include "columns.h"

#include <stdio.h>
#include <time.h>

#define SYNOPSIS "status [--json]"

static int64_t left(const json_t *o, const char *key)
{
        json_int_t at = json_integer_value(json_object_get(o, key));

        return at ? (int64_t)at - (int64_t)time(NULL) : 0;
}

static int add_identities(struct buf *out, const json_t *identities)
{
        static const char *const heads[] = {"IDENTITY", "STATE", "WHO", "ISSUER"};
        static const char *const members[] = {"name", "state", "display", "issuer"};

        return columns_print_members(out, identities, heads, members, ARRAY_SIZE(heads));
}

static int add_roles(struct buf *out, const json_t *roles)
{
        static const char *const heads[] = {"ROLE", "STATE", "EXPIRES IN", "ROTATES IN", "ROLE ARN"};
        size_t n = json_array_size(roles), at = ARRAY_SIZE(heads), i;
        const char **cells = calloc((n + 1) * ARRAY_SIZE(heads), sizeof *cells);
        char(*durations)[2][COLUMNS_DURATION] = calloc(n + 1, sizeof *durations);
        const json_t *o;
        int r = -ENOMEM;

        if (cells && durations) {
                memcpy(cells, heads, sizeof heads);
                json_array_foreach(roles, i, o)
                {
                        columns_duration(durations[i][0], left(o, "expires_at"));
                        columns_duration(durations[i][1], left(o, "next_rotation_at"));
                        cells[at++] = columns_text(o, "name");
                        cells[at++] = columns_text(o, "state");
                        cells[at++] = durations[i][0];
                        cells[at++] = durations[i][1];
                        cells[at++] = columns_text(o, "role_arn");
                }
                r = columns_print(out, cells, n + 1, ARRAY_SIZE(heads));
        }
        free(cells);
        free(durations);
        return r;
}

// What went wrong last, below the tables: sentences do not fit into columns.
static void add_errors(struct buf *out, const json_t *identities, const json_t *roles)
{
        const json_t *o;
        size_t i;

        json_array_foreach(identities, i, o) if (json_string_length(json_object_get(o, "reason")) > 0)
                buf_printf(out, "\n%s\n", columns_text(o, "reason"));
        json_array_foreach(roles, i, o)
        {
                const json_t *e = json_object_get(o, "last_error");

                if (json_is_object(e))
                        buf_printf(out, "\n%s\n", columns_text(e, "message"));
        }
}

// Where SDKs that know HTTP ask. A port that nobody keeps is worth a word: see valetkey-endpoint(7).
static void add_endpoint(struct buf *out, const json_t *e)
{
        if (!json_is_object(e))
                buf_append_str(out, "\nThere is no loopback endpoint.\n");
        else
                buf_printf(out, "\nSDKs find credentials at %s%s\n", columns_text(e, "url"),
                        json_is_true(json_object_get(e, "kept")) ? "."
                                                                 : ", which valetkeyd does not keep: after a "
                                                                   "logout, others can listen there.");
}

int cmd_status(struct cli *cli, int argc, char *argv[])
{
        cleanup_json json_t *j = NULL;
        cleanup_buf struct buf out = BUF_INIT(32u << 20);
        const json_t *identities, *roles;
        struct err err = ERR_INIT;
        enum outcome o;
        int code;

        if (cmd_parse(cli, argc, argv, NULL, NULL, NULL, 0, SYNOPSIS,
                    "Shows who is signed in and which role sessions are held.\n"
                    "\n"
                    "  --json  the same as JSON, see valetkey(1)\n",
                    &code) < 0)
                return code;
        o = cmd_get_status(cli, &j, &err);
        if (o != OUTCOME_OK)
                return cmd_fail(cli, o, &err);
        if (cli->json)
                return json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0;
        identities = json_object_get(j, "identities");
        roles = json_object_get(j, "roles");
        if (add_identities(&out, identities) < 0 || buf_append_char(&out, '\n') < 0 ||
                add_roles(&out, roles) < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        add_endpoint(&out, json_object_get(j, "endpoint"));
        add_errors(&out, identities, roles);
        return cmd_write(buf_str(&out), out.n) ? 0 : 1;
}
