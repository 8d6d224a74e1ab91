// SPDX-License-Identifier: Apache-2.0
#include "http_local.h"

#include <stdio.h>
#include <strings.h>

static const char *const names[] = {"127.0.0.1", "localhost"};

bool http_local_names(const struct http_text *host, const char *name, unsigned port)
{
        char with_port[32];

        snprintf(with_port, sizeof with_port, "%s:%u", name, port);
        return http_text_is_nocase(host, name) || http_text_is_nocase(host, with_port);
}

bool http_local_is_host(const struct http_text *host, uint16_t port)
{
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (http_local_names(host, names[i], port))
                        return true;
        return false;
}

static bool is_browser(const struct http_head *h)
{
        struct http_text v;

        return http_head_find(h, "User-Agent", &v) > 0 && v.n >= 8 && strncasecmp(v.p, "Mozilla/", 8) == 0;
}

const char *http_local_foreign(const struct http_head *h)
{
        static const char *const headers[] = {"Origin", "Referer", "X-Forwarded-For", "X-Forwarded-Host",
                "Forwarded", "Via", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Cookie"};
        struct http_text v;

        for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
                if (http_head_find(h, headers[i], &v) > 0)
                        return headers[i];
        return is_browser(h) ? "User-Agent" : NULL;
}

// "http://127.0.0.1:PORT", and with page what stands behind it.
static bool is_own_origin(const struct http_text *v, uint16_t port, bool page)
{
        char origin[48];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                size_t n = (size_t)snprintf(origin, sizeof origin, "http://%s:%u", names[i], port);

                if (v->n >= n && memcmp(v->p, origin, n) == 0 && (v->n == n || (page && v->p[n] == '/')))
                        return true;
        }
        return false;
}

bool http_local_is_own_page(const struct http_head *h, uint16_t port)
{
        struct http_text v;
        unsigned n = http_head_find(h, "Origin", &v);

        if (n > 1 || (n && !is_own_origin(&v, port, false)))
                return false;
        n = http_head_find(h, "Referer", &v);
        if (n > 1 || (n && !is_own_origin(&v, port, true)))
                return false;
        n = http_head_find(h, "Sec-Fetch-Site", &v);
        return n == 0 || (n == 1 && (http_text_is(&v, "same-origin") || http_text_is(&v, "none")));
}
