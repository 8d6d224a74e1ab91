// SPDX-License-Identifier: Apache-2.0
//
// GetCallerIdentity: whose credentials are these, asked of STS itself. It needs no permission, so its answer says what is
// so and not what is allowed.
#pragma once

#include "buf.h"
#include "err.h"

struct sts_caller_identity {
        char *arn;        // "arn:aws:sts::123456789012:assumed-role/dev/alice"
        char *account;    // "" where there is none (radosgw)
        char *user_id;    // "AROA…:alice"
        char *request_id; // NULL where absent
};

int sts_caller_identity_request(struct buf *out) _must_check_;
// 0, -ENOMEM, -EBADMSG (cut, no XML, DOCTYPE, huge, the ARN absent, anything twice). ret is filled on success only; its
// texts may be shown to a terminal.
int sts_caller_identity_parse(
        struct sts_caller_identity *ret, const void *xml, size_t n, struct err *err) _must_check_;
void sts_caller_identity_deinit(struct sts_caller_identity *c); // legal on a zeroed struct and twice
