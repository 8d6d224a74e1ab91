// SPDX-License-Identifier: Apache-2.0
//
// The grant keeper: one for each identity, and the only holder and only refresher of its tokens. Whoever
// needs an ID token asks here and gets one that still lives; refreshing, claiming from valetkeyd and, in the
// end, "somebody must sign in" are decided here, once for all who wait.
#pragma once

#include "claims.h"
#include "config.h"
#include "provider.h"

enum keeper_state {
        KEEPER_SIGNED_OUT, // nobody signed in, or signed out
        KEEPER_SIGNED_IN,
        KEEPER_NEEDS_LOGIN, // a grant there was has ended
};
const char *keeper_state_name(enum keeper_state s); // "needs-login"

struct keeper;
struct keeper_events {
        // A grant began. same_person: the subject is who had the last one (true for the first).
        void (*granted)(struct keeper *k, bool same_person, void *arg);
        // It ended: refused by the provider, or signed out, or too old; then its role sessions end with it (sessions_too).
        void (*ended)(struct keeper *k, bool sessions_too, void *arg);
        // It will end, see keeper_get_ends_s(), and nothing but a person changes that. Once for each end. May be NULL.
        void (*ends_soon)(struct keeper *k, void *arg);
        void (*changed)(struct keeper *k, void *arg);
        // What the provider says of it when it is to be renewed: yes, and grant.id_token is new; or that it is over, just
        // before ended(). May be NULL.
        void (*renewed)(struct keeper *k, void *arg);
        void (*refused)(struct keeper *k, enum outcome outcome, void *arg);
        // Its tokens are others now: store them, before anything else happens. May be NULL.
        void (*store)(struct keeper *k, void *arg);
};

// conf is borrowed and outlives the keeper; claims may be NULL (no valetkeyd on this machine).
int keeper_new(struct keeper **ret, struct loop *l, struct http *h, struct claims *claims,
        const struct config_identity *conf, const struct keeper_events *events, void *arg) _must_check_;
struct keeper *keeper_free(struct keeper *k); // after its waiters

// Takes the grant: g is moved out and zeroed. It replaces the one before, without revoking that.
void keeper_put(struct keeper *k, struct grant *g);
// What is stored beside a grant.
struct keeper_memory {
        int64_t token_since_s;
        bool no_id_token_on_refresh;
        int64_t began_boot_ms, warned_end_boot_ms;        // 0: not known; none
        int64_t token_ends_boot_ms, refresh_ends_boot_ms; // 0: not known
};
struct keeper_memory keeper_get_memory(const struct keeper *k);
// Takes a grant that was stored by a broker before this one: nobody is told, and nothing is stored.
void keeper_restore(struct keeper *k, struct grant *g, const struct keeper_memory *m);
// There are role sessions of a grant that is not known any more: whoever signs in first is taken for another person.
void keeper_after_another(struct keeper *k);
// It is over, by somebody else's word than the provider's, and its role sessions with it. why: a part of a sentence.
void keeper_refuse(struct keeper *k, const char *why);
// Wipes the tokens.
void keeper_drop(struct keeper *k);
// The refresh under way, for who takes it over before keeper_drop(), which would cut it off: its successor would be
// lost. NULL: there is none.
struct provider_op *keeper_take_refresh(struct keeper *k);
// No grant is taken any more.
void keeper_close(struct keeper *k);

// The network may be back: a refresh that nobody answered may be tried again now. False: there was none.
bool keeper_look_again(struct keeper *k);

struct keeper_token {
        enum outcome outcome; // OUTCOME_OK, or what stands in the way
        struct err err;       // names the identity
        bool unanswered;      // the provider did not answer at all
        const struct grant *grant;
        uint64_t serial; // counts ID tokens
};
// Borrowed for the call.
typedef void (*keeper_done_fn)(void *arg, const struct keeper_token *t);
struct keeper_waiter;
// An ID token that lives, or why there is none. rejected: the serial of a token that STS called expired; it
// is not given again (0: none). done() exactly once, never from inside.
int keeper_token_start(struct keeper_waiter **ret, struct keeper *k, uint64_t rejected, keeper_done_fn done,
        void *arg) _must_check_;
struct keeper_waiter *keeper_waiter_free(struct keeper_waiter *w);

// Sign-ins inside the session must be of the person this user is bound to (matching.h); borrowed for good. NULL, as at the
// beginning: anybody's are taken.
struct matching_where;
void keeper_set_matching(struct keeper *k, const struct matching_where *where);
const struct matching_where *keeper_get_matching(const struct keeper *k);

enum keeper_state keeper_get_state(const struct keeper *k);
const struct config_identity *keeper_get_config(const struct keeper *k);
const struct grant *keeper_get_grant(const struct keeper *k); // NULL while there is none
// When the grant itself ends unless somebody signs in: by max_grant_age or the provider's word, whichever is first. 0: not known.
int64_t keeper_get_ends_s(const struct keeper *k);
bool keeper_is_refreshing(const struct keeper *k);     // a refresh token is under way
const char *keeper_get_reason(const struct keeper *k); // why the last grant ended, or ""
struct provider *keeper_get_provider(struct keeper *k);
struct loop *keeper_get_loop(struct keeper *k);

struct sign_in; // sign_in.h: at most one for each identity
struct sign_in **keeper_sign_in_slot(struct keeper *k);
