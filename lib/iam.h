// SPDX-License-Identifier: Apache-2.0
//
// IAM messages (API version 2010-05-08, query protocol): which policies a role has, and what AWS's simulator says of a request.
#pragma once

#include "buf.h"
#include "policy.h"

#include <jansson.h>

#define IAM_ANSWER_MAX  (256u << 10)
#define IAM_MATCHED_MAX 16
#define IAM_MISSING_MAX 16

// IAM is one for each partition, in one region of it: its URL, and the region that its requests are signed for. -ENOENT: nobody
// knows the partition; the buffer's error.
int iam_endpoint(struct buf *out, char region[33], const char *partition) _must_check_;

// "Action=…&Version=…", and parameters by name behind it; value NULL ends the list.
int iam_request(struct buf *out, const char *action, const char *const *params) _must_check_;
int iam_simulate_request(struct buf *out, const char *role_arn, const char *action, const char *resource,
        const struct policy_context *context) _must_check_;

struct iam_simulation { // texts are fit for a terminal
        enum policy_decision decision;
        bool of_organization, allowed_by_organization; // of_…: it was said
        bool of_boundary, allowed_by_boundary;
        struct {
                char policy[160];
                unsigned line;
        } matched[IAM_MATCHED_MAX];
        char missing[IAM_MISSING_MAX][160]; // condition keys that policies name and nobody gave
        size_t n_matched, n_missing;
};
// 0, -ENOMEM, -EBADMSG with err.
int iam_simulation_parse(struct iam_simulation *ret, const void *xml, size_t n, struct err *err) _must_check_;

// The result's content of any answer: <OPResponse><OPResult>. 0, -ENOMEM, -EBADMSG.
int iam_result_parse(
        json_t **ret, const char *action, const void *xml, size_t n, struct err *err) _must_check_;
// A document in an answer, percent-encoded there. 0, -ENOMEM, -EBADMSG.
int iam_document(struct buf *out, const char *text) _must_check_;
