// SPDX-License-Identifier: Apache-2.0
//
// A secret value: a length and bytes in one block, cleared to its last byte when it goes. Being an opaque
// struct it cannot be printed by accident: "%s" with a struct secret * does not compile under -Wformat.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

struct secret;

// Copies n bytes. Bytes past the end read as NUL. -ENOMEM, -EOVERFLOW.
int secret_new(struct secret **ret, const void *p, size_t n) _must_check_;
int secret_new_str(struct secret **ret, const char *s) _must_check_;
// Takes a malloc'ed block: *p is cleared, freed and set to NULL, also on failure.
int secret_new_take(struct secret **ret, char **p, size_t n) _must_check_;
// Uninitialised room of n bytes for a producer to fill through secret_bytes_mutable().
int secret_new_room(struct secret **ret, size_t n) _must_check_;
int secret_dup(struct secret **ret, const struct secret *s) _must_check_;

const char *secret_str(const struct secret *s); // borrowed, NUL-terminated; NULL for NULL
size_t secret_len(const struct secret *s);      // 0 for NULL
char *secret_bytes_mutable(struct secret *s);
// Constant time in the contents; lengths are not secret. NULL equals nothing, not even NULL.
bool secret_eq(const struct secret *a, const struct secret *b);
bool secret_eq_bytes(const struct secret *a, const void *p, size_t n);

struct secret *secret_free(struct secret *s); // clears; returns NULL

static inline void secret_freep(struct secret **s)
{
        secret_free(*s);
}
#define cleanup_secret _cleanup_(secret_freep)

// Replaces *dst by src, freeing what was there.
static inline void secret_move(struct secret **dst, struct secret **src)
{
        secret_free(*dst);
        *dst = *src;
        *src = NULL;
}
