// SPDX-License-Identifier: Apache-2.0
//
// What the account must have for an identity to assume a role, and whether a trust policy in a file lets it.
#pragma once

#include "outcome.h"
#include "err.h"

#include <jansson.h>

// claims: of the ID token. *ret: an IAM policy document that matches them. 0, -EINVAL with err, -ENOMEM.
int why_trust_write(
        json_t **ret, const char *provider_arn, const json_t *claims, struct err *err) _must_check_;
// The same for a chained role: what it is asked for with has to be allowed, too.
struct why_chained {
        const char *source_arn, *external_id; // the latter NULL: none
        bool sets_identity, sets_tags;        // itself, or by what goes along from the source's session
};
int why_trust_write_chained(json_t **ret, const struct why_chained *c) _must_check_;
// Decides over the document in the file, and tells to stdout: which statement, which condition. OUTCOME_ACCESS_DENIED where it
// refuses.
enum outcome why_trust_decide(const char *path, const char *role_arn, const char *provider_arn,
        json_t *claims, bool json, struct err *err);
