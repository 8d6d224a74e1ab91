// SPDX-License-Identifier: Apache-2.0
//
// Sign-ins that count for the next one that is the same in everything (reauth_for), so that scp, rsync and editors do not
// have a code entered for each of their connections. In memory only, for a short time, and never where nobody can
// tell who asks: see reauth_is_possible().
#pragma once

#include "clock.h"
#include "table.h"
#include "util.h"

#define REAUTH_MAX 1024 // remembered at once; the oldest goes first

// A request, as far as it has to be the same. All borrowed; NULL is a value like any other.
struct reauth_request {
        const char *user, *service;
        const char *rhost, *tty, *ruser;
        const char *key; // fingerprint of the public key that was taken before
        bool remote;
        uid_t by; // of ruser; (uid_t)-1: not known
};

// Whether anything about the request says who asks: from afar a key, at the machine a user who is signed in already.
// Without it, whoever came second would be let in for having come second.
bool reauth_is_possible(const struct reauth_request *q);

struct reauth;
int reauth_new(struct reauth **ret, const struct clock *clock) _must_check_;
struct reauth *reauth_free(struct reauth *r);

// The person of `entry` has signed in just now, and that counts for life_s. 0, -ENOMEM (nothing is remembered).
int reauth_remember(struct reauth *r, const struct reauth_request *q, uid_t uid,
        const struct table_user *entry, int64_t life_s);
// Whether such a sign-in is remembered, of the person the account is bound to now; *ret_age_s says how old it is.
bool reauth_knows(struct reauth *r, const struct reauth_request *q, uid_t uid, const struct table_user *entry,
        int64_t *ret_age_s);

// What somebody signed in for, and what was signed in for somebody's asking.
void reauth_forget_uid(struct reauth *r, uid_t uid, const char *why);
void reauth_forget_all(struct reauth *r, const char *why);
// Asks of each remembered user whether he may stay.
void reauth_review(
        struct reauth *r, bool (*stays)(const char *user, uid_t uid, void *arg), void *arg, const char *why);
size_t reauth_count(const struct reauth *r);
