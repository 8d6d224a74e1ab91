// SPDX-License-Identifier: Apache-2.0
//
// Forms and URLs: what is decoded, encoded again and decoded, is the same; a URL that is taken has a host
// without a NUL, a slash or an @.
#include "form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int again(const char *key, const char *value, size_t n, void *arg)
{
        struct buf *out = arg;

        if (strlen(value) != n)
                abort();
        return form_add(out, key, value) < 0 ? 1 : 0;
}

static void form(const char *s, size_t n)
{
        cleanup_buf struct buf once = BUF_INIT(1 << 20), twice = BUF_INIT(1 << 20);

        if (form_walk(s, n, again, &once) != 0)
                return;
        if (form_walk(buf_str(&once), once.n, again, &twice) != 0)
                abort();
        if (once.n != twice.n || memcmp(buf_str(&once), buf_str(&twice), once.n) != 0)
                abort();
}

static void url(const char *s)
{
        struct url u;

        if (url_parse(&u, s, NULL) < 0) {
                if (url_check_callable(s, NULL) == 0 || url_is_loopback(s))
                        abort();
                return;
        }
        if (!u.host[0] || strpbrk(u.host, "/@\\?# ") || u.port == 0)
                abort();
        if (url_check_callable(s, NULL) == 0 && strcmp(u.scheme, "https") != 0 && !url_is_loopback(s))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *s = malloc(size + 1);

        if (!s)
                return 0;
        if (size)
                memcpy(s, data, size);
        s[size] = 0;
        form(s, size);
        url(s);
        free(s);
        return 0;
}
