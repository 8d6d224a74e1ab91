// SPDX-License-Identifier: Apache-2.0
//
// A request's head: what was found lies inside of what was given, and nothing of it could end a line. The same with the path, and
// with what stands in the headers of the metadata service.
#include "http_head.h"
#include "imds_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_inside(const struct http_text *t, const char *p, size_t n)
{
        if (t->p < p || t->p + t->n > p + n)
                abort();
        for (size_t i = 0; i < t->n; i++)
                if (t->p[i] == '\r' || t->p[i] == '\n' || !t->p[i])
                        abort();
}

static void look(const struct http_head *h, const char *p, size_t n)
{
        char path[512];
        struct http_text v;
        uint32_t s;

        is_inside(&h->method, p, n);
        is_inside(&h->target, p, n);
        if (h->n_headers > HTTP_HEADERS_MAX || h->method.n == 0 || h->target.p[0] != '/')
                abort();
        for (size_t i = 0; i < h->n_headers; i++) {
                is_inside(&h->headers[i].name, p, n);
                is_inside(&h->headers[i].value, p, n);
        }
        if (http_path_decode(path, sizeof path, &h->target))
                for (const char *c = path; *c; c++)
                        if (*c <= ' ' || *c > '~')
                                abort();
        if (http_head_find(h, "X-aws-ec2-metadata-token-ttl-seconds", &v) && imds_token_ttl(v.p, v.n, &s) &&
                (s < 1 || s > IMDS_TOKEN_TTL_S))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct secret *key;
        char *p = malloc(size + 1); // so that a byte too far is seen
        struct http_head h;
        struct http_text v;
        size_t used = 0;
        int r;

        if (!p || (!key && secret_new_str(&key, "a key") < 0))
                abort();
        if (size)
                memcpy(p, data, size);
        r = http_head_parse(&h, p, size, &used);
        if (r < 0 || (r == 0 && (used == 0 || used > size)))
                abort();
        if (r == 0) {
                look(&h, p, used);
                if (http_head_find(&h, "X-aws-ec2-metadata-token", &v) &&
                        imds_token_is_good(v.p, v.n, key, 0))
                        abort(); // nobody has been given one
        }
        free(p);
        return 0;
}
