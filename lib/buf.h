// SPDX-License-Identifier: Apache-2.0
//
// A byte buffer with a hard maximum. Everything that grows from foreign input grows in one of these, so a
// limit cannot be forgotten. Errors stick: after a failed append every further one fails alike, and a builder
// may check once at its end (buf_error). Memory is cleared when it moves and when it goes: a buffer may hold
// a token.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

struct secret;

struct buf {
        char *p;    // NUL-terminated once anything was appended; NULL while empty
        size_t n;   // bytes in use, without the NUL
        size_t cap; // bytes allocated
        size_t max; // n never exceeds this
        int error;  // 0, or the -errno that stopped it: -ENOMEM, -EMSGSIZE (over max)
};

#define BUF_INIT(limit) ((struct buf){.max = (limit)})

int buf_append(struct buf *b, const void *p, size_t n);
int buf_append_str(struct buf *b, const char *s);
int buf_append_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
// Room for n more bytes at the end, counted as used; NULL on failure.
char *buf_extend(struct buf *b, size_t n);
void buf_cut(struct buf *b, size_t n); // takes the last n bytes away again

static inline int buf_error(const struct buf *b)
{
        return b->error;
}
static inline const char *buf_str(const struct buf *b)
{
        return b->p ? b->p : "";
}

void buf_reset(struct buf *b);  // empties and clears; keeps the memory and the limit, forgets the error
void buf_deinit(struct buf *b); // clears and frees; legal on BUF_INIT and twice

// Ends the buffer's life as a C string the caller frees; the buffer is empty afterwards.
int buf_take_str(struct buf *b, char **ret) _must_check_;
// Ends the buffer's life as a secret; the buffer is cleared.
int buf_take_secret(struct buf *b, struct secret **ret) _must_check_;

#define cleanup_buf _cleanup_(buf_deinit)
