// SPDX-License-Identifier: Apache-2.0
//
// Tables first, then sentences: what went wrong last does not fit into columns.
#include "status_text.h"

#include "columns.h"
#include "translate.h"
#include "wrap.h"

#define BAR_CELLS 10
#define BAR_ROOM  (3 * BAR_CELLS + 1)

static int64_t left(const json_t *o, const char *key, int64_t now_s)
{
        json_int_t at = json_integer_value(json_object_get(o, key));

        return at ? (int64_t)at - now_s : 0;
}

// How much of what the session was given is left.
static void draw_bar(char dst[BAR_ROOM], const json_t *role, int64_t now_s, bool utf8)
{
        int64_t given = json_integer_value(json_object_get(json_object_get(role, "duration"), "given")),
                rest = left(role, "expires_at", now_s);
        int full = given > 0 && rest > 0 ? (int)(rest * BAR_CELLS / given) : 0;
        size_t n = 0;

        if (rest > 0 && full == 0)
                full = 1;
        for (int i = 0; i < BAR_CELLS; i++) {
                const char *cell = i < full ? (utf8 ? "█" : "#") : utf8 ? "░" : "-";

                memcpy(dst + n, cell, strlen(cell));
                n += strlen(cell);
        }
        dst[n] = 0;
}

static struct columns_look table_of(const struct status_look *look)
{
        return (struct columns_look){.width = look->width, .colours = look->colours, .state = 1};
}

static int add_identities(
        struct buf *out, const json_t *identities, int64_t now_s, const struct status_look *look)
{
        const char *const heads[] = {_("IDENTITY"), _("STATE"), _("WHO"), _("ENDS IN"), _("ISSUER")};
        size_t n = json_array_size(identities), at = ARRAY_SIZE(heads), i;
        const char **cells = calloc((n + 1) * ARRAY_SIZE(heads), sizeof *cells);
        char(*ends)[COLUMNS_DURATION] = calloc(n + 1, sizeof *ends);
        const struct columns_look table = table_of(look);
        const json_t *o;
        int r = -ENOMEM;

        if (cells && ends) {
                memcpy(cells, heads, sizeof heads);
                json_array_foreach(identities, i, o)
                {
                        columns_duration(ends[i], left(o, "grant_expires_at", now_s));
                        cells[at++] = columns_text(o, "name");
                        cells[at++] = columns_text(o, "state");
                        cells[at++] = columns_text(o, "display");
                        cells[at++] = ends[i];
                        cells[at++] = columns_text(o, "issuer");
                }
                r = columns_print(out, cells, n + 1, ARRAY_SIZE(heads), &table);
        }
        free(cells);
        free(ends);
        return r;
}

struct role_row {
        char expires[COLUMNS_DURATION], rotates[COLUMNS_DURATION], bar[BAR_ROOM];
};

static int add_roles(struct buf *out, const json_t *roles, int64_t now_s, const struct status_look *look)
{
        const char *const heads[] = {_("ROLE"), _("STATE"), _("EXPIRES IN"), _("ROTATES IN"),
                look->bars ? _("TIME LEFT") : _("ROLE ARN")};
        size_t n = json_array_size(roles), at = ARRAY_SIZE(heads), i;
        const char **cells = calloc((n + 1) * ARRAY_SIZE(heads), sizeof *cells);
        struct role_row *rows = calloc(n + 1, sizeof *rows);
        const struct columns_look table = table_of(look);
        const json_t *o;
        int r = -ENOMEM;

        if (cells && rows) {
                memcpy(cells, heads, sizeof heads);
                json_array_foreach(roles, i, o)
                {
                        columns_duration(rows[i].expires, left(o, "expires_at", now_s));
                        columns_duration(rows[i].rotates, left(o, "next_rotation_at", now_s));
                        draw_bar(rows[i].bar, o, now_s, look->utf8);
                        cells[at++] = columns_text(o, "name");
                        cells[at++] = columns_text(o, "state");
                        cells[at++] = rows[i].expires;
                        cells[at++] = rows[i].rotates;
                        cells[at++] = look->bars ? rows[i].bar : columns_text(o, "role_arn");
                }
                r = columns_print(out, cells, n + 1, ARRAY_SIZE(heads), &table);
        }
        free(cells);
        free(rows);
        return r;
}

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
                buf_append_str(out, _("\nThere is no loopback endpoint.\n"));
        else if (json_is_true(json_object_get(e, "kept")))
                buf_printf(out, _("\nSDKs find credentials at %s.\n"), columns_text(e, "url"));
        else
                buf_printf(out,
                        _("\nSDKs find credentials at %s, which valetkeyd does not keep: after a logout, "
                          "others "
                          "can listen there.\n"),
                        columns_text(e, "url"));
}

// No more lines than there are on the terminal, those that it breaks by itself counted: what is drawn over must not have scrolled.
static int cut_lines(struct buf *out, const char *text, const struct status_look *look)
{
        unsigned line = 0, column = 0;
        bool escape = false;

        for (const char *s = text; *s; s++) {
                bool shows = !escape && *s != '\033' && *s != '\n' && ((unsigned char)*s & 0xc0) != 0x80;

                if (shows && look->width && column == look->width) {
                        column = 0;
                        line++;
                }
                if (look->lines && line >= look->lines) {
                        buf_append_str(out, look->colours ? "\033[0m" : ""); // the cut may be in a word
                        break;
                }
                buf_append_char(out, *s);
                escape = (escape || *s == '\033') && *s != 'm';
                column += shows;
                if (*s == '\n') {
                        column = 0;
                        line++;
                }
        }
        return buf_error(out);
}

int status_text(struct buf *out, const json_t *status, int64_t now_s, const struct status_look *look)
{
        const json_t *identities = json_object_get(status, "identities"),
                     *roles = json_object_get(status, "roles");
        cleanup_buf struct buf tables = BUF_INIT(out->max), sentences = BUF_INIT(out->max),
                               text = BUF_INIT(out->max);
        int r = add_identities(&tables, identities, now_s, look);

        if (r == 0)
                r = buf_append_char(&tables, '\n');
        if (r == 0)
                r = add_roles(&tables, roles, now_s, look);
        if (r < 0)
                return r;
        add_endpoint(&sentences, json_object_get(status, "endpoint"));
        add_errors(&sentences, identities, roles);
        r = buf_error(&sentences);
        if (r == 0)
                r = buf_append(&text, tables.p, tables.n);
        if (r == 0)
                r = wrap_text(&text, buf_str(&sentences), look->width, 0);
        return r < 0 ? r : cut_lines(out, buf_str(&text), look);
}
