// SPDX-License-Identifier: Apache-2.0
//
// Form encoding both ways. One encoder serves OAuth and AWS alike: everything but the unreserved characters
// of RFC 3986 becomes %XX in upper case, a space becomes %20 and never "+", because AWS signs what it decodes
// from %20 while every form decoder understands both. Values pass through here on their way to a token
// endpoint, so all scratch memory is a struct buf, which clears itself.
#include "form.h"

static bool is_unreserved(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.' || c == '_' || c == '~';
}

// Percent-encodes n bytes. Returns the buffer's error.
int form_encode(struct buf *out, const char *s, size_t n)
{
        static const char hex[] = "0123456789ABCDEF";

        for (size_t i = 0; i < n;) {
                size_t run = i;

                while (run < n && is_unreserved(s[run]))
                        run++;
                if (run > i)
                        buf_append(out, s + i, run - i);
                if (run < n) {
                        const unsigned char c = (unsigned char)s[run++];
                        const char x[3] = {'%', hex[c >> 4], hex[c & 15]};

                        buf_append(out, x, sizeof x);
                }
                i = run;
        }
        return buf_error(out);
}

// Appends one pair; value NULL: nothing. Returns the buffer's error.
int form_add(struct buf *out, const char *key, const char *value)
{
        return form_add_n(out, key, value, value ? strlen(value) : 0);
}

// The same with a length, for values that may hold any byte.
int form_add_n(struct buf *out, const char *key, const char *value, size_t n)
{
        if (!value)
                return buf_error(out);
        if (out->n)
                buf_append_char(out, '&');
        form_encode(out, key, strlen(key));
        buf_append_char(out, '=');
        return form_encode(out, value, n);
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

// Decodes n bytes into an emptied buffer. A NUL is refused, plain or encoded: behind it a C string would end
// where the sender's did not.
static int form_decode(struct buf *out, const char *s, size_t n)
{
        buf_reset(out);
        for (size_t i = 0; i < n; i++) {
                char c = s[i];

                if (c == '+') {
                        c = ' ';
                } else if (c == '%') {
                        int hi = n - i > 2 ? hex_digit(s[i + 1]) : -1;
                        int lo = n - i > 2 ? hex_digit(s[i + 2]) : -1;

                        if (hi < 0 || lo < 0)
                                return -EBADMSG;
                        c = (char)(hi << 4 | lo);
                        i += 2;
                }
                if (c == 0)
                        return -EBADMSG;
                if (buf_append_char(out, c) < 0)
                        return buf_error(out);
        }
        return 0;
}

// Walks the pairs of a form. Empty segments ("a=b&&c=d") are passed over; a segment without "=" is a key with
// the value "". Key and value are borrowed for the call. Returns 0, -EBADMSG, -ENOMEM or what cb said.
int form_walk(const char *s, size_t n,
        int (*cb)(const char *key, const char *value, size_t value_len, void *arg), void *arg)
{
        cleanup_buf struct buf key = BUF_INIT(n);
        cleanup_buf struct buf value = BUF_INIT(n);

        for (size_t at = 0; at < n;) {
                const char *amp = memchr(s + at, '&', n - at);
                size_t len = amp ? (size_t)(amp - (s + at)) : n - at;
                const char *eq = memchr(s + at, '=', len);
                size_t key_len = eq ? (size_t)(eq - (s + at)) : len;
                int r;

                if (len > 0) {
                        r = form_decode(&key, s + at, key_len);
                        if (r == 0)
                                r = form_decode(&value, eq ? eq + 1 : s + at, eq ? len - key_len - 1 : 0);
                        if (r < 0)
                                return err_trace(r);
                        r = cb(buf_str(&key), buf_str(&value), value.n, arg);
                        if (r != 0)
                                return r;
                }
                at += len + 1;
        }
        return 0;
}
