// SPDX-License-Identifier: Apache-2.0
//
// A limit on how often something may happen: a few at once, then one each so many milliseconds. One number holds it:
// the moment at which the bucket is full again. All zero is a full one.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
        int64_t full_at_ms; // boot time
};

// Milliseconds until one may be taken; 0: now.
static inline int64_t bucket_wait_ms(
        const struct bucket *b, int64_t now_ms, unsigned at_once, int64_t every_ms)
{
        int64_t wait = b->full_at_ms - now_ms - (int64_t)(at_once - 1) * every_ms;

        return wait > 0 ? wait : 0;
}

static inline bool bucket_take(struct bucket *b, int64_t now_ms, unsigned at_once, int64_t every_ms)
{
        if (bucket_wait_ms(b, now_ms, at_once, every_ms) > 0)
                return false;
        b->full_at_ms = (b->full_at_ms > now_ms ? b->full_at_ms : now_ms) + every_ms;
        return true;
}
