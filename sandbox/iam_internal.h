// SPDX-License-Identifier: Apache-2.0
//
// What the files of the sandbox's IAM share: an operation has its caller already, and answers exactly once.
#pragma once

#include "access.h"
#include "iam_service.h"

#define IAM_ANSWER_MAX (128u << 10)

struct iam_call {
        struct web_request *r;
        const struct sts_session *caller;
        char region[65];
};

// One entry of the role that RoleName names, in the caller's account, where the caller may do the action on it; NULL: answered.
const struct dir_role *iam_find_role(const struct iam_call *c, const char *action);
// The same for the managed policy that PolicyArn names.
const struct dir_policy *iam_find_policy(const struct iam_call *c, const char *action);
// A parameter that must be there; NULL: answered.
const char *iam_need(const struct iam_call *c, const char *name);
void iam_no_such_entity(const struct iam_call *c, const char *what);
// A document as IAM hands it out: percent-encoded.
int iam_xml_document(struct buf *b, const char *element, const char *text);

void iam_get_role(const struct iam_call *c);
void iam_list_role_policies(const struct iam_call *c);
void iam_get_role_policy(const struct iam_call *c);
void iam_list_attached_role_policies(const struct iam_call *c);
void iam_get_policy(const struct iam_call *c);
void iam_get_policy_version(const struct iam_call *c);
void iam_get_context_keys_for_principal_policy(const struct iam_call *c);
void iam_simulate_principal_policy(const struct iam_call *c);
