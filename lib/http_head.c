// SPDX-License-Identifier: Apache-2.0
//
// RFC 9112 without what nobody needs who asks for credentials: no folding, no absolute URLs (those are for proxies, and
// whoever takes us for one is told so), and chunks only where a body is passed on.
#include "http_head.h"

#include <strings.h>

static bool is_token(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

bool http_text_is(const struct http_text *t, const char *s)
{
        return strlen(s) == t->n && memcmp(t->p, s, t->n) == 0;
}

bool http_text_is_nocase(const struct http_text *t, const char *s)
{
        return strlen(s) == t->n && strncasecmp(t->p, s, t->n) == 0;
}

unsigned http_head_find(const struct http_head *h, const char *name, struct http_text *ret)
{
        unsigned found = 0;

        for (size_t i = 0; i < h->n_headers; i++)
                if (http_text_is_nocase(&h->headers[i].name, name) && found++ == 0)
                        *ret = h->headers[i].value;
        return found;
}

// "METHOD /target HTTP/1.1", without its line end.
static int parse_request_line(struct http_head *h, const char *p, const char *end)
{
        const char *s = p;

        while (s < end && is_token(*s))
                s++;
        h->method = (struct http_text){p, (size_t)(s - p)};
        if (s == p || s == end || *s++ != ' ')
                return HTTP_HEAD_E_BAD;
        p = s;
        while (s<end && * s> ' ' && *s <= '~')
                s++;
        h->target = (struct http_text){p, (size_t)(s - p)};
        if (s == p || *p != '/' || s == end || *s++ != ' ' || end - s != 8 || memcmp(s, "HTTP/", 5) != 0 ||
                !is_digit(s[5]) || s[6] != '.' || !is_digit(s[7]))
                return HTTP_HEAD_E_BAD;
        if (s[5] != '1' || s[7] > '1')
                return HTTP_HEAD_E_VERSION;
        h->http10 = s[7] == '0';
        h->keep_alive = !h->http10;
        return 0;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static int parse_header(struct http_head *h, const char *p, const char *end)
{
        const char *s = p;

        if (h->n_headers == HTTP_HEADERS_MAX)
                return HTTP_HEAD_E_TOO_LARGE;
        while (s < end && is_token(*s))
                s++;
        if (s == p || s == end || *s != ':')
                return HTTP_HEAD_E_BAD;
        h->headers[h->n_headers].name = (struct http_text){p, (size_t)(s - p)};
        p = s + 1;
        while (p < end && is_blank(*p))
                p++;
        while (end > p && is_blank(end[-1]))
                end--;
        for (s = p; s < end; s++)
                if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
                        return HTTP_HEAD_E_BAD;
        h->headers[h->n_headers++].value = (struct http_text){p, (size_t)(end - p)};
        return 0;
}

bool http_text_has_word(const struct http_text *t, const char *word)
{
        const char *p = t->p, *end = t->p + t->n;

        while (p < end) {
                const char *comma = memchr(p, ',', (size_t)(end - p));
                struct http_text w = {p, (size_t)((comma ? comma : end) - p)};

                p += w.n + 1;
                for (; w.n > 0 && is_blank(*w.p); w.n--)
                        w.p++;
                while (w.n > 0 && is_blank(w.p[w.n - 1]))
                        w.n--;
                if (http_text_is_nocase(&w, word))
                        return true;
        }
        return false;
}

// How long the request is, and whether another may follow.
static int find_end(struct http_head *h, bool chunks)
{
        struct http_text v, coding;
        unsigned n = http_head_find(h, "Content-Length", &v),
                 codings = http_head_find(h, "Transfer-Encoding", &coding);

        if (n > 1)
                return HTTP_HEAD_E_BAD;
        if (codings > 0 &&
                (!chunks || codings > 1 || n > 0 || h->http10 || !http_text_is_nocase(&coding, "chunked")))
                return HTTP_HEAD_E_BAD;
        h->chunked = codings == 1;
        h->body_len = 0;
        for (size_t i = 0; n == 1 && i < v.n; i++) {
                if (!is_digit(v.p[i]))
                        return HTTP_HEAD_E_BAD;
                if (h->body_len < SIZE_MAX / 100)
                        h->body_len = h->body_len * 10 + (size_t)(v.p[i] - '0');
        }
        if (n == 1 && v.n == 0)
                return HTTP_HEAD_E_BAD;
        for (size_t i = 0; i < h->n_headers; i++)
                if (http_text_is_nocase(&h->headers[i].name, "Connection") &&
                        http_text_has_word(&h->headers[i].value, "close"))
                        h->keep_alive = false;
        return 0;
}

static bool has_bare_lf(const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const char *lf = memchr(p + i, '\n', n - i);

                if (!lf)
                        return false;
                i = (size_t)(lf - p);
                if (i == 0 || lf[-1] != '\r')
                        return true;
        }
        return false;
}

static int parse(struct http_head *ret, const char *p, size_t n, size_t max, bool chunks, size_t *ret_n)
{
        const char *start = p, *end, *line_end;
        int r;

        // Some clients end the body of the request before with a line that is not counted.
        while (n - (size_t)(p - start) >= 2 && p[0] == '\r' && p[1] == '\n' && p - start < 4)
                p += 2;
        if ((size_t)(p - start) < n && !is_token(*p) && *p != '\r')
                return HTTP_HEAD_E_BAD;
        n -= (size_t)(p - start);
        end = memmem(p, n < max ? n : max, "\r\n\r\n", 4);
        // Who ends lines with a bare line feed would wait for ever.
        if (!end && has_bare_lf(p, n < max ? n : max))
                return HTTP_HEAD_E_BAD;
        if (!end)
                return n < max ? HTTP_HEAD_E_MORE : HTTP_HEAD_E_TOO_LARGE;
        end += 2;
        line_end = memmem(p, (size_t)(end - p), "\r\n", 2);
        if (!line_end)
                return HTTP_HEAD_E_BAD; // there is one: end is behind it
        ret->n_headers = 0;
        r = parse_request_line(ret, p, line_end);
        for (p = line_end + 2; r == 0 && p < end; p = line_end + 2) {
                line_end = memmem(p, (size_t)(end - p), "\r\n", 2);
                if (!line_end)
                        return HTTP_HEAD_E_BAD;
                r = parse_header(ret, p, line_end);
        }
        if (r == 0)
                r = find_end(ret, chunks);
        *ret_n = (size_t)(end + 2 - start);
        return r;
}

int http_head_parse(struct http_head *ret, const char *p, size_t n, size_t *ret_n)
{
        return parse(ret, p, n, HTTP_HEAD_MAX, false, ret_n);
}

int http_head_parse_any(struct http_head *ret, const char *p, size_t n, size_t max, size_t *ret_n)
{
        return parse(ret, p, n, max, true, ret_n);
}

static int hex_value(char c)
{
        if (is_digit(c))
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool http_path_decode(char *dst, size_t size, const struct http_text *path)
{
        size_t n = 0;

        for (size_t i = 0; i < path->n; i++) {
                char c = path->p[i];

                if (c == '%') {
                        int high = i + 2 < path->n ? hex_value(path->p[i + 1]) : -1;
                        int low = i + 2 < path->n ? hex_value(path->p[i + 2]) : -1;

                        if (high < 0 || low < 0)
                                return false;
                        c = (char)(high * 16 + low);
                        i += 2;
                }
                if (c <= ' ' || c > '~' || n + 1 >= size)
                        return false;
                dst[n++] = c;
        }
        if (size == 0)
                return false;
        dst[n] = 0;
        return true;
}
