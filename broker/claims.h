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
        // What claims_get_pending() gives has changed. False where it could not be stored: then it is not
        // acknowledged. May be NULL.
        bool (*store)(void *arg);
        // The socket of the user's loopback port came along: taken. May be NULL.
        void (*port)(int fd, void *arg);
};

// path: of claim.sock, copied. server_uid: who must be listening there; root always may (it is who listens
// for a socket-activated daemon).
int claims_new(struct claims **ret, struct loop *l, const char *path, uid_t server_uid,
        const struct claims_events *events, void *arg) _must_check_;
struct claims *claims_free(struct claims *c); // after its waiters

// A grant that is stored and acknowledged, or about to be, and not yet used; NULL: there is none.
const struct grant *claims_get_pending(const struct claims *c, uint64_t *ret_id);
// Which grant was used last: it is known when it is offered again. The print: eight characters and a NUL; "" for none.
uint64_t claims_get_used(const struct claims *c, const char **ret_print);
void claims_set_used(struct claims *c, uint64_t id, const char *print);

// Why the last grant that waited was not given, or not taken: "" where none was refused since claims_forget_refusal().
const char *claims_get_refusal(const struct claims *c);
void claims_forget_refusal(struct claims *c); // somebody signed in since

// Looks once more, soon. However often it is called during a look, one more follows.
void claims_look(struct claims *c);

// done() once a look that began after this call has ended, however it ended; never from inside start.
struct claims_waiter;
int claims_wait_start(
        struct claims_waiter **ret, struct claims *c, void (*done)(void *arg), void *arg) _must_check_;
struct claims_waiter *claims_waiter_free(struct claims_waiter *w);
