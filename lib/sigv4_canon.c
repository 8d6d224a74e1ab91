// SPDX-License-Identifier: Apache-2.0
//
// One request, one text: whatever two parties may write differently (case, white space, order, escapes) is
// written here in the one way AWS defines. Everything that would let a request read differently after it was
// signed — a line end in a header, a method that is more than a word — is refused instead of repaired.
#include "sigv4_canon.h"

#include "form.h"

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int sigv4_name_cmp(const char *a, const char *b, size_t n_max)
{
        for (size_t i = 0; i < n_max; i++) {
                unsigned char x = (unsigned char)lower(a[i]), y = (unsigned char)lower(b[i]);

                if (x != y)
                        return x < y ? -1 : 1;
                if (!x)
                        break;
        }
        return 0;
}

bool sigv4_is_name(const char *a, const char *b)
{
        return sigv4_name_cmp(a, b, SIZE_MAX) == 0;
}

bool sigv4_word_ok(const char *s, size_t max)
{
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
        size_t n = strspn(s, allowed);

        return n > 0 && n <= max && !s[n];
}

// ---- path ---------------------------------------------------------------------------------------

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = lower(c);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int sigv4_unescape(struct buf *out, const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int hi, lo;

                if (s[i] != '%') {
                        buf_append_char(out, s[i]);
                        continue;
                }
                hi = n - i > 2 ? hex_value(s[i + 1]) : -1;
                lo = n - i > 2 ? hex_value(s[i + 2]) : -1;
                if (hi < 0 || lo < 0)
                        return SIGV4_CANON_E_BAD;
                buf_append_char(out, (char)(unsigned char)(hi << 4 | lo));
                i += 2;
        }
        return buf_error(out);
}

// A segment once encoded: of the raw text where the service encodes twice, of its meaning where it does not.
static int append_segment(struct buf *out, const char *s, size_t n, unsigned flags)
{
        cleanup_buf struct buf plain = BUF_INIT(SIGV4_QUERY_MAX);
        int r;

        if (flags & SIGV4_DOUBLE_ENCODE)
                return form_encode(out, s, n);
        r = sigv4_unescape(&plain, s, n);
        return r ? r : form_encode(out, buf_str(&plain), plain.n);
}

// "." and empty segments vanish, ".." takes the one before with it.
static int append_normal_segments(struct buf *out, const char *path, unsigned flags)
{
        size_t start = out->n;

        for (const char *s = path; *s;) {
                size_t n = strcspn(s, "/");
                int r;

                if (n == 2 && memcmp(s, "..", 2) == 0) {
                        while (out->n > start && out->p[--out->n] != '/')
                                ;
                        if (out->p)
                                out->p[out->n] = 0;
                } else if (n && !(n == 1 && *s == '.')) {
                        buf_append_char(out, '/');
                        r = append_segment(out, s, n, flags);
                        if (r)
                                return r;
                }
                s += n;
                s += *s == '/';
        }
        if (out->n == start || path[strlen(path) - 1] == '/')
                buf_append_char(out, '/');
        return buf_error(out);
}

int sigv4_canon_path(struct buf *out, const char *path, unsigned flags)
{
        if (!path[0])
                return buf_append_char(out, '/');
        if (path[0] != '/')
                return SIGV4_CANON_E_BAD;
        if (flags & SIGV4_NORMALIZE_PATH)
                return append_normal_segments(out, path, flags);
        for (const char *s = path; *s;) {
                size_t n;
                int r;

                buf_append_char(out, '/');
                s++;
                n = strcspn(s, "/");
                r = append_segment(out, s, n, flags);
                if (r)
                        return r;
                s += n;
        }
        return buf_error(out);
}

// ---- query --------------------------------------------------------------------------------------

struct param {
        size_t key, value; // offsets into text, each NUL-terminated
        const char *text;
};

struct params {
        struct buf text; // encoded keys and values
        struct param *v;
        size_t n, room;
};

static void params_deinit(struct params *p)
{
        buf_deinit(&p->text);
        free(p->v);
}

static int params_add(struct params *p, const char *key, size_t key_n, const char *value, size_t value_n)
{
        struct param *q = &p->v[p->n++];

        q->key = p->text.n;
        form_encode(&p->text, key, key_n);
        buf_append_char(&p->text, 0);
        q->value = p->text.n;
        form_encode(&p->text, value, value_n);
        return buf_append_char(&p->text, 0);
}

// One "key=value" of the raw query. drop and drop2 are compared with the plain key.
static int params_add_raw(struct params *p, const char *s, size_t n, const char *drop, const char *drop2)
{
        cleanup_buf struct buf key = BUF_INIT(SIGV4_QUERY_MAX), value = BUF_INIT(SIGV4_QUERY_MAX);
        const char *eq = memchr(s, '=', n);
        size_t key_n = eq ? (size_t)(eq - s) : n;
        int r = sigv4_unescape(&key, s, key_n);

        if (!r && eq)
                r = sigv4_unescape(&value, eq + 1, n - key_n - 1);
        if (r)
                return r;
        if ((drop && key.n == strlen(drop) && memcmp(buf_str(&key), drop, key.n) == 0) ||
                (drop2 && key.n == strlen(drop2) && memcmp(buf_str(&key), drop2, key.n) == 0))
                return 0;
        return params_add(p, buf_str(&key), key.n, buf_str(&value), value.n);
}

static int param_cmp(const void *a, const void *b)
{
        const struct param *x = a, *y = b;
        int c = strcmp(x->text + x->key, y->text + y->key);

        return c ? c : strcmp(x->text + x->value, y->text + y->value);
}

static size_t count_params(const char *query)
{
        size_t n = 1;

        for (const char *s = query; *s; s++)
                n += *s == '&';
        return n;
}

int sigv4_canon_query(struct buf *out, const char *query, const struct sigv4_header *extra, size_t n_extra,
        const char *drop, const char *drop2)
{
        _cleanup_(params_deinit) struct params p = {.text = BUF_INIT(SIGV4_QUERY_MAX)};
        int r = 0;

        query = query ? query : "";
        p.room = count_params(query) + n_extra;
        if (p.room > SIGV4_PARAMS_MAX)
                return -E2BIG;
        p.v = calloc(p.room, sizeof *p.v);
        if (!p.v)
                return -ENOMEM;
        for (const char *s = query; !r && *s;) {
                size_t n = strcspn(s, "&");

                if (n)
                        r = params_add_raw(&p, s, n, drop, drop2);
                s += n;
                s += *s == '&';
        }
        for (size_t i = 0; !r && i < n_extra; i++)
                r = params_add(
                        &p, extra[i].name, strlen(extra[i].name), extra[i].value, strlen(extra[i].value));
        if (r)
                return r;
        for (size_t i = 0; i < p.n; i++)
                p.v[i].text = p.text.p;
        if (p.n)
                qsort(p.v, p.n, sizeof *p.v, param_cmp);
        for (size_t i = 0; i < p.n; i++) {
                if (i)
                        buf_append_char(out, '&');
                buf_append_str(out, p.text.p + p.v[i].key);
                buf_append_char(out, '=');
                buf_append_str(out, p.text.p + p.v[i].value);
        }
        return buf_error(out);
}
