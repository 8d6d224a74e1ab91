// SPDX-License-Identifier: Apache-2.0
//
// Growth is allocate, copy, clear, free — never realloc(), which may leave the old bytes behind in freed
// memory.
#include "buf.h"

#include "secret.h"

#include <stdio.h>

static int buf_fail(struct buf *b, int r)
{
        if (!b->error)
                b->error = r;
        return b->error;
}

// Makes room for n more bytes and a NUL.
static int buf_reserve(struct buf *b, size_t n)
{
        size_t want, cap;
        char *p;

        if (b->error)
                return b->error;
        if (n > b->max || b->n > b->max - n)
                return buf_fail(b, -EMSGSIZE);
        want = b->n + n + 1;
        if (want <= b->cap)
                return 0;
        cap = b->cap ? b->cap : 64;
        while (cap < want)
                cap = cap > SIZE_MAX / 2 ? want : cap * 2;
        p = malloc(cap);
        if (!p)
                return buf_fail(b, -ENOMEM);
        if (b->p) {
                memcpy(p, b->p, b->n + 1);
                explicit_bzero(b->p, b->cap);
                free(b->p);
        } else {
                p[0] = 0;
        }
        b->p = p;
        b->cap = cap;
        return 0;
}

char *buf_extend(struct buf *b, size_t n)
{
        char *at;

        if (buf_reserve(b, n) < 0)
                return NULL;
        at = b->p + b->n;
        b->n += n;
        b->p[b->n] = 0;
        return at;
}

void buf_cut(struct buf *b, size_t n)
{
        if (n == 0)
                return;
        b->n -= n;
        explicit_bzero(b->p + b->n, n);
}

int buf_append(struct buf *b, const void *p, size_t n)
{
        char *at = buf_extend(b, n);

        if (!at)
                return b->error;
        if (n)
                memcpy(at, p, n);
        return 0;
}

int buf_append_str(struct buf *b, const char *s)
{
        return buf_append(b, s, strlen(s));
}

int buf_append_char(struct buf *b, char c)
{
        return buf_append(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        if (n < 0)
                return buf_fail(b, -EINVAL);
        if (buf_reserve(b, (size_t)n) < 0)
                return b->error;
        va_start(ap, fmt);
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
        va_end(ap);
        b->n += (size_t)n;
        return 0;
}

void buf_reset(struct buf *b)
{
        if (b->p)
                explicit_bzero(b->p, b->cap);
        b->n = 0;
        b->error = 0;
}

void buf_deinit(struct buf *b)
{
        if (b->p)
                explicit_bzero(b->p, b->cap);
        free(b->p);
        *b = (struct buf){.max = b->max};
}

int buf_take_str(struct buf *b, char **ret)
{
        if (!b->error && !b->p)
                (void)buf_reserve(b, 0);
        if (b->error)
                return b->error;
        *ret = TAKE_PTR(b->p);
        *b = (struct buf){.max = b->max};
        return 0;
}

int buf_take_secret(struct buf *b, struct secret **ret)
{
        int r = b->error;

        if (!r)
                r = secret_new(ret, buf_str(b), b->n);
        buf_deinit(b);
        return r;
}
