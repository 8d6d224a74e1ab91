// SPDX-License-Identifier: Apache-2.0
//
// Which headers pass: all but those that are about one connection, and those that signing makes anew. Signed are Host, what AWS says has to
// be (x-amz-*, and Content-Type where it is there), and Content-MD5; whatever a proxy on the way could touch stays out of it.
#include "gateway_internal.h"

#include <stdio.h>
#include <strings.h>

static bool is_one_of(const struct http_text *name, const char *const *list)
{
        for (; *list; list++)
                if (http_text_is_nocase(name, *list))
                        return true;
        return false;
}

// "name" as it stands in Connection: X, Y
static bool is_named_by(const struct http_text *connection, const struct http_text *name)
{
        char word[128];

        if (name->n >= sizeof word)
                return false;
        memcpy(word, name->p, name->n);
        word[name->n] = 0;
        return http_text_has_word(connection, word);
}

bool gateway_header_is_hop(const struct http_head *h, const struct http_text *name)
{
        static const char *const hop[] = {"Connection", "Keep-Alive", "Proxy-Authenticate",
                "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
                "HTTP2-Settings", "Host", "Content-Length", "Expect", NULL};

        if (is_one_of(name, hop))
                return true;
        for (size_t i = 0; i < h->n_headers; i++)
                if (http_text_is_nocase(&h->headers[i].name, "Connection") &&
                        is_named_by(&h->headers[i].value, name))
                        return true;
        return false;
}

static bool is_of_signing(const struct http_text *name)
{
        static const char *const ours[] = {
                "Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", NULL};

        return is_one_of(name, ours);
}

static bool is_to_sign(const struct http_text *name)
{
        static const char *const signed_ones[] = {"Content-Type", "Content-MD5", NULL};

        return (name->n > 6 && strncasecmp(name->p, "x-amz-", 6) == 0) || is_one_of(name, signed_ones);
}

// Whether a header is said by whoever runs this.
static bool is_replaced(const struct gateway_route *route, const struct http_text *name)
{
        for (const char *const *m = route->more; m && *m; m++) {
                size_t n = strcspn(*m, ":");

                if (n == name->n && strncasecmp(*m, name->p, n) == 0)
                        return true;
        }
        return false;
}

static int add_line(struct gateway_headers *h, const char *name, size_t name_n, const char *value, size_t n)
{
        char *line = NULL;

        if (h->n_lines + 1 == ARRAY_SIZE(h->lines))
                return -E2BIG;
        // libcurl's word for a header without a value is a semicolon
        if (asprintf(&line, n ? "%.*s: %.*s" : "%.*s;", (int)name_n, name, (int)n, value) < 0)
                return -ENOMEM;
        h->lines[h->n_lines++] = line;
        return 0;
}

static int add_to_sign(
        struct gateway_headers *h, const char *name, size_t name_n, const char *value, size_t value_n)
{
        struct sigv4_header *s = &h->to_sign[h->n_to_sign];

        if (h->n_to_sign == ARRAY_SIZE(h->to_sign))
                return -E2BIG;
        s->name = strndup(name, name_n);
        s->value = strndup(value, value_n);
        h->n_to_sign++;
        return s->name && s->value ? 0 : -ENOMEM;
}

int gateway_headers_add(struct gateway_headers *h, const char *name, const char *value)
{
        return add_line(h, name, strlen(name), value, strlen(value));
}

int gateway_headers_collect(
        struct gateway_headers *ret, const struct http_head *h, const struct gateway_route *route)
{
        int r = gateway_headers_add(ret, "Host", route->host);

        if (r == 0)
                r = add_to_sign(ret, "Host", 4, route->host, strlen(route->host));
        for (size_t i = 0; r == 0 && i < h->n_headers; i++) {
                const struct http_text *name = &h->headers[i].name, *value = &h->headers[i].value;

                if (gateway_header_is_hop(h, name) || (route->sign && is_of_signing(name)) ||
                        is_replaced(route, name))
                        continue;
                r = add_line(ret, name->p, name->n, value->p, value->n);
                if (r == 0 && is_to_sign(name))
                        r = add_to_sign(ret, name->p, name->n, value->p, value->n);
        }
        for (const char *const *m = route->more; r == 0 && m && *m; m++) {
                const struct http_text name = {*m, strcspn(*m, ":")};
                const char *value = *m + name.n + 1 + strspn(*m + name.n + 1, " \t");

                r = add_line(ret, name.p, name.n, value, strlen(value));
                if (r == 0 && is_to_sign(&name))
                        r = add_to_sign(ret, name.p, name.n, value, strlen(value));
        }
        return r;
}

static void forget(const char *s)
{
        char *p;

        memcpy(&p, &s, sizeof p);
        if (p)
                explicit_bzero(p, strlen(p));
        free(p);
}

void gateway_headers_deinit(struct gateway_headers *h)
{
        for (size_t i = 0; i < h->n_lines; i++)
                forget(h->lines[i]);
        for (size_t i = 0; i < h->n_to_sign; i++) {
                forget(h->to_sign[i].name);
                forget(h->to_sign[i].value);
        }
        *h = (struct gateway_headers){0};
}
