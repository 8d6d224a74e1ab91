// SPDX-License-Identifier: Apache-2.0
//
// One role and its role session: empty → fetching → valid → refreshing → (valid | expired | needs-login).
// Nothing is fetched before the first caller asks; from then on it is kept ahead of every SDK's refresh
// window. However many callers wait, the source is asked once.
#pragma once

#include "loop.h"
#include "source.h"

enum role_state {
        ROLE_EMPTY,       // never asked for, or asked for in vain
        ROLE_FETCHING,    // nothing to serve yet
        ROLE_VALID,       // served from memory
        ROLE_REFRESHING,  // served from memory, a successor is under way
        ROLE_EXPIRED,     // could not be replaced in time; nothing is served
        ROLE_NEEDS_LOGIN, // nothing to serve and no way to get it without a person
};
const char *role_state_name(enum role_state s); // "needs-login"

struct role; // opaque; see role_get_*
struct role_events {
        // A role session began (serial 1 for the first), or the state or the last error changed. Called from
        // the loop.
        void (*obtained)(struct role *r, const struct sts_credentials *c, void *arg);
        void (*refused)(struct role *r, void *arg);
        void (*changed)(struct role *r, void *arg);
        // The role gives no session as long as is configured: less is asked for. May be NULL.
        void (*shortened)(struct role *r, void *arg);
};

// conf and source are borrowed and must outlive the role; conf belongs to a struct config.
int role_new(struct role **ret, struct loop *l, const struct config_role *conf, struct source *source,
        const struct role_events *events, void *arg) _must_check_;
void role_stop(struct role *r);         // cancels its flight; role_free follows
struct role *role_free(struct role *r); // every waiter is told OUTCOME_CANCELLED
// Somebody waits for it, or is just being told: it must not be freed now by whoever can do without it.
bool role_is_awaited(const struct role *r);

// What is handed out: borrowed, until the next turn of the loop.
struct role_answer {
        enum outcome outcome;
        const char *message;    // one sentence that names the role; "" for OUTCOME_OK
        const char *request_id; // of the STS call that failed; "" where there is none
        const struct sts_credentials *credentials;
        int64_t expiration_s;          // real, by this machine's clock
        int64_t reported_expiration_s; // for doors that must understate it
        const char *role_arn;          // with credentials, as is:
        int64_t lifetime_s;            // what they were given when they came
        bool unanswered;               // the failure: nobody answered
};

// Answers at once where memory can: true and *ret filled, with credentials that live at least min_ttl_s by
// the reported expiry, or with a failure remembered from just now. False: role_wait_start is needed.
bool role_peek(struct role *r, int64_t min_ttl_s, struct role_answer *ret);

struct role_waiter;
typedef void (*role_done_fn)(void *arg, const struct role_answer *a);
// Starts a flight unless one is under way. done() exactly once, at the latest deadline_ms from now.
int role_wait_start(struct role_waiter **ret, struct role *r, int64_t min_ttl_s, int64_t deadline_ms,
        role_done_fn done, void *arg) _must_check_;
struct role_waiter *role_waiter_free(struct role_waiter *w);

// What a role session is stored with; on the boot clock, which goes on from one process to the next.
struct role_times {
        int64_t lifetime_ms, expires_boot_ms, next_try_boot_ms; // the last: 0 while none is planned
};
struct role_times role_get_times(const struct role *r);
// Takes a session that a broker before this one obtained: c is moved out and zeroed. False, and c as it was, where it
// is over, or cannot be right.
bool role_restore(struct role *r, struct sts_credentials *c, const struct role_times *t);

// The network may be back, or the clock is another: what failed for want of an answer, or over a wrong clock, is tried
// again in in_ms. False: this role waits for nothing of the kind.
bool role_look_again(struct role *r, int64_t in_ms);
// Fetches anew now, whatever is remembered; the old is served meanwhile. OUTCOME_OK: one is under way;
// OUTCOME_THROTTLED with a sentence: STS asked to be left alone, or this was asked for too often.
enum outcome role_refresh(struct role *r, struct err *err);
// Wipes the role session and what was remembered. Waiters are told needs-login when somebody signed out, cancelled
// when a program had the session dropped; a program that does so too often is refused (OUTCOME_THROTTLED).
enum outcome role_drop(struct role *r, bool signed_out, struct err *err);
// As that, for a role that goes away: nobody asked for that, and nothing is refused.
void role_end(struct role *r, bool signed_out);
void role_grant_new(struct role *r, bool same_person); // somebody signed in: what failed before may work now

enum role_state role_get_state(const struct role *r);
const struct config_role *role_get_config(const struct role *r);
// What the store knows the configuration by: kept for it, and freed with the role. NULL while there is none.
const char *role_get_print(const struct role *r);
void role_take_print(struct role *r, char *print);
struct source *role_get_source(const struct role *r);
const struct sts_credentials *role_get_credentials(const struct role *r); // NULL while there are none alive
int64_t role_get_expiration_s(const struct role *r);                      // 0 while there are none
int64_t role_get_next_rotation_s(const struct role *r);                   // 0 while none is planned
int64_t role_get_duration_s(
        const struct role *r); // what STS is asked for; less than configured where it refused that
int64_t role_get_lifetime_s(
        const struct role *r); // what the session that lives was given; 0 while there is none
enum outcome role_get_last_error(const struct role *r, const char **ret_text, const char **ret_request_id);
