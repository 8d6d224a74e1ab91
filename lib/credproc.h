// SPDX-License-Identifier: Apache-2.0
//
// The credential_process document (AWS SDKs and tools reference guide, "Process credential provider"): one
// JSON object, Version the number 1, Expiration in UTC with whole seconds. Written by hand so that no JSON
// heap holds the secret.
#pragma once

#include "sts.h"

// expiration_s: what to report (contracts: real minus 120 s on this door). One line, newline at the end.
// 0, -EINVAL (a field is missing, empty or not ASCII), or the error of the buffer.
int credproc_write(struct buf *out, const struct sts_credentials *c, int64_t expiration_s) _must_check_;
