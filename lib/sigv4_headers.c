// SPDX-License-Identifier: Apache-2.0
//
// The canonical headers: lower-case names in order, values trimmed and their inner white space folded,
// headers of one name joined by commas in the order they came.
#include "sigv4_canon.h"

struct entry {
        const char *name, *value;
        size_t position;
};

// What sits between us and the service may change or remove these; a signature over them would break.
static bool changes_on_the_way(const char *name)
{
        static const char *const names[] = {"authorization", "connection", "expect", "keep-alive",
                "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
                "user-agent", "x-amzn-trace-id"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (sigv4_is_name(name, names[i]))
                        return true;
        return false;
}

// RFC 9110 §5.6.2 for the name; no control characters but tabs in the value.
static bool header_ok(const struct sigv4_header *h)
{
        static const char token[] =
                "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        size_t n = h->name ? strspn(h->name, token) : 0;

        if (n == 0 || h->name[n] || !h->value)
                return false;
        for (const char *s = h->value; *s; s++)
                if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
                        return false;
        return true;
}

static int entry_cmp(const void *a, const void *b)
{
        const struct entry *x = a, *y = b;
        int c = sigv4_name_cmp(x->name, y->name, SIZE_MAX);

        return c ? c : x->position < y->position ? -1 : 1;
}

static int append_lower(struct buf *out, const char *s)
{
        for (; *s; s++)
                buf_append_char(out, *s >= 'A' && *s <= 'Z' ? (char)(*s + ('a' - 'A')) : *s);
        return buf_error(out);
}

static int append_folded(struct buf *out, const char *s)
{
        s += strspn(s, " \t");
        while (*s) {
                size_t n = strcspn(s, " \t");

                buf_append(out, s, n);
                s += n;
                n = strspn(s, " \t");
                if (s[n] && n)
                        buf_append_char(out, ' ');
                s += n;
        }
        return buf_error(out);
}

static int collect(struct entry *v, const struct sigv4_header *h, size_t n, size_t at)
{
        for (size_t i = 0; i < n; i++) {
                if (!header_ok(&h[i]))
                        return SIGV4_CANON_E_BAD;
                v[at + i] = (struct entry){h[i].name, h[i].value, at + i};
        }
        return 0;
}

// Decides about the header called name, given the rest of the list of wanted names; *only moves past it when
// it is the next. 1: sign it, 0: leave it out, negative: a header before it is absent.
static int wanted(const char *name, const char **only, const char *unsigned_name)
{
        size_t n = strlen(name), m;
        int c;

        if (!*only)
                return !changes_on_the_way(name) && !(unsigned_name && sigv4_is_name(name, unsigned_name));
        if (!**only)
                return 0;
        m = strcspn(*only, ";");
        c = sigv4_name_cmp(name, *only, n < m ? n : m);
        c = c ? c : n == m ? 0 : n < m ? -1 : 1;
        if (c == 0) {
                *only += m;
                *only += **only == ';';
        }
        return c > 0 ? -1 : c == 0;
}

static int emit(struct buf *lines, struct buf *names, const struct entry *v, size_t n)
{
        if (names->n)
                buf_append_char(names, ';');
        append_lower(names, v->name);
        append_lower(lines, v->name);
        for (size_t i = 0; i < n; i++) {
                buf_append_char(lines, i ? ',' : ':');
                append_folded(lines, v[i].value);
        }
        buf_append_char(lines, '\n');
        return buf_error(lines) ? buf_error(lines) : buf_error(names);
}

int sigv4_canon_headers(struct buf *lines, struct buf *names, const struct sigv4_request *req,
        const struct sigv4_header *extra, size_t n_extra, const char *only, const char *unsigned_name)
{
        cleanup_free struct entry *v = NULL;
        size_t n = req->n_headers;
        int r;

        if (n > SIGV4_HEADERS_MAX || n_extra > SIGV4_HEADERS_MAX)
                return -E2BIG;
        v = calloc(n + n_extra + 1, sizeof *v);
        if (!v)
                return -ENOMEM;
        r = collect(v, req->headers, n, 0);
        if (!r)
                r = collect(v, extra, n_extra, n);
        if (r)
                return r;
        n += n_extra;
        qsort(v, n, sizeof *v, entry_cmp);
        for (size_t i = 0, same; i < n; i += same) {
                for (same = 1; i + same < n && sigv4_is_name(v[i].name, v[i + same].name);)
                        same++;
                r = wanted(v[i].name, &only, unsigned_name);
                if (r < 0)
                        return SIGV4_CANON_E_ABSENT;
                if (r > 0)
                        r = emit(lines, names, &v[i], same);
                else if (only && sigv4_name_cmp(v[i].name, "x-amz-", 6) == 0 &&
                         !(unsigned_name && sigv4_is_name(v[i].name, unsigned_name)))
                        r = SIGV4_CANON_E_UNSIGNED;
                if (r)
                        return r;
        }
        return only && *only ? SIGV4_CANON_E_ABSENT : 0;
}
