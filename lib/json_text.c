// SPDX-License-Identifier: Apache-2.0
//
// Runs of bytes that need no escape are copied as runs: a session token is most of a document.
#include "json_text.h"

int json_text_string(struct buf *out, const char *s, size_t n)
{
        size_t plain = 0;

        buf_append_char(out, '"');
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)s[i];

                if (c > 0x7f)
                        return -EINVAL;
                if (c >= 0x20 && c != 0x7f && c != '"' && c != '\\')
                        continue;
                buf_append(out, s + plain, i - plain);
                plain = i + 1;
                if (c == '"' || c == '\\')
                        buf_printf(out, "\\%c", c);
                else
                        buf_printf(out, "\\u%04x", c);
        }
        buf_append(out, s + plain, n - plain);
        return buf_append_char(out, '"');
}

int json_text_member(struct buf *out, const char *name, const char *s, size_t n)
{
        if (out->n > 0 && out->p[out->n - 1] != '{')
                buf_append_char(out, ',');
        buf_append_char(out, '"');
        buf_append_str(out, name);
        buf_append(out, "\":", 2);
        return json_text_string(out, s, n);
}

int json_text_member_str(struct buf *out, const char *name, const char *s)
{
        return s ? json_text_member(out, name, s, strlen(s)) : buf_error(out);
}
