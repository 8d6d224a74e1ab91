// SPDX-License-Identifier: Apache-2.0
//
// What the account must have for an identity, or for another role, to assume a role; and whether a trust policy in a file lets it.
#pragma once

#include "outcome.h"
#include "err.h"

#include <jansson.h>

// claims: of the ID token. *ret: an IAM policy document that matches them. 0, -EINVAL with err, -ENOMEM.
int why_trust_write(
        json_t **ret, const char *provider_arn, const json_t *claims, struct err *err) _must_check_;

struct why_trust {
        const char *path; // of the document
        const char *role_arn;
        const char *provider_arn; // of a role that an identity's token assumes; NULL
        const json_t *claims;     // of that identity, or of the one at the root of the chain; NULL: not known
        // of a chained role:
        const char *source_arn; // the role session that asks, or its role; NULL
        const char *source_role_arn, *session_name, *external_id, *source_identity; // NULL
        char *const *tags, *const *transitive_tags; // "key=value", keys; NULL-terminated, or NULL
        bool source_is_chained; // itself: of the claims' tags only the transitive ones came that far
        bool json;
};
// A document that matches a chained role's request. 0, -ENOMEM.
int why_trust_write_chained(json_t **ret, const struct why_trust *w) _must_check_;
// Decides over the document, and tells to stdout: which statement, which condition. OUTCOME_ACCESS_DENIED where it refuses.
enum outcome why_trust_decide(const struct why_trust *w, struct err *err);
