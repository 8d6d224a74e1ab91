// SPDX-License-Identifier: Apache-2.0
//
// All roles there are: those of the configuration, which stay, and those that the claims of signed-in identities name,
// which come and go. What roles do is logged here and passed on to one listener.
#pragma once

#include "keeper.h"
#include "role.h"

struct roles;
struct roles_parts { // borrowed
        struct loop *loop;
        struct http *http;
        const struct config *config;
        struct keeper *const *keepers; // as many as identities, in their order
};
struct roles_events {                               // called from the loop
        void (*changed)(struct role *r, void *arg); // its state or last error
        void (*rotated)(struct role *r, void *arg); // it has a new session
        void (*added)(struct role *r, void *arg);   // a claim brought it
        void (*removed)(
                struct role *r, bool signed_out, void *arg); // nobody finds it any more; it is freed next
};
int roles_new(struct roles **ret, const struct roles_parts *p, const struct roles_events *events,
        void *arg) _must_check_;
struct roles *roles_free(struct roles *r);

// The claim of the ID token that an identity holds by now; one without a token keeps the roles it had, which serve what
// they have to its end.
void roles_follow(struct roles *r, const struct keeper *k);
// The person signed out: sessions of that identity go, and the roles its claim brought.
void roles_sign_out(struct roles *r, const struct keeper *k);
// Somebody signed in: what failed before may work now.
void roles_signed_in(struct roles *r, const struct keeper *k, bool same_person);

struct role *roles_find(const struct roles *r, const char *name); // NULL where there is none
// Those of the configuration first, in its order. Until one is added or removed.
size_t roles_list(const struct roles *r, struct role *const **ret);
// Why some of what an identity's claim names are no roles; "" where all are.
const char *roles_get_complaint(const struct roles *r, const struct keeper *k);
