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
        const struct config_identity *identity;
        const struct jwt_claims *claims; // verified
        int64_t now_s;
};

// OUTCOME_OK and the uid; or the reason in one sentence.
enum outcome admit_decide(const struct admit *a, uid_t *ret_uid, struct err *err);
// The same about the user alone, before a provider is troubled, and again when a session opens: ours, not locked, not
// expired. *ret is filled on OUTCOME_OK.
enum outcome admit_user(const struct ours_paths *paths, const char *user, int64_t now_s,
        struct ours_user *ret, struct err *err);
