// SPDX-License-Identifier: Apache-2.0
//
// Who asks, from the way people write it down: the ARN of a user, a role, a role session, an OIDC provider, or the name of a
// service. And the condition keys that follow from it (IAM user guide, "AWS global condition context keys": properties
// of the principal).
#pragma once

#include "policy.h"

#define POLICY_WHO_MAX 2048

struct policy_who { // points into itself: not to be copied
        struct policy_principal principal;
        char arn[POLICY_WHO_MAX], role_arn[POLICY_WHO_MAX], account[13];
        const char *type; // as aws:PrincipalType has it; NULL where it has no value
};

// A role stands for a session of it of some name; a session's role has no path, for its ARN does not tell (role_arn
// says it, NULL: not known). 0, -EINVAL with err.
int policy_who_parse(
        struct policy_who *ret, const char *text, const char *role_arn, struct err *err) _must_check_;
// Adds the keys that are not there yet. 0 or the error of policy_context_add().
int policy_who_to_context(struct policy_context *c, const struct policy_who *w) _must_check_;
// The account of an ARN into dst, "" where it has none.
void policy_arn_account(char dst[13], const char *arn);
