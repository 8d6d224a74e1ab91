// SPDX-License-Identifier: Apache-2.0
//
// Deterministic faults: no probability, no seed; a loop fails each allocation in turn until none is left to
// fail.
#include "fault.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t a, size_t b);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t a, size_t b);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
void __wrap_free(void *p);
void *__real_locked_alloc(size_t n);
void __real_locked_free(void *p, size_t n);
void *__wrap_locked_alloc(size_t n);
void __wrap_locked_free(void *p, size_t n);

static unsigned countdown;
static bool struck;
static void (*watcher)(const void *p, size_t n, void *arg);
static void *watcher_arg;

void fault_fail_nth(unsigned n)
{
        countdown = n;
        struck = false;
}

bool fault_struck(void)
{
        bool s = struck;

        countdown = 0;
        struck = false;
        return s;
}

void fault_watch_free(void (*watch)(const void *p, size_t n, void *arg), void *arg)
{
        watcher = watch;
        watcher_arg = arg;
}

static bool fails_now(void)
{
        if (countdown == 0 || --countdown > 0)
                return false;
        struck = true;
        return true;
}

void *__wrap_malloc(size_t n)
{
        return fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t a, size_t b)
{
        return fails_now() ? NULL : __real_calloc(a, b);
}

void *__wrap_realloc(void *p, size_t n)
{
        return fails_now() ? NULL : __real_realloc(p, n);
}

char *__wrap_strndup(const char *s, size_t n)
{
        size_t len = strnlen(s, n);
        char *p = __wrap_malloc(len + 1);

        if (p) {
                memcpy(p, s, len);
                p[len] = 0;
        }
        return p;
}

char *__wrap_strdup(const char *s)
{
        return __wrap_strndup(s, strlen(s));
}

void __wrap_free(void *p)
{
        if (p && watcher)
                watcher(p, malloc_usable_size(p), watcher_arg);
        __real_free(p);
}

// The secrets' memory is not malloc's, but it can run out like it, and is looked at like it.
void *__wrap_locked_alloc(size_t n)
{
        unsigned rest;
        void *p;

        if (fails_now())
                return NULL;
        // One allocation, whatever it takes inside.
        rest = countdown;
        countdown = 0;
        p = __real_locked_alloc(n);
        countdown = rest;
        return p;
}

void __wrap_locked_free(void *p, size_t n)
{
        if (watcher)
                watcher(p, n, watcher_arg);
        __real_locked_free(p, n);
}
