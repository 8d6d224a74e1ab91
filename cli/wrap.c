// SPDX-License-Identifier: Apache-2.0
//
// Columns are counted as characters: what is wide or joins another is rare in what is said here, and only looks less tidy.
#include "wrap.h"

#include "terminal.h"

static size_t columns_of(const char *s, size_t n)
{
        size_t columns = 0;

        for (size_t i = 0; i < n; i++)
                columns += ((unsigned char)s[i] & 0xc0) != 0x80;
        return columns;
}

static void append_blanks(struct buf *out, size_t n)
{
        for (; n > 0; n--)
                buf_append_char(out, ' ');
}

// Words from column at on, and below on the lines that follow.
static void append_words(struct buf *out, const char *s, size_t n, size_t at, size_t below, size_t width)
{
        // Where the head takes most of a narrow terminal, its text goes on near the margin.
        if (below > width / 2)
                below = width > 8 ? 4 : 0;
        for (size_t i = 0, gap = 0; i < n;) {
                size_t word = i, used;

                while (word < n && s[word] != ' ')
                        word++;
                used = columns_of(s + i, word - i);
                if (at + gap + used > width && at > below) {
                        buf_append_char(out, '\n');
                        at = 0;
                        gap = below;
                }
                append_blanks(out, gap);
                buf_append(out, s + i, word - i);
                at += gap + used;
                for (gap = 0, i = word; i < n && s[i] == ' '; i++)
                        gap++;
        }
}

// Bytes of the line that stand before its text: the indentation, and what is explained.
static size_t head_of(const char *line, size_t n)
{
        size_t indent = 0, gap;

        while (indent < n && line[indent] == ' ')
                indent++;
        for (gap = indent; gap + 1 < n; gap++)
                if (line[gap] == ' ' && line[gap + 1] == ' ')
                        break;
        while (gap < n && line[gap] == ' ')
                gap++;
        return gap + 1 < n ? gap : indent;
}

int wrap_text(struct buf *out, const char *text, size_t width, size_t hang)
{
        while (*text) {
                size_t n = strcspn(text, "\n"), head = head_of(text, n), at = columns_of(text, head);
                bool explains = strspn(text, " ") < head;

                if (width == 0 || columns_of(text, n) <= width) {
                        buf_append(out, text, n);
                } else {
                        buf_append(out, text, head);
                        append_words(out, text + head, n - head, at, explains ? at : at + hang, width);
                }
                text += n;
                if (*text == '\n') {
                        buf_append_char(out, '\n');
                        text++;
                }
        }
        return buf_error(out);
}

void wrap_print(FILE *to, const char *text, size_t width, size_t hang)
{
        cleanup_buf struct buf out = BUF_INIT(1u << 20);

        if (isatty(fileno(to)))
                width = terminal_width(fileno(to));
        // Without memory it is said as it is.
        fputs(wrap_text(&out, text, width, hang) == 0 ? buf_str(&out) : text, to);
}

void wrap_print_from(FILE *to, const char *text, size_t column)
{
        cleanup_buf struct buf out = BUF_INIT(1u << 20);

        if (isatty(fileno(to)))
                append_words(&out, text, strlen(text), column, column, terminal_width(fileno(to)));
        fputs(out.n > 0 && buf_error(&out) == 0 ? buf_str(&out) : text, to);
}
