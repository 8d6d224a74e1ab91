// SPDX-License-Identifier: Apache-2.0
//
// Somebody signs out, of one identity or of all: a person who says so, a user whose last session ended, or the process
// that is told to stop. What each means for an identity, its configuration says; what came of it is reported.
#pragma once

#include "broker.h"

enum sign_out_cause {
        SIGN_OUT_PERSON,   // revokes wherever a revocation ends this grant only
        SIGN_OUT_SESSIONS, // by the identity's "logout", for a user who does not linger
        SIGN_OUT_LINGERS,  // by the identity's "logout", for one who does
        SIGN_OUT_STOP,     // everything goes, and nothing is taken any more
};

struct sign_out;
// Everything is wiped inside; done() once, from the loop, when those who had to be told have been, within about two
// seconds. only: the identity, or NULL for all. Freeing it before stops the waiting and nothing else.
int sign_out_start(struct sign_out **ret, struct broker *b, enum sign_out_cause cause, struct keeper *only,
        void (*done)(void *arg), void *arg) _must_check_;
struct sign_out *sign_out_free(struct sign_out *s);
// {"identities": [...]}, see PROTOCOL.md. 0 or -ENOMEM.
int sign_out_report(const struct sign_out *s, struct buf *out) _must_check_;

// The same for somebody who does not wait. Identities that keep their sign-in are left as they are.
void sign_out_begin(struct broker *b, enum sign_out_cause cause, struct keeper *only);
