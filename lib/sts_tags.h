// SPDX-License-Identifier: Apache-2.0
//
// Session tags (IAM user guide, "Passing session tags in AWS STS"): in an ID token, in a session, and as condition keys.
#pragma once

#include "policy.h"

#include <jansson.h>

#define STS_TAGS_MAX 50

struct sts_tag {
        char *key, *value;
        bool transitive;
};
struct sts_tags {
        struct sts_tag *v;
        size_t n;
};
// 0; -ENOMEM; -EINVAL with err: too many, too long, or the key is there already.
int sts_tags_add(struct sts_tags *t, const char *key, const char *value, bool transitive, struct err *err);
void sts_tags_deinit(struct sts_tags *t);
const struct sts_tag *sts_tags_find(const struct sts_tags *t, const char *key);
// Of an ID token, nested or flat. 0; -ENOMEM; -EINVAL with err.
int sts_tags_of_token(struct sts_tags *ret, const json_t *claims, struct err *err);
// aws:RequestTag/*, aws:TagKeys, sts:TransitiveTagKeys into the context.
int sts_tags_to_context(struct policy_context *c, const struct sts_tags *t);
