// SPDX-License-Identifier: Apache-2.0
//
// One signed request of AWS's query protocol (STS, IAM), made by a verb with a role's credentials. A clock that is wrong here is set
// right by the service's own word, once.
#pragma once

#include "buf.h"
#include "role_credentials.h"
#include "sts.h"

struct aws_query {
        const char *endpoint, *region, *ca_file; // ca_file NULL: the system's
        const char *service;                     // "sts", "iam"
        const char *role;                        // whose credentials they are, for errors
        const struct role_credentials *keys;
        int64_t skew_s; // what the service's clock is ahead of ours, as far as it is known; learnt here
};
struct aws_answer {
        struct buf body;               // of a success
        struct sts_error_answer error; // code 0: there was none
};
// Takes form. OUTCOME_OK with the body; or err, and error where the service said one.
enum outcome aws_query(struct aws_answer *ret, struct aws_query *q, struct buf *form, struct err *err);
void aws_answer_deinit(struct aws_answer *a);
