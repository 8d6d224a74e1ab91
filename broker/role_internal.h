// SPDX-License-Identifier: Apache-2.0
//
// What the files of a role share: role.c (rotation: flights, failures, the state), role_answer.c (what is handed out and
// what is said instead), role_wait.c (who waits for a flight).
#pragma once

#include "role.h"

#include "bucket.h"

// Date headers have whole seconds and answers take their time: below this, a skew is noise.
#define SKEW_NOISE_S 2

struct role_waiter {
        struct role *role;
        struct role_waiter *next, **link; // link: NULL once it is answered
        int64_t min_ttl_s, deadline_boot_ms;
        role_done_fn done;
        void *arg;
};

struct role {
        struct loop *loop;
        const struct config_role *conf;
        struct source *source;
        const struct role_events *events;
        void *arg;

        enum role_state state;
        bool asked; // somebody wanted it since the last drop: it is kept fresh
        bool had;   // there was a role session since the last drop
        struct sts_credentials credentials;
        bool has; // credentials are filled; whether they are alive, the clock says
        int64_t lifetime_ms, expires_boot_ms;

        struct source_op *flight;
        struct timer *timer, *deadline;
        int64_t next_try_boot_ms; // rotation or another attempt; 0: none planned
        struct role_waiter *waiters;
        unsigned telling; // waiters are being told, one after the other

        unsigned failures;           // in a row
        bool unanswered;             // the last one: nobody answered
        int64_t remember_until_boot; // until then a failure is answered from memory
        enum outcome last_outcome;
        struct err last_err;
        char last_request_id[128];

        struct bucket asked_anew;    // what programs had fetched that did not need it
        char *print;                 // the store's note of the configuration; NULL
        int64_t short_until_boot_ms; // until then no more than an hour is asked for: the role gives no more
};

static inline int64_t role_boot_now(const struct role *r)
{
        const struct clock *c = loop_clock(r->loop);

        return c->boot_ms(c);
}

// Real life of what is held; ≤ 0: nothing is, or it is over.
static inline int64_t role_left_ms(const struct role *r)
{
        return r->has ? r->expires_boot_ms - role_boot_now(r) : 0;
}

// What programs may have fetched though it was not due: milliseconds until they may; the sentence for until then; and
// one is taken.
int64_t role_anew_wait_ms(const struct role *r);
void role_say_too_often(const struct role *r, struct err *err);
bool role_anew_take(struct role *r);

// ---- role_duration.c

// STS refused the duration that was asked for. True: a shorter one is asked for from now on, and is worth a call.
bool role_shorten(struct role *r);
// A session of before a restart, by whose life can be told whether it was shortened.
void role_recall_duration(struct role *r);

// Starts a flight unless one is under way. 0 or -errno.
int role_start_flight(struct role *r);

bool role_serves(const struct role *r, int64_t min_ttl_s);
void role_fill_ok(const struct role *r, struct role_answer *ret);
void role_fill_error(const struct role *r, enum outcome o, const struct err *err, struct role_answer *ret);
// More life was asked for than sessions of this role have.
void role_say_impossible(const struct role *r, int64_t min_ttl_s, struct err *err);

// Tells every waiter how the flight ended: credentials where there are any, else o and err.
void role_answer_waiters(struct role *r, enum outcome o, const struct err *err);
void role_on_deadline(void *arg); // of the timer r->deadline
