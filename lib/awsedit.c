// SPDX-License-Identifier: Apache-2.0
//
// Each line with what shall become of it. An inserted line takes the line end of the one it stands in front of.
#include "awsedit.h"

struct line {
        const char *p;
        size_t n, full; // without and with its line end
        bool drop;
        char *insert; // NULL
};
struct awsedit {
        struct line *lines;
        size_t n;
};

static size_t end_of_line(const char *p, size_t n, size_t *ret_len)
{
        size_t len = 0;

        while (len < n && p[len] != '\n' && p[len] != '\r')
                len++;
        *ret_len = len;
        if (len == n)
                return len;
        return len + (p[len] == '\r' && len + 1 < n && p[len + 1] == '\n' ? 2 : 1);
}

int awsedit_new(struct awsedit **ret, const char *text, size_t n)
{
        _cleanup_(awsedit_freep) struct awsedit *e = calloc(1, sizeof *e);
        size_t count = 0, len;

        if (!e)
                return -ENOMEM;
        for (size_t at = 0; at < n; count++)
                at += end_of_line(text + at, n - at, &len);
        e->lines = calloc(count + 1, sizeof *e->lines);
        if (!e->lines)
                return -ENOMEM;
        for (size_t at = 0; at < n; e->n++) {
                struct line *l = &e->lines[e->n];

                l->p = text + at;
                l->full = end_of_line(text + at, n - at, &l->n);
                at += l->full;
        }
        *ret = TAKE_PTR(e);
        return 0;
}

struct awsedit *awsedit_free(struct awsedit *e)
{
        if (!e)
                return NULL;
        for (size_t i = 0; e->lines && i < e->n; i++)
                free(e->lines[i].insert);
        free(e->lines);
        free(e);
        return NULL;
}

// Deeper than the setting, and neither blank nor a comment.
static size_t indent(const struct line *l)
{
        size_t i = 0;

        while (i < l->n && (l->p[i] == ' ' || l->p[i] == '\t'))
                i++;
        return i;
}

static bool is_aside(const struct line *l)
{
        size_t i = indent(l);

        return i == l->n || l->p[i] == '#' || l->p[i] == ';';
}

void awsedit_drop(struct awsedit *e, unsigned line)
{
        size_t depth, i = line - 1u, last;

        if (line == 0 || i >= e->n)
                return;
        depth = indent(&e->lines[i]);
        e->lines[i].drop = true;
        // Blank lines and comments inside of what continues it go with it, those behind it stay.
        for (last = i++; i < e->n && (is_aside(&e->lines[i]) || indent(&e->lines[i]) > depth); i++)
                if (!is_aside(&e->lines[i]))
                        while (last < i)
                                e->lines[++last].drop = true;
}

int awsedit_insert(struct awsedit *e, unsigned line, const char *text)
{
        if (line == 0 || line > e->n || e->lines[line - 1].insert)
                return -EINVAL;
        e->lines[line - 1].insert = strdup(text);
        return e->lines[line - 1].insert ? 0 : -ENOMEM;
}

static void put_insert(const struct awsedit *e, size_t i, struct buf *out)
{
        const struct line *l = &e->lines[i], *model = l->full > l->n || i == 0 ? l : &e->lines[i - 1];

        buf_append_str(out, l->insert);
        if (model->full > model->n)
                buf_append(out, model->p + model->n, model->full - model->n);
        else if (!l->drop)
                buf_append_char(out, '\n');
}

int awsedit_write(const struct awsedit *e, struct buf *out)
{
        for (size_t i = 0; i < e->n; i++) {
                if (e->lines[i].insert)
                        put_insert(e, i, out);
                if (!e->lines[i].drop)
                        buf_append(out, e->lines[i].p, e->lines[i].full);
        }
        return buf_error(out);
}

// The changes from line i on that touch each other.
static size_t put_hunk(const struct awsedit *e, size_t i, size_t *new_line, struct buf *out)
{
        size_t end = i, dropped = 0, added = 0;

        while (end < e->n && (e->lines[end].drop || (e->lines[end].insert && dropped + added == 0))) {
                added += e->lines[end].insert != NULL;
                if (!e->lines[end].drop)
                        break;
                dropped++;
                end++;
        }
        if (end == i)
                added = 1;
        buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", dropped ? i + 1 : i, dropped,
                added ? *new_line + 1 : *new_line, added);
        for (size_t k = i; k < end; k++)
                buf_printf(out, "-%.*s\n", (int)e->lines[k].n, e->lines[k].p);
        for (size_t k = i; k < end || k == i; k++)
                if (e->lines[k].insert)
                        buf_printf(out, "+%s\n", e->lines[k].insert);
        *new_line += added;
        return end;
}

int awsedit_diff(const struct awsedit *e, struct buf *out, const char *path)
{
        size_t new_line = 0;

        buf_printf(out, "--- %s\n+++ %s\n", path, path);
        for (size_t i = 0; i < e->n; i++) {
                if (e->lines[i].drop || e->lines[i].insert) {
                        size_t end = put_hunk(e, i, &new_line, out);

                        if (end > i) {
                                i = end - 1;
                                continue;
                        }
                }
                new_line++;
        }
        return buf_error(out);
}
