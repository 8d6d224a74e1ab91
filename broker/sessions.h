// SPDX-License-Identifier: Apache-2.0
//
// Whether this user has a session on this machine, as login1 says. Signals, and the files that logind writes, only say
// when to ask: one session that ends while programs of it live on is told by no signal.
#pragma once

#include "login1.h"

enum sessions_presence {
        SESSIONS_UNKNOWN, // no login1, or not asked yet: nothing follows from it
        SESSIONS_NONE,
        SESSIONS_SOME,
};

struct sessions_parts {
        struct loop *loop;
        struct login1 *login1;
        uid_t uid;
        const char *
                users_dir; // where logind keeps a file for each user: /run/systemd/users. Not there: no matter
        // Never UNKNOWN. Only when one of them changed, from the loop.
        void (*changed)(void *arg, enum sessions_presence p, bool lingers);
        void *arg;
};
struct sessions;
int sessions_new(struct sessions **ret, const struct sessions_parts *p) _must_check_;
struct sessions *sessions_free(struct sessions *s);
