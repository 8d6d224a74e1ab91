// SPDX-License-Identifier: Apache-2.0
//
// A role's credentials in a verb that uses them itself (signs a request, asks AWS something) instead of passing them on: from
// the broker, or from the environment where a person says so.
#pragma once

#include "client.h"
#include "secret.h"

struct role_credentials {
        char *access_key_id;
        struct secret *secret_access_key, *session_token; // the token may be NULL (from the environment)
        int64_t expiration_s;                             // 0: not known
};
// role NULL: the default. OUTCOME_OK or err.
enum outcome role_credentials_get(struct role_credentials *ret, const struct cli *cli, const char *role,
        uint32_t min_ttl, struct err *err);
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CREDENTIAL_EXPIRATION.
enum outcome role_credentials_from_env(struct role_credentials *ret, struct err *err);
void role_credentials_deinit(struct role_credentials *c);
