// SPDX-License-Identifier: Apache-2.0
//
// Tables first, then sentences: what went wrong last does not fit into columns.
#include "status_text.h"

#include "columns.h"

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

static int add_identities(struct buf *out, const json_t *identities, int64_t now_s)
{
        static const char *const heads[] = {"IDENTITY", "STATE", "WHO", "ENDS IN", "ISSUER"};
        size_t n = json_array_size(identities), at = ARRAY_SIZE(heads), i;
        const char **cells = calloc((n + 1) * ARRAY_SIZE(heads), sizeof *cells);
        char(*ends)[COLUMNS_DURATION] = calloc(n + 1, sizeof *ends);
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
                r = columns_print(out, cells, n + 1, ARRAY_SIZE(heads));
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
        const char *const heads[] = {
                "ROLE", "STATE", "EXPIRES IN", "ROTATES IN", look->bars ? "TIME LEFT" : "ROLE ARN"};
        size_t n = json_array_size(roles), at = ARRAY_SIZE(heads), i;
        const char **cells = calloc((n + 1) * ARRAY_SIZE(heads), sizeof *cells);
        struct role_row *rows = calloc(n + 1, sizeof *rows);
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
                r = columns_print(out, cells, n + 1, ARRAY_SIZE(heads));
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
                buf_append_str(out, "\nThere is no loopback endpoint.\n");
        else
                buf_printf(out, "\nSDKs find credentials at %s%s\n", columns_text(e, "url"),
                        json_is_true(json_object_get(e, "kept")) ? "."
                                                                 : ", which valetkeyd does not keep: after a "
                                                                   "logout, others can listen there.");
}

// Cuts what does not fit, by characters and not by bytes.
static int fit(struct buf *out, const char *text, const struct status_look *look)
{
        unsigned column = 0, line = 0;

        for (const char *s = text; *s; s++) {
                bool begins = ((unsigned char)*s & 0xc0) != 0x80;

                if (look->lines && line >= look->lines)
                        break;
                if (*s == '\n') {
                        buf_append_char(out, '\n');
                        column = 0;
                        line++;
                        continue;
                }
                column += begins;
                if (!look->width || column <= look->width)
                        buf_append_char(out, *s);
        }
        return buf_error(out);
}

int status_text(struct buf *out, const json_t *status, int64_t now_s, const struct status_look *look)
{
        const json_t *identities = json_object_get(status, "identities"),
                     *roles = json_object_get(status, "roles");
        cleanup_buf struct buf text = BUF_INIT(out->max);
        int r = add_identities(&text, identities, now_s);

        if (r == 0)
                r = buf_append_char(&text, '\n');
        if (r == 0)
                r = add_roles(&text, roles, now_s, look);
        if (r < 0)
                return r;
        add_endpoint(&text, json_object_get(status, "endpoint"));
        add_errors(&text, identities, roles);
        return buf_error(&text) ? buf_error(&text) : fit(out, buf_str(&text), look);
}
