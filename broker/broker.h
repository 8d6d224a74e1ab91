// SPDX-License-Identifier: Apache-2.0
//
// The broker as a whole: the configuration's identities as keepers, its roles as rotations, and the claims
// client, tied together. Doors (credentials.sock, D-Bus) ask here; they know no tokens.
#pragma once

#include "keeper.h"
#include "role.h"
#include "state.h"

struct broker;
struct broker_options {
        struct loop *loop;
        struct http *http;
        struct config *config;                 // a reference is taken
        const char *claim_path;                // of valetkeyd's claim.sock
        uid_t server_uid;                      // who valetkeyd runs as
        const struct matching_where *matching; // whose sign-ins are taken, borrowed; NULL: anybody's
        struct state *state;                   // borrowed; what is in it is restored. NULL: nothing is stored
        const char *runtime_dir;               // where files for programs are; NULL: there are none
};
int broker_new(struct broker **ret, const struct broker_options *o) _must_check_;
struct broker *broker_free(struct broker *b); // after the doors; wipes everything

// What a door may want to hear. One listener; called from the loop.
struct broker_events {
        void (*role_changed)(struct role *r, void *arg);
        void (*role_rotated)(struct role *r, void *arg);
        // One that a claim brought: it can be found from now on, and it is freed next.
        void (*role_added)(struct role *r, void *arg);
        void (*role_removed)(struct role *r, void *arg);
        void (*identity_changed)(struct keeper *k, void *arg);
        void (*grant_ends_soon)(struct keeper *k, void *arg); // once, see keeper_get_ends_s(). May be NULL
};
void broker_listen(struct broker *b, const struct broker_events *events, void *arg);
// The loopback port, as the status document shows it.
struct broker_endpoint {
        const char *url, *token_file;     // borrowed for good; url "": there is no port
        bool kept;                        // by valetkeyd, when the broker has ended
        void (*offer)(void *arg, int fd); // valetkeyd sent a socket for it: taken
        void *arg;
};
void broker_set_endpoint(struct broker *b, const struct broker_endpoint *e);
const struct broker_endpoint *broker_get_endpoint(const struct broker *b);

// For notices on the desktop (sign_in_notice.h): a program had to be told that identity k is not signed in; a person is at a terminal
// and is told there; a person signs out.
void broker_sign_in_needed(struct broker *b, const struct keeper *k, const char *text);
void broker_person_is_here(struct broker *b);
void broker_person_signs_out(struct broker *b, const struct keeper *k);

struct loop *broker_loop(struct broker *b);
const struct config *broker_config(const struct broker *b);
struct handouts;
struct handouts *broker_handouts(struct broker *b); // what handout.h remembers of callers
// name NULL or "": the default. Otherwise UNKNOWN_ROLE or UNKNOWN_IDENTITY with a sentence; NEEDS_LOGIN where the claim of
// an identity that is not signed in may bring the role.
enum outcome broker_find_role(struct broker *b, const char *name, struct role **ret, struct err *err);
enum outcome broker_find_identity(struct broker *b, const char *name, struct keeper **ret, struct err *err);
// The n-th identity that is not signed in and whose claim names roles; NULL behind the last.
struct keeper *broker_get_claims_keeper(struct broker *b, size_t n);
const char *broker_get_complaint(
        const struct broker *b, const struct keeper *k); // why some of its roles are none; ""
size_t broker_roles(const struct broker *b, struct role *const **ret);
size_t broker_identities(const struct broker *b, struct keeper *const **ret);

// Whether this user may have anything still, as valetkeyd's tables say. OUTCOME_OK, or why not in a sentence.
enum outcome broker_check_account(struct broker *b, struct err *err);
// Somebody connected, or says so: look whether a grant waits. urgent: also where all are signed in.
void broker_wake(struct broker *b, bool urgent);
// Where somebody is not signed in: done() once it is known whether a grant waits for him, never from inside. 1: everybody
// is, and done() does not come; 0; -ENOMEM.
struct claims_waiter;
int broker_settle_start(
        struct claims_waiter **ret, struct broker *b, void (*done)(void *arg), void *arg) _must_check_;
struct parting;
struct parting *broker_parting(struct broker *b, const struct keeper *k); // for sign_out.c
// Whether the user has a session, as far as is known; stored with the rest.
bool broker_get_in_session(const struct broker *b);
void broker_set_in_session(struct broker *b, bool is);
// The network may be back, the machine is awake again, or its clock was set: whatever could not be reached, or failed
// over a wrong clock, is tried again within a second. What STS or a provider refused or throttled is not. False: there
// was nothing.
bool broker_look_again(struct broker *b);
// Stores everything now. 0 or -errno.
int broker_store(struct broker *b) _must_check_;
bool broker_is_refreshing(const struct broker *b); // a refresh token is under way
bool broker_is_busy(const struct broker *b); // that, or a person signs in, or a sign-out is told a provider
// Fetches one role anew, or all that were asked for (NULL). OUTCOME_THROTTLED with a sentence where that is too often.
enum outcome broker_refresh(struct broker *b, struct role *r, struct err *err);
// Wipes its role sessions, an app's own too; as role_drop().
enum outcome broker_drop(struct broker *b, struct role *r, struct err *err);
// The status document of valetkey(1), "status --json". 0; -ENOMEM; -EMSGSIZE where it does not fit.
#define BROKER_STATUS_MAX (64u << 20) // ten thousand roles with the longest ARNs and sentences
int broker_status(const struct broker *b, struct buf *out) _must_check_;
