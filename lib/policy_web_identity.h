// SPDX-License-Identifier: Apache-2.0
//
// What a role's trust policy sees of an ID token (IAM user guide, "Available keys for AWS web identity federation" and
// "Passing session tags in AWS STS"): issuer, audience, subject and methods as condition keys named after the provider,
// session tags and the source identity, and nothing else. The sandbox's STS decides by it, and so does valetkey evaluate.
#pragma once

#include "policy_decide.h"
#include "sts_tags.h"

#include <jansson.h>

struct policy_web_identity {
        const json_t *claims;             // these are borrowed
        const char *subject, *aud, *oaud; // oaud: what aud was, where azp takes its place; NULL otherwise
        const char *source_identity;      // NULL
        struct sts_tags tags;
};
// 0; -EINVAL (err): a token that STS would call invalid; -ENOMEM. The claims need not be verified: whoever acts on it sees to that.
int policy_web_identity_read(
        struct policy_web_identity *ret, const json_t *claims, struct err *err) _must_check_;
void policy_web_identity_deinit(struct policy_web_identity *w);
// provider: its name in AWS, the issuer without "https://".
int policy_web_identity_to_context(
        struct policy_context *c, const struct policy_web_identity *w, const char *provider) _must_check_;
// What has to be allowed, NULL-terminated: the assumption itself and, where the token brings them, tags and a source identity.
void policy_web_identity_actions(const char *ret[4], const struct policy_web_identity *w);
// True for a condition key that looks like one of the provider's and that AWS does not have ("idp.example.com:groups").
bool policy_web_identity_no_key(const char *key, const char *provider);
