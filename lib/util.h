// SPDX-License-Identifier: Apache-2.0
//
// The handful of macros the whole tree shares: scope cleanup, ownership transfer, and error tracing. There
// are about fifteen of them and there shall not be many more (docs/HACKING.md).
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define _must_check_   __attribute__((warn_unused_result))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

// container_of: the object that embeds a member, for callbacks that are handed the member.
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

// Give a pointer away: evaluates to the pointer and leaves NULL behind, so that its scope cleanup does
// nothing.
#define TAKE_PTR(p)                                                                                          \
        ({                                                                                                   \
                __typeof__(p) take_ = (p);                                                                   \
                (p) = NULL;                                                                                  \
                take_;                                                                                       \
        })

// The same for a file descriptor; -1 stays behind.
#define TAKE_FD(fd)                                                                                          \
        ({                                                                                                   \
                int take_ = (fd);                                                                            \
                (fd) = -1;                                                                                   \
                take_;                                                                                       \
        })

// Replace one owned string by another, freeing the old one.
#define free_and_replace(a, b)                                                                               \
        do {                                                                                                 \
                free(a);                                                                                     \
                (a) = TAKE_PTR(b);                                                                           \
        } while (0)

// Defines fnp(type *): calls fn on the pointed-to value when a scope ends. fn must accept NULL.
#define DEFINE_CLEANUP(type, fn)                                                                             \
        static inline _unused_ void fn##p(type *p) /* NOLINT(bugprone-macro-parentheses): a type */          \
        {                                                                                                    \
                if (*p)                                                                                      \
                        fn(*p);                                                                              \
        }                                                                                                    \
        struct cleanup_semicolon_

static inline void cleanup_freep(void *p)
{
        void *q;

        memcpy(&q, p, sizeof q);
        free(q);
}
#define cleanup_free _cleanup_(cleanup_freep)

static inline void cleanup_fdp(const int *fd)
{
        if (*fd >= 0) {
                int e = errno;

                close(*fd);
                errno = e;
        }
}
#define cleanup_fd _cleanup_(cleanup_fdp)

// err_trace: marks the places where a negative result is passed up unchanged. A debugger or a build with
// ERR_TRACE defined can follow the way of an error; otherwise it costs nothing.
#define err_trace(r) (r)

// err_fold: a positive outcome that this caller has no meaning for becomes an unexpected failure.
static inline int err_fold(int r)
{
        return r > 0 ? -ENOTRECOVERABLE : r;
}
