// SPDX-License-Identifier: Apache-2.0
//
// What every STS call for a role is made of, whoever signs it: the endpoint, the session policy, the session's name and
// its tags, by the configuration and by who signed in.
#pragma once

#include "config.h"
#include "grant.h"
#include "sts_op.h"

struct sts_call {
        struct sts_target target;
        char session_name[STS_SESSION_NAME_MAX + 1];
        char *policy; // NULL: none
        struct sts_session_tag tags[STS_SESSION_TAGS_MAX];
        size_t n_tags;
        struct buf endpoint, tag_texts; // target and tags point into these
};

// g is NULL where nobody is signed in any more; otherwise is then the session's name where the configuration says none.
// 0; -EINVAL: err says what the configuration lacks; -ENOKEY: it names a claim, and nobody is signed in; -ENOMEM.
int sts_call_make(struct sts_call *ret, const struct config_role *role, const struct grant *g,
        const char *otherwise, struct err *err) _must_check_;
void sts_call_deinit(struct sts_call *c);

// The endpoint alone: borrowed from the role or made in room. 0, -EINVAL: it has none; the error of the buffer.
int sts_call_endpoint(const char **ret, struct buf *room, const struct config_role *role) _must_check_;
// The region a signature names where the endpoint is configured and its region is not: STS's oldest.
#define STS_CALL_REGION "us-east-1"

// Says that the session policy and tags are too large, and by how much, where that is why STS refused; else false.
bool sts_call_say_too_large(
        const struct config_role *role, const struct sts_error_answer *e, struct err *err);
// What -EINVAL and -ENOKEY mean to who asked for the role.
enum outcome sts_call_outcome(int r);
