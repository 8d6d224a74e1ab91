// SPDX-License-Identifier: Apache-2.0
//
// Clearing by malloc_usable_size(): the whole block goes, not only what the library asked for.
#include "zalloc.h"

#include "util.h"

#include <malloc.h>

void zfree(void *p)
{
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

void *zrealloc(void *p, size_t n)
{
        size_t old = p ? malloc_usable_size(p) : 0;
        void *q;

        if (n == 0) {
                zfree(p);
                return NULL;
        }
        q = malloc(n);
        if (!q)
                return NULL;
        if (old)
                memcpy(q, p, old < n ? old : n);
        zfree(p);
        return q;
}

static void *or_die(void *p)
{
        static const char text[] = "out of memory\n";

        if (p)
                return p;
        if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
                abort();
        abort();
}

void *zmalloc_or_die(size_t n)
{
        return or_die(malloc(n ? n : 1));
}

void *zrealloc_or_die(void *p, size_t n)
{
        return or_die(zrealloc(p, n ? n : 1));
}
