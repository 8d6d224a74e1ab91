// SPDX-License-Identifier: Apache-2.0
//
// One way to hand out, for every door: which role is meant, whether this caller may have it, whether a person is asked, credentials
// from memory or after a flight, and a line in the log. A door knows its protocol and who asks; it decides nothing.
#pragma once

#include "broker.h"
#include "caller.h"
#include "confirm.h"

struct handout_request {
        const struct caller *caller; // these two are borrowed for the call that takes the request
        const char *role;            // NULL or "": the default
        bool by_name;                // the caller named it itself: roles with ambient = no need that
        int64_t min_ttl_s;
        int64_t deadline_ms; // from now; handout_start() only
        bool interactive;    // the caller's person is there to be asked
        // How: at its own terminal, may be called from inside handout_start(), the answer by handout_say(). NULL: only on the
        // desktop. A sandboxed app's word is not taken for a person's.
        void (*ask)(void *arg, const struct confirm_question *q);
};

// Exactly once, never from inside handout_start(). The answer is borrowed, and the handout may be freed inside.
typedef void (*handout_done_fn)(void *arg, const struct role_answer *a);
struct handout;
int handout_start(struct handout **ret, struct broker *b, const struct handout_request *q,
        handout_done_fn done, void *arg) _must_check_;
// True: answered from memory, also with a refusal; *ret is borrowed until the next turn of the loop.
bool handout_now(struct broker *b, const struct handout_request *q, struct role_answer *ret);
struct handout *handout_free(struct handout *h);
void handout_say(struct handout *h, enum confirm_result said, bool a_while);

// Whether a caller is shown that role in a list, or (by_name) when it asks for it.
bool handout_may_see(struct broker *b, const struct caller *c, const struct role *r, bool by_name);
// Whether it may look at everything and end it: status, sign-out, refresh, drop. Not what an [app …] can grant.
bool handout_may_manage(const struct caller *c);
// Whether it may have a person sign in; err says why not.
bool handout_may_sign_in(struct broker *b, const struct caller *c, struct err *err);

// What is remembered of callers, one for each broker; it is told what happens to grants and roles.
struct handouts;
int handouts_new(struct handouts **ret, struct loop *l) _must_check_;
struct handouts *handouts_free(struct handouts *h); // before the roles
// The document of valetkey-log(1). 0 or -errno.
#define HANDOUTS_LOG_MAX (4u << 20)
int handouts_write_log(const struct handouts *h, struct buf *out) _must_check_;
void handouts_grant_new(struct handouts *h, const char *identity, bool same_person);
void handouts_sign_out(struct handouts *h, const char *identity);
void handouts_refresh(struct handouts *h, const struct role *r); // NULL: all
void handouts_drop(struct handouts *h, const struct role *r);
void handouts_role_gone(struct handouts *h, const struct role *r, bool signed_out); // it is about to be freed
