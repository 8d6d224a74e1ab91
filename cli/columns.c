// SPDX-License-Identifier: Apache-2.0
#include "columns.h"

#include "err.h"
#include "terminal.h"
#include "wrap.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

// Columns on the terminal, counting UTF-8 characters.
static size_t width_of(const char *s)
{
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char)*s & 0xc0) != 0x80;
        return n;
}

// Blanks behind a head.
static int pad(size_t width, const char *head)
{
        size_t n = width_of(head);

        return n < width ? (int)(width - n) : 0;
}

enum tint columns_tint(const char *state)
{
        static const char *const good[] = {"valid", "signed-in", "refreshing"}, *const bad[] = {"expired",
                                                                                        "needs-login"};

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                if (strcmp(state, good[i]) == 0)
                        return TINT_GOOD;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (strcmp(state, bad[i]) == 0)
                        return TINT_BAD;
        return TINT_NONE;
}

static const char *begin_of(enum tint t)
{
        return t == TINT_GOOD ? "\033[32m" : t == TINT_BAD ? "\033[31m" : "";
}

static const char *end_of(enum tint t)
{
        return t == TINT_NONE ? "" : "\033[0m";
}

void columns_line_tinted(
        const char *head, enum tint of_head, size_t width, const char *text, enum tint of_text)
{
        char clean[2048];

        if (!text || !*text)
                return;
        if (!terminal_has_colours(STDOUT_FILENO))
                of_head = of_text = TINT_NONE;
        err_sanitise(clean, sizeof clean, text, strlen(text));
        printf("%s%s%s%*s%s", begin_of(of_head), head, end_of(of_head), pad(width + 1, head), "",
                begin_of(of_text));
        wrap_print_from(stdout, clean, width + 1);
        printf("%s\n", end_of(of_text));
}

void columns_line(const char *head, size_t width, const char *text)
{
        columns_line_tinted(head, TINT_NONE, width, text, TINT_NONE);
}

// How many columns there is room for; two at least.
static size_t fitting(const size_t *widths, size_t columns, size_t width)
{
        size_t n = 0, at = 0;

        while (n < columns && (n < 2 || at + widths[n] <= width))
                at += widths[n++] + 2;
        return n;
}

int columns_print(struct buf *out, const char *const *cells, size_t rows, size_t columns,
        const struct columns_look *look)
{
        size_t widths[COLUMNS_MAX] = {0}, shown = columns;

        if (columns > COLUMNS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < rows * columns; i++) {
                size_t w = width_of(cells[i]);

                if (w > widths[i % columns])
                        widths[i % columns] = w;
        }
        if (look && look->width)
                shown = fitting(widths, columns, look->width);
        for (size_t i = 0; i < rows * columns; i++) {
                size_t column = i % columns;
                enum tint t = look && look->colours && i >= columns && column == look->state
                                      ? columns_tint(cells[i])
                                      : TINT_NONE;

                if (column >= shown)
                        continue;
                buf_append_str(out, begin_of(t));
                buf_append_str(out, cells[i]);
                buf_append_str(out, end_of(t));
                if (column == shown - 1) {
                        buf_append_char(out, '\n');
                        continue;
                }
                for (size_t n = width_of(cells[i]); n < widths[column] + 2; n++)
                        buf_append_char(out, ' ');
        }
        return buf_error(out);
}

void columns_duration(char dst[COLUMNS_DURATION], int64_t s)
{
        if (s <= 0)
                snprintf(dst, COLUMNS_DURATION, "-");
        else if (s < 120)
                snprintf(dst, COLUMNS_DURATION, "%" PRId64 " s", s);
        else if (s < 7200)
                snprintf(dst, COLUMNS_DURATION, "%" PRId64 " min", s / 60);
        else
                snprintf(dst, COLUMNS_DURATION, "%" PRId64 " h %02" PRId64 " min", s / 3600, s % 3600 / 60);
}

const char *columns_text(const json_t *o, const char *member)
{
        const char *s = json_string_value(json_object_get(o, member));

        return s && s[0] ? s : "-";
}

int columns_print_members(struct buf *out, const json_t *objects, const char *const *heads,
        const char *const *members, size_t columns)
{
        size_t n = json_array_size(objects), at = columns, i;
        const char **cells = calloc((n + 1) * columns, sizeof *cells);
        const json_t *o;
        int r;

        if (!cells)
                return -ENOMEM;
        memcpy(cells, heads, columns * sizeof *heads);
        json_array_foreach(objects, i, o)
        {
                for (size_t c = 0; c < columns; c++)
                        cells[at++] = columns_text(o, members[c]);
        }
        r = columns_print(out, cells, n + 1, columns, NULL);
        free(cells);
        return r;
}
