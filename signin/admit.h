// SPDX-License-Identifier: Apache-2.0
//
// The one final decision about a sign-in, taken after everything that could change it: the tables are read again, the
// identity is mapped, the account's standing is looked at, and what has to be remembered (binding, last success) is
// written, before anybody hears "yes".
#pragma once

#include "config.h"
#include "jwt.h"
#include "ours.h"
#include "outcome.h"

struct admit {
        const struct ours_paths *paths;
        const char *user;
        const struct config *config; // its groups
        const struct config_identity *identity;
        const struct jwt_claims *claims; // verified
        int64_t now_s;
        bool renewal; // a token of a refresh: it binds nobody, and counts from the time it was issued
};

// OUTCOME_OK and the uid; or the reason in one sentence.
enum outcome admit_decide(const struct admit *a, uid_t *ret_uid, struct err *err);
// The provider does not stand for this user any more (a federated one, who is bound): from now on only a sign-in lets him in.
// OUTCOME_OK, also where that was known.
enum outcome admit_refuse(const struct admit *a, struct err *err); // of a: paths, user, now_s
// The same about the user alone, before a provider is troubled, and again when a session opens: ours, not locked, not
// expired. *ret is filled on OUTCOME_OK.
enum outcome admit_user(const struct ours_paths *paths, const char *user, int64_t now_s,
        struct ours_user *ret, struct err *err);
