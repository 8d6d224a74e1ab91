// SPDX-License-Identifier: Apache-2.0
#include "columns.h"

#include <inttypes.h>
#include <stdio.h>

// Columns on the terminal, counting UTF-8 characters.
static size_t width_of(const char *s)
{
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char)*s & 0xc0) != 0x80;
        return n;
}

int columns_print(struct buf *out, const char *const *cells, size_t rows, size_t columns)
{
        size_t widths[COLUMNS_MAX] = {0};

        if (columns > COLUMNS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < rows * columns; i++) {
                size_t w = width_of(cells[i]);

                if (w > widths[i % columns])
                        widths[i % columns] = w;
        }
        for (size_t i = 0; i < rows * columns; i++) {
                size_t column = i % columns;

                buf_append_str(out, cells[i]);
                if (column == columns - 1) {
                        buf_append_char(out, '\n');
                        continue;
                }
                for (size_t pad = width_of(cells[i]); pad < widths[column] + 2; pad++)
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
        r = columns_print(out, cells, n + 1, columns);
        free(cells);
        return r;
}
