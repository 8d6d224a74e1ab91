// SPDX-License-Identifier: Apache-2.0
#include "http_chunks.h"

#define DIGITS_MAX 15u // no size that could overflow

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// One byte of what is not data. 0; -EBADMSG.
static int step(struct http_chunks *c, char b)
{
        int v = hex_value(b);

        switch (c->state) {
        case HTTP_CHUNKS_SIZE:
                if (v >= 0) {
                        c->left = c->left * 16 + (unsigned)v;
                        return ++c->digits > DIGITS_MAX ? -EBADMSG : 0;
                }
                if (c->digits == 0 || (b != '\r' && b != ';' && b != ' ' && b != '\t'))
                        return -EBADMSG;
                c->line = 0;
                c->state = b == '\r' ? HTTP_CHUNKS_SIZE_LF : HTTP_CHUNKS_EXTENSION;
                return 0;
        case HTTP_CHUNKS_EXTENSION:
                if (b == '\r')
                        c->state = HTTP_CHUNKS_SIZE_LF;
                else if (((unsigned char)b < ' ' && b != '\t') || ++c->line > HTTP_CHUNKS_LINE_MAX)
                        return -EBADMSG;
                return 0;
        case HTTP_CHUNKS_SIZE_LF:
                c->state = c->left ? HTTP_CHUNKS_DATA : HTTP_CHUNKS_TRAILER;
                c->line = 0;
                return b == '\n' ? 0 : -EBADMSG;
        case HTTP_CHUNKS_DATA_CR:
                c->state = HTTP_CHUNKS_DATA_LF;
                return b == '\r' ? 0 : -EBADMSG;
        case HTTP_CHUNKS_DATA_LF:
                c->state = HTTP_CHUNKS_SIZE;
                c->digits = 0;
                return b == '\n' ? 0 : -EBADMSG;
        default:
                return -EBADMSG;
        }
}

// Lines until an empty one. line counts all bytes, digits those of this line; left is 1 behind a CR.
static int step_trailer(struct http_chunks *c, char b)
{
        if (++c->line > HTTP_CHUNKS_TRAILER_MAX)
                return -EBADMSG;
        if (c->left) {
                if (b != '\n')
                        return -EBADMSG;
                c->left = 0;
                if (c->digits == 0)
                        c->state = HTTP_CHUNKS_END;
                c->digits = 0;
        } else if (b == '\r') {
                c->left = 1;
        } else if ((unsigned char)b < ' ' && b != '\t') {
                return -EBADMSG;
        } else {
                c->digits++;
        }
        return 0;
}

int http_chunks_read(
        struct http_chunks *c, const char *p, size_t n, size_t *ret_used, struct http_text *ret_data)
{
        size_t i = 0;
        int r = 0;

        *ret_data = (struct http_text){p, 0};
        while (r == 0 && i < n && c->state != HTTP_CHUNKS_END) {
                if (c->state == HTTP_CHUNKS_DATA) {
                        size_t k = n - i < c->left ? n - i : (size_t)c->left;

                        *ret_data = (struct http_text){p + i, k};
                        c->left -= k;
                        i += k;
                        if (c->left == 0)
                                c->state = HTTP_CHUNKS_DATA_CR;
                        break;
                }
                if (c->state == HTTP_CHUNKS_TRAILER)
                        r = step_trailer(c, p[i]);
                else
                        r = step(c, p[i]);
                if (r == 0 && c->state == HTTP_CHUNKS_TRAILER && c->line == 0)
                        c->digits = 0;
                i++;
        }
        *ret_used = i;
        return r;
}
