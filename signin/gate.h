// SPDX-License-Identifier: Apache-2.0
//
// May a sign-in begin at all? Asked before the provider is: whose user it is and how the account stands, what the service
// may have (by configuration), what came before it (a public key), and who asks.
#pragma once

#include "prior.h"
#include "reauth.h"
#include "signin.h"

// What AUTHENTICATE says. All borrowed; NULL: not said.
struct asked {
        const char *user, *service;
        const char *rhost, *tty, *ruser;
        const char *prior; // what sshd says of earlier factors
        uid_t peer;
        bool self; // the peer is not root: a program of the user's own, a screen locker say
};

struct gate {
        struct ours_user u;
        struct config_service policy;
        struct prior prior;
        bool remote;
        uid_t by; // of ruser; (uid_t)-1: not known
};

// OUTCOME_OK and *ret; or why not, in one sentence.
enum outcome gate_check(const struct signin *s, const struct asked *a, struct gate *ret, struct err *err);

// How much speaks for a request before anybody has signed in. One of a user's sign-ins runs at a time; the better one has
// the place, so that a stranger who knows a name, or a runaway program, cannot keep its owner out.
enum gate_rank {
        GATE_SELF,     // a program of the user's asks
        GATE_STRANGER, // nobody knows who it is
        GATE_KEY,      // whoever it is has the user's key
};
enum gate_rank gate_rank(const struct asked *a, const struct gate *g);

// The request as it has to be the same for a sign-in to count again.
struct reauth_request gate_reauth(const struct asked *a, const struct gate *g);
