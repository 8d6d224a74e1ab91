// SPDX-License-Identifier: Apache-2.0
//
// The documents credentials are handed out in: that of credential_process (AWS SDKs and tools reference guide, "Process
// credential provider": Version is the number 1), that of the container endpoint and that of the instance metadata service.
// One JSON object each, times in UTC with whole seconds. Written by hand so that no JSON heap holds the secret.
#pragma once

#include "sts.h"

// expiration_s: what to report (contracts: real minus 120 s on this door). One line, newline at the end.
// 0, -EINVAL (a field is missing, empty or not ASCII), or the error of the buffer.
int credproc_write(struct buf *out, const struct sts_credentials *c, int64_t expiration_s) _must_check_;
// What the SDKs' container provider reads: all strings. expiration_s: the true one. role_arn NULL: left out. No newline.
int credproc_write_container(struct buf *out, const struct sts_credentials *c, int64_t expiration_s,
        const char *role_arn) _must_check_;
// What lies behind meta-data/iam/security-credentials/ROLE on EC2. No newline.
int credproc_write_imds(struct buf *out, const struct sts_credentials *c, int64_t expiration_s,
        int64_t updated_s) _must_check_;
