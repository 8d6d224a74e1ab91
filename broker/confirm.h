// SPDX-License-Identifier: Apache-2.0
//
// A person is asked before a role is handed out (confirm = ask), or told afterwards (confirm = notify). One question for each role
// and program at a time, however many wait for it; what was said holds for a while. Whatever goes wrong, the answer is no.
#pragma once

#include "caller.h"
#include "config.h"
#include "loop.h"

enum confirm_result {
        CONFIRM_UNKNOWN, // it must be asked
        CONFIRM_GRANTED,
        CONFIRM_REFUSED,
        CONFIRM_UNANSWERED,
        CONFIRM_NOBODY, // no desktop, no terminal
};

struct confirm;
int confirm_new(struct confirm **ret, struct loop *l) _must_check_;
struct confirm *confirm_free(struct confirm *c); // after its waiters
void confirm_forget(struct confirm *c);          // another person may be here now

// What is remembered. at_terminal: the caller's person can be asked there, so only a yes counts.
enum confirm_result confirm_recall(
        struct confirm *c, const struct config_role *r, const struct caller *who, bool at_terminal);
void confirm_use(struct confirm *c, const struct config_role *r,
        const struct caller *who); // a yes that was for once is used up

struct confirm_question {
        const char *text;
        int64_t expires_in_s, a_while_s; // the latter 0: each time anew
};
struct confirm_events {
        void (*done)(void *arg, enum confirm_result r); // exactly once, from the loop
        // Asks at the caller's own terminal, where it has one (NULL: it has none); the answer comes by confirm_say().
        void (*ask)(void *arg, const struct confirm_question *q);
};
struct confirm_waiter;
// 0; -EBUSY: too many questions are open; -ENOMEM.
int confirm_start(struct confirm_waiter **ret, struct confirm *c, const struct config_role *r,
        const struct caller *who, const struct confirm_events *events, void *arg) _must_check_;
void confirm_say(struct confirm_waiter *w, enum confirm_result said, bool a_while);
struct confirm_waiter *confirm_waiter_free(struct confirm_waiter *w);

// The sentence for a result that is no yes.
void confirm_explain(struct err *err, const char *role, enum confirm_result why);
// Tells the person who got it, at most once in five minutes for each role and program.
void confirm_tell(struct confirm *c, const struct config_role *r, const struct caller *who);
