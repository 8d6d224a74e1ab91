// SPDX-License-Identifier: Apache-2.0
//
// The inside of a grant keeper, shared by its files: keeper.c (the grant and its life), keeper_refresh.c (the one
// refresher), keeper_expiry.c (when it ends by itself), keeper_token.c (who waits for an ID token, and what is done next for them).
#pragma once

#include "keeper.h"

struct keeper_waiter {
        struct keeper *keeper;
        struct keeper_waiter *next, **link; // link: NULL once done
        uint64_t rejected;
        uint64_t refreshes;   // then: a token refreshed since is fresh, whatever the clock says
        bool looking, looked; // valetkeyd is being asked, has been asked since
        keeper_done_fn done;
        void *arg;
};

struct keeper {
        struct loop *loop;
        const struct config_identity *conf;
        const struct keeper_events *events;
        void *arg;
        struct provider *provider;
        struct claims *claims;
        struct timer *kick, *alive, *expiry;

        struct grant grant;
        bool has, closed;
        uint64_t serial, refreshes; // of ID tokens; of those that a refresh brought
        int64_t token_since_s;
        int64_t token_ends_boot_ms, refresh_ends_boot_ms; // the latter: 0 where not known
        int64_t began_boot_ms;                            // when somebody signed in
        int64_t end_told_boot_ms;   // when the provider last said how long a refresh token lives
        bool end_is_fixed;          // a refresh did not move its end
        int64_t warned_end_boot_ms; // the end that was warned of; 0: none was
        bool refresh_is_useless;    // the provider gives no ID token on refresh
        bool after_another;         // somebody's role sessions are here, whose nobody knows any more
        char *last_person;          // issuer and subject of the last grant
        struct err reason;          // why it ended

        struct provider_op *refresh;
        bool rotated; // its new refresh token is stored already
        struct claims_waiter *look;
        unsigned failures;
        bool unanswered;       // the last refresh was: nobody answered
        int64_t retry_boot_ms; // until then a failed refresh is answered from memory
        enum outcome last_outcome;
        struct err last_err;

        struct keeper_waiter *waiters;
        struct sign_in *sign_in;
        const struct matching_where *matching; // of those; NULL: it is not asked whose they are
};

int64_t keeper_boot_now(const struct keeper *k);
// Has what waits be looked at, from the loop.
void keeper_kick(struct keeper *k);
void keeper_changed(struct keeper *k);
void keeper_store(struct keeper *k);
// The grant is over: what is left of it goes, and the sentence stays for whoever asks.
void keeper_end(struct keeper *k, const char *why, bool sessions_too);

// keeper_life.c: the ID token, or the refresh token, came just now; when they end, seconds they live (a refresh token: 0
// where that is not known).
void keeper_token_begins(struct keeper *k);
void keeper_refresh_token_begins(struct keeper *k);
int64_t keeper_token_ends_boot_ms(const struct keeper *k);
int64_t keeper_token_left_s(const struct keeper *k);
int64_t keeper_refresh_token_left_s(const struct keeper *k);

// keeper_refresh.c
bool keeper_can_refresh(const struct keeper *k);
void keeper_refresh_start(struct keeper *k); // while none is under way
void keeper_plan_alive(struct keeper *k);
void keeper_on_alive(void *arg);

// keeper_expiry.c
void keeper_begin_expiry(struct keeper *k); // a grant was taken
void keeper_note_end(struct keeper *k,
        int64_t before_boot_ms); // the provider was asked once more; what it had said before
void keeper_plan_expiry(struct keeper *k);
void keeper_on_expiry(void *arg);

// keeper_token.c
void keeper_advance(void *arg);
