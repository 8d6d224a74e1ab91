// SPDX-License-Identifier: Apache-2.0
//
// What valetkeyd holds between a finished sign-in and the broker's "I have it". An entry is first held under a handle
// (PAM knows it, nobody may claim it), then, once the session opens, waiting for its user, then in flight to one
// connection of that user until acknowledged. Each step has a time limit; nothing is written anywhere; what is dropped
// is cleared.
//
//     hold → HELD ──commit──▶ WAITING ──offer──▶ IN FLIGHT ──ack──▶ gone
//              │ drop, life       │ life, newer      │ connection lost: back to WAITING
//              ▼                  ▼                  │
//             gone               gone ◀──────────────┘
#pragma once

#include "clock.h"
#include "protocol.h"
#include "secret.h"

#include <sys/types.h>

#define PENDING_MAX       1024 // entries in all
#define PENDING_HELD_USER 4    // uncommitted sign-ins of one user; the oldest goes first

enum pending_result {
        PENDING_E_UNKNOWN = 1, // no such handle or grant (any more), or it belongs to something else
        PENDING_E_NOTHING,     // nothing waits for this uid
        PENDING_E_BUSY,        // what waits is just being claimed by another connection
        PENDING_E_FULL,
};

struct pending;
int pending_new(struct pending **ret, const struct clock *clock, int64_t handle_life_ms,
        int64_t grant_life_ms) _must_check_;
struct pending *pending_free(struct pending *p);
DEFINE_CLEANUP(struct pending *, pending_free);

struct pending_binding { // all borrowed; a handle is good for exactly this
        const char *user, *service;
        const char *rhost; // NULL: none, which is a value like any other
};

// Takes *grant (its serial form) on success. handle is the name PAM gets. 0, PENDING_E_FULL, -ENOMEM, -EIO.
int pending_hold(struct pending *p, const struct pending_binding *b, uid_t uid, const char *identity,
        struct secret **grant, char handle[HANDLE_HEX + 1]) _must_check_;

// A handle is used up by being presented, whatever comes of it. 0 and the uid; PENDING_E_UNKNOWN. A grant of the same
// uid and identity that still waits is replaced.
int pending_commit(
        struct pending *p, const char *handle, const struct pending_binding *b, uid_t *ret_uid) _must_check_;
void pending_drop(struct pending *p, const char *handle, const char *why);
// Everything of that user that nobody has claimed.
void pending_drop_user(struct pending *p, const char *user, const char *why);

// Who signed in for what pending_offer() would look at: of the oldest committed grant of uid. Borrowed until the next
// call; NULL: nothing is there.
const char *pending_user(const struct pending *p, uid_t uid);
// The same grant in its serial form; NULL: nothing is there.
const struct secret *pending_peek(const struct pending *p, uid_t uid);
// The oldest grant that waits for uid, marked as in flight to claimer; *ret_grant is borrowed until the next call.
// 0, PENDING_E_NOTHING, PENDING_E_BUSY.
int pending_offer(struct pending *p, uid_t uid, const void *claimer, uint64_t *ret_id,
        const struct secret **ret_grant) _must_check_;
// The claimer has stored it: it is forgotten here. 0, PENDING_E_UNKNOWN.
int pending_ack(struct pending *p, const void *claimer, uint64_t id) _must_check_;
// The claimer is gone: what was in flight to it waits again.
void pending_release(struct pending *p, const void *claimer);

// Drops what has outlived its time; returns the milliseconds until something else will, -1 when nothing will.
int64_t pending_reap(struct pending *p);
size_t pending_count(const struct pending *p);
