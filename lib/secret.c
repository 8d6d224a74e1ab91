// SPDX-License-Identifier: Apache-2.0
//
// Secrets in one block: header, bytes, a NUL. secret_free() clears the whole block — header included —
// because clearing "n bytes from the block's start" is how a neighbour of ours left the last eight bytes of
// every token in freed memory. Only explicit_bzero() is used: a plain memset before free() is removed by the
// optimiser. The blocks are in memory that does not go to swap (locked.h).
#include "secret.h"

#include "locked.h"

struct secret {
        size_t n;
        char p[];
};

static size_t size_of(size_t n)
{
        return sizeof(struct secret) + n + 1;
}

int secret_new_room(struct secret **ret, size_t n)
{
        struct secret *s;

        if (n > SIZE_MAX - size_of(0))
                return -EOVERFLOW;
        s = locked_alloc(size_of(n));
        if (!s)
                return -ENOMEM;
        s->n = n;
        s->p[n] = 0;
        *ret = s;
        return 0;
}

int secret_new(struct secret **ret, const void *p, size_t n)
{
        struct secret *s;
        int r = secret_new_room(&s, n);

        if (r < 0)
                return r;
        if (n)
                memcpy(s->p, p, n);
        *ret = s;
        return 0;
}

int secret_new_str(struct secret **ret, const char *str)
{
        return secret_new(ret, str, strlen(str));
}

int secret_new_take(struct secret **ret, char **p, size_t n)
{
        int r = secret_new(ret, *p, n);

        if (*p)
                explicit_bzero(*p, n);
        free(*p);
        *p = NULL;
        return r;
}

int secret_dup(struct secret **ret, const struct secret *s)
{
        if (!s) {
                *ret = NULL;
                return 0;
        }
        return secret_new(ret, s->p, s->n);
}

const char *secret_str(const struct secret *s)
{
        return s ? s->p : NULL;
}

char *secret_bytes_mutable(struct secret *s)
{
        return s->p;
}

size_t secret_len(const struct secret *s)
{
        return s ? s->n : 0;
}

struct secret *secret_free(struct secret *s)
{
        if (s) {
                size_t size = size_of(s->n);

                explicit_bzero(s, size);
                locked_free(s, size);
        }
        return NULL;
}
