// SPDX-License-Identifier: Apache-2.0
//
// The end of the user's last session: what each identity's "logout" says is done when login1 says so, once. That there was
// a session is stored with the rest, so that an end is not missed because the broker was just starting anew.
#pragma once

#include "broker.h"
#include "login1.h"

struct logout_parts {
        struct loop *loop;
        struct broker *broker;
        struct login1 *login1;
        uid_t uid;
        const char *users_dir;   // see sessions.h
        void (*over)(void *arg); // it has ended, and nobody is signed in any more. May be NULL
        void *arg;
};
struct logout;
int logout_new(struct logout **ret, const struct logout_parts *p) _must_check_;
struct logout *logout_free(struct logout *x); // before the broker and login1
