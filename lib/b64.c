// SPDX-License-Identifier: Apache-2.0
//
// One text for each byte string: a decoder that forgave padding, white space or leftover bits would let two
// different tokens carry the same signature, and a cache or a log would hold them for two.
#include "b64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Appends p's n bytes as base64url. 0, or the buffer's error.
int b64url_encode(struct buf *out, const void *p, size_t n)
{
        const unsigned char *s = p;
        char *at;

        if (n > SIZE_MAX / 4 * 3 - 2)
                return -EMSGSIZE;
        at = buf_extend(out, n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0));
        if (!at)
                return buf_error(out);
        for (size_t i = 0; i < n; i += 3) {
                size_t have = n - i < 3 ? n - i : 3;
                uint32_t v = (uint32_t)s[i] << 16;

                if (have > 1)
                        v |= (uint32_t)s[i + 1] << 8;
                if (have > 2)
                        v |= s[i + 2];
                for (size_t k = 0; k <= have; k++)
                        *at++ = alphabet[v >> (18 - 6 * k) & 63];
        }
        return 0;
}

// The value of one character, -1 where it is not in the alphabet.
static int value_of(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '-' ? 62 : c == '_' ? 63 : -1;
}

// Appends the bytes that s spells. On failure out is as long as before.
int b64url_decode(struct buf *out, const char *s, size_t n)
{
        size_t before = out->n, bytes = n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0);
        uint32_t v = 0;
        char *at;

        if (n % 4 == 1)
                return -EBADMSG;
        at = buf_extend(out, bytes);
        if (!at)
                return buf_error(out);
        for (size_t i = 0; i < n; i++) {
                int c = value_of(s[i]);

                if (c < 0)
                        goto bad;
                v = v << 6 | (uint32_t)c;
                if (i % 4 == 0)
                        continue;
                *at++ = (char)(unsigned char)(v >> (6 - 2 * (i % 4)) & 0xff);
        }
        if ((n % 4 == 2 && v & 15) || (n % 4 == 3 && v & 3))
                goto bad;
        return 0;
bad:
        explicit_bzero(out->p + before, bytes);
        out->n = before;
        return -EBADMSG;
}

int b64_encode(struct buf *out, const void *p, size_t n)
{
        size_t start = out->n;
        int r = b64url_encode(out, p, n);

        for (size_t i = start; r == 0 && i < out->n; i++)
                out->p[i] = out->p[i] == '-' ? '+' : out->p[i] == '_' ? '/' : out->p[i];
        while (r == 0 && (out->n - start) % 4 != 0)
                r = buf_append_char(out, '=');
        return r;
}

int b64_decode(struct buf *out, const char *s, size_t n)
{
        cleanup_buf struct buf url = BUF_INIT(n + 1);
        size_t pad = 0;

        while (pad < 2 && pad < n && s[n - 1 - pad] == '=')
                pad++;
        if (n % 4 != 0 || memchr(s, '-', n) || memchr(s, '_', n))
                return -EBADMSG;
        for (size_t i = 0; i < n - pad; i++)
                buf_append_char(&url, s[i] == '+' ? '-' : s[i] == '/' ? '_' : s[i]);
        return buf_error(&url) ? buf_error(&url) : b64url_decode(out, buf_str(&url), url.n);
}
