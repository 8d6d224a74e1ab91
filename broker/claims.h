// SPDX-License-Identifier: Apache-2.0
//
// The claims client: asks valetkeyd whether a grant of this user waits, and moves it here. The order is the
// point: received, checked and stored, then acknowledged, and only when valetkeyd has confirmed that it has
// forgotten its copy is the grant used. At every moment before that a crash loses nothing; after it, exactly
// one process holds the refresh token.
#pragma once

#include "grant.h"
#include "loop.h"
#include "outcome.h"

struct claims;
struct claims_events {
        // May this grant be kept? False (err says why): it stays with valetkeyd.
        bool (*acceptable)(const struct grant *g, struct err *err, void *arg);
        // It is ours now: take it (move and zero the struct).
        void (*claimed)(struct grant *g, void *arg);
};

// path: of claim.sock, copied. server_uid: who must be listening there; root always may (it is who listens
// for a socket-activated daemon).
int claims_new(struct claims **ret, struct loop *l, const char *path, uid_t server_uid,
        const struct claims_events *events, void *arg) _must_check_;
struct claims *claims_free(struct claims *c); // after its waiters

// Looks once more, soon. However often it is called during a look, one more follows.
void claims_look(struct claims *c);

// done() once a look that began after this call has ended, however it ended; never from inside start.
struct claims_waiter;
int claims_wait_start(
        struct claims_waiter **ret, struct claims *c, void (*done)(void *arg), void *arg) _must_check_;
struct claims_waiter *claims_waiter_free(struct claims_waiter *w);
