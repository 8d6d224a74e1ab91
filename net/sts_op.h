// SPDX-License-Identifier: Apache-2.0
//
// AssumeRoleWithWebIdentity (unsigned) and AssumeRole (signed with another role session) as operations: a POST, retried with jitter only for throttling, 5xx,
// connection errors, IDPCommunicationError and "couldn't retrieve verification key"; never on a 403.
#pragma once

#include "http.h"
#include "sts.h"

struct sts_result {
        enum outcome outcome;
        struct err err;                     // names role, and what STS said with its request id
        struct sts_error_answer error;      // code 0 unless STS answered an error
        struct sts_credentials credentials; // take it: move and zero the struct
        int64_t server_skew_s;              // STS's Date minus our clock
        bool unanswered;                    // the last attempt brought no answer at all
};
struct sts_op;
typedef void (*sts_done_fn)(void *arg, struct sts_result *result); // borrowed for the call

struct sts_target {
        const char *endpoint; // URL
        const char *ca_file;  // NULL
        int64_t deadline_ms;  // 0: 15 s for everything, retries included
};
// q is copied.
int sts_web_identity_start(struct sts_op **ret, struct http *h, const struct sts_target *t,
        const struct sts_web_identity *q, sts_done_fn done, void *arg) _must_check_;
// Signed anew for each attempt with this machine's time plus skew_s (what STS's clock is ahead). cred and q are copied.
struct sts_signer {
        const char *access_key_id;
        const struct secret *secret_access_key, *session_token;
        const char *region;  // of the credential scope: the endpoint's
        const char *service; // NULL: "sts"
        const char *target;  // X-Amz-Target of a service that speaks JSON; NULL: it takes forms
        int64_t skew_s;
};
int sts_assume_role_start(struct sts_op **ret, struct http *h, const struct sts_target *t,
        const struct sts_signer *by, const struct sts_assume_role *q, sts_done_fn done,
        void *arg) _must_check_;
// The network may be back: an attempt that had no answer for a while is made again, now. False: there is none such.
bool sts_op_hurry(struct sts_op *op);
struct sts_op *sts_op_free(struct sts_op *op);
