// SPDX-License-Identifier: Apache-2.0
//
// What a role session may do: its role's policies, boundary and session policies, its organisation's, and where there is one
// the resource's, decided by the engine (lib/policy_decide.h). Every operation of the sandbox that needs a permission asks here.
#pragma once

#include "policy_decide.h"
#include "sts_internal.h"

struct access {
        const struct sts_session *caller;
        const char *action, *resource;
        const struct policy_context *context;
        const char *resource_account;         // NULL: the caller's
        const struct policy *resource_policy; // NULL: it has none
        bool resource_must_allow;
        json_t *matched; // NULL, or an array that gets the statements that deny
};
// 0 or -ENOMEM; what is not allowed is so in ret.
int access_decide(struct web_request *r, const struct access *a, struct policy_outcome *ret) _must_check_;

// The request's own keys and those of who asks. 0 or -ENOMEM.
int access_context_new(struct policy_context **ret, struct web_request *r, const struct sts_session *caller,
        const char *region) _must_check_;

// Whether the caller may do an action of the sandbox's own (no resource policy): true, or answered with AccessDenied in AWS's
// words. shown: how those words name the resource.
bool access_check(struct web_request *r, const struct sts_session *caller, const char *region,
        const char *action, const char *resource, const char *shown);
// " because no identity-based policy allows the s3:GetObject action", " with an explicit deny in a …".
int access_reason(struct buf *out, const struct policy_outcome *o, const char *action) _must_check_;

// The policies of a role as documents: its own, its boundary, its organisation's. boundary false: not the boundary.
// skip_conditions: without control policies that have conditions. *ret is the caller's (free()), with spare more places.
int access_role_documents(struct policy_document **ret, size_t *ret_n, const struct dir *d,
        const struct dir_role *role, bool skip_conditions, size_t spare) _must_check_;
