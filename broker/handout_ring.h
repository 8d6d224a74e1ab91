// SPDX-License-Identifier: Apache-2.0
//
// The last hand-outs, for "valetkey log": who got which role through which door, and no secret. In memory, bounded, gone
// with the broker; what has to last is in the journal (handout_log.h).
#pragma once

#include "buf.h"
#include "caller.h"
#include "sts.h"

#define HANDOUT_RING_MAX 512u

struct handout_ring;
int handout_ring_new(struct handout_ring **ret) _must_check_;
struct handout_ring *handout_ring_free(struct handout_ring *r);

// One hand-out. The same program that gets the same credentials again is counted, and takes no place from others. section:
// the name of the caller's [app …]; NULL: none. What memory does not reach for is counted as forgotten.
void handout_ring_add(struct handout_ring *r, int64_t now_s, const struct caller *who, const char *section,
        const char *role, const struct sts_credentials *c);
// {"version", "forgotten", "handouts": […]}, the oldest first. 0 or the buffer's error; -ENOMEM.
int handout_ring_write(const struct handout_ring *r, struct buf *out) _must_check_;
