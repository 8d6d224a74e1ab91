// SPDX-License-Identifier: Apache-2.0
//
// An ID token in a question about a trust policy: who asks by it, what it asks for, which condition keys it brings. It is read and
// not verified: whether AWS would believe its signature is not the question.
#pragma once

#include "buf.h"
#include "evaluate_say.h"

struct evaluate_token;
// 0, -EINVAL with err, -ENOMEM.
int evaluate_token_read(struct evaluate_token **ret, const char *path, struct err *err) _must_check_;
struct evaluate_token *evaluate_token_free(struct evaluate_token *t);
// role_arn says in which account the provider must be. Adds the token's keys. 0, -EINVAL with err, -ENOMEM.
int evaluate_token_settle(struct evaluate_token *t, const char *role_arn, struct policy_context *c,
        struct err *err) _must_check_;
const char *evaluate_token_provider(const struct evaluate_token *t);       // its ARN, after settle
const char *const *evaluate_token_actions(const struct evaluate_token *t); // NULL-terminated
// What a person should know besides: keys that AWS does not have, a token that is over.
int evaluate_token_notes(const struct evaluate_token *t, const struct policy_document *documents,
        char *const *names, size_t n, json_t **ret) _must_check_;
