// SPDX-License-Identifier: Apache-2.0
//
// valetkey log: which program got which role, as the broker remembers it. The journal has more, and keeps it.
#include "cmd.h"

#include "columns.h"
#include "json.h"
#include "protocol.h"
#include "translate.h"

#include <stdio.h>
#include <time.h>

#define SYNOPSIS "log [--json]"

struct row {
        char at[20], times[24], who[320];
};

// The program, by what it is called, with its pid; of a sandbox or a section, by that name.
static void fill(struct row *row, const json_t *o)
{
        const char *app = json_string_value(json_object_get(o, "app")), *exe = columns_text(o, "exe");
        json_int_t pid = json_integer_value(json_object_get(o, "pid"));
        time_t at = (time_t)json_integer_value(json_object_get(o, "at"));
        char text[320] = "";
        struct tm tm;

        if (!localtime_r(&at, &tm) || strftime(row->at, sizeof row->at, "%m-%d %H:%M:%S", &tm) == 0)
                snprintf(row->at, sizeof row->at, "-");
        snprintf(row->times, sizeof row->times, "%" JSON_INTEGER_FORMAT,
                json_integer_value(json_object_get(o, "times")));
        snprintf(text, sizeof text, "%s", app ? app : exe);
        err_sanitise(row->who, sizeof row->who, text, strlen(text));
        if (pid > 0) {
                size_t n = strlen(row->who);

                snprintf(row->who + n, sizeof row->who - n, "[%" JSON_INTEGER_FORMAT "]", pid);
        }
}

static int add_handouts(struct buf *out, const json_t *list)
{
        const char *const heads[] = {
                _("LAST AT"), _("TIMES"), _("ROLE"), _("DOOR"), _("ACCESS KEY ID"), _("PROGRAM")};
        size_t n = json_array_size(list), at = ARRAY_SIZE(heads), i;
        const char **cells = calloc((n + 1) * ARRAY_SIZE(heads), sizeof *cells);
        struct row *rows = calloc(n + 1, sizeof *rows);
        const json_t *o;
        int r = -ENOMEM;

        if (cells && rows) {
                memcpy(cells, heads, sizeof heads);
                json_array_foreach(list, i, o)
                {
                        fill(&rows[i], o);
                        cells[at++] = rows[i].at;
                        cells[at++] = rows[i].times;
                        cells[at++] = columns_text(o, "role");
                        cells[at++] = columns_text(o, "door");
                        cells[at++] = columns_text(o, "access_key_id");
                        cells[at++] = rows[i].who;
                }
                r = columns_print(out, cells, n + 1, ARRAY_SIZE(heads), NULL);
        }
        free(cells);
        free(rows);
        return r;
}

int cmd_log(struct cli *cli, int argc, char *argv[])
{
        cleanup_buf struct buf out = BUF_INIT(4u << 20);
        cleanup_json json_t *j = NULL;
        struct err err = ERR_INIT;
        json_int_t forgotten;
        enum outcome o;
        int code;

        if (cmd_parse(cli, argc, argv, NULL, NULL, NULL, 0, SYNOPSIS,
                    "Shows which programs were handed which roles since the broker was started, the last one "
                    "last.\n"
                    "\n"
                    "  --json  the same as JSON\n"
                    "  --help  this text\n",
                    &code) < 0)
                return code;
        o = cmd_get_json(cli, MSG_LOG, 0, NULL, &j, &err);
        if (o != OUTCOME_OK)
                return cmd_fail(cli, o, &err);
        if (cli->json)
                return json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0;
        if (add_handouts(&out, json_object_get(j, "handouts")) < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        forgotten = json_integer_value(json_object_get(j, "forgotten"));
        if (forgotten > 0)
                buf_printf(&out, _("\nBefore these, %lld more are forgotten here; see the journal.\n"),
                        (long long)forgotten);
        return cmd_write(buf_str(&out), out.n) ? 0 : 1;
}
