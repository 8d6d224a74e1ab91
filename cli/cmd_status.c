// SPDX-License-Identifier: Apache-2.0
//
// valetkey status: once, or on a terminal each second anew. The picture is drawn over the one before and never scrolls, so it
// can be watched; where the cursor cannot be moved there is one picture.
#include "cmd.h"

#include "columns.h"
#include "json.h"
#include "status_text.h"
#include "terminal.h"

#include <getopt.h>
#include <stdio.h>
#include <time.h>

#define SYNOPSIS "status [--watch | --names | --json]"
#define TEXT_MAX (32u << 20)

struct options {
        bool watch, names;
};

static int on_option(int c, void *arg)
{
        struct options *o = arg;

        o->watch |= c == 'w';
        o->names |= c == 'n';
        return o->watch && o->names ? -1 : 0;
}

// Each line is cleared behind its end, and what was below the last one.
static bool draw(const struct buf *text, bool first)
{
        cleanup_buf struct buf out = BUF_INIT(2 * TEXT_MAX);

        buf_append_str(&out, first ? "\033[H\033[2J" : "\033[H");
        for (const char *s = buf_str(text); *s; s++) {
                if (*s == '\n')
                        buf_append_str(&out, "\033[K");
                buf_append_char(&out, *s);
        }
        buf_append_str(&out, "\033[J");
        return !buf_error(&out) && cmd_write(out.p, out.n);
}

static enum outcome watch(const struct cli *cli, struct err *err)
{
        const struct timespec second = {.tv_sec = 1};

        for (bool first = true;; first = false) {
                unsigned lines = terminal_lines(STDOUT_FILENO);
                const struct status_look look = {.bars = true,
                        .utf8 = terminal_is_utf8(),
                        .colours = terminal_has_colours(STDOUT_FILENO),
                        .width = terminal_width(STDOUT_FILENO),
                        .lines = lines > 1 ? lines - 1 : 1};
                cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
                cleanup_json json_t *j = NULL;
                enum outcome o = cmd_get_status(cli, &j, err);

                if (o != OUTCOME_OK)
                        return o;
                if (status_text(&text, j, time(NULL), &look) < 0 || !draw(&text, first))
                        return OUTCOME_INTERNAL;
                nanosleep(&second, NULL);
        }
}

// For completion: nothing but names, and no broker is started for pressing a key.
static enum outcome names(struct cli *cli, struct err *err)
{
        cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
        cleanup_json json_t *j = NULL;
        enum outcome o;
        const json_t *id;
        size_t i;

        cli->no_start = true;
        o = cmd_get_status(cli, &j, err);
        json_array_foreach(json_object_get(j, "identities"), i, id)
                buf_printf(&text, "%s\n", columns_text(id, "name"));
        if (o != OUTCOME_OK)
                return o;
        return !buf_error(&text) && cmd_write(buf_str(&text), text.n) ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static enum outcome once(const struct cli *cli, struct err *err)
{
        const struct status_look look = {.colours = terminal_has_colours(STDOUT_FILENO),
                .width = isatty(STDOUT_FILENO) ? terminal_width(STDOUT_FILENO) : 0};
        cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
        cleanup_json json_t *j = NULL;
        enum outcome o = cmd_get_status(cli, &j, err);

        if (o != OUTCOME_OK)
                return o;
        if (cli->json)
                return json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0 ? OUTCOME_INTERNAL
                                                                                      : OUTCOME_OK;
        return status_text(&text, j, time(NULL), &look) == 0 && cmd_write(buf_str(&text), text.n)
                       ? OUTCOME_OK
                       : OUTCOME_INTERNAL;
}

int cmd_status(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {
                {"watch", no_argument, NULL, 'w'}, {"names", no_argument, NULL, 'n'}, {0}};
        struct options want = {0};
        struct err err = ERR_INIT;
        enum outcome o;
        int code;

        if (cmd_parse(cli, argc, argv, options, on_option, &want, 0, SYNOPSIS,
                    "Shows who is signed in and which role sessions are held.\n"
                    "\n"
                    "  --watch  on a terminal: each second anew, with the time left drawn as bars\n"
                    "  --names  the identities' names only; no broker is started for that\n"
                    "  --json   the same as JSON, see valetkey(1)\n",
                    &code) < 0)
                return code;
        o = want.names                                                     ? names(cli, &err)
            : want.watch && !cli->json && terminal_is_smart(STDOUT_FILENO) ? watch(cli, &err)
                                                                           : once(cli, &err);
        return o == OUTCOME_OK ? 0 : cmd_fail(cli, o, &err);
}
