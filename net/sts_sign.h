// SPDX-License-Identifier: Apache-2.0
//
// The headers of a signed STS request: one POST to one endpoint, Signature Version 4.
#pragma once

#include "sts_op.h"

struct sts_headers {
        struct buf date, token, type, target; // "Name: value"; empty where there is none
        struct secret *authorization;         // value
        const char *list[5];                  // NULL-terminated, points into the buffers
};
#define STS_HEADERS_INIT                                                                                     \
        {                                                                                                    \
                .date = BUF_INIT(64), .token = BUF_INIT(16384), .type = BUF_INIT(128),                       \
                .target = BUF_INIT(256)                                                                      \
        }

// Host is signed as curl will send it. time_s: what the signature says. 0, -ENOMEM, -EINVAL with err.
int sts_sign(struct sts_headers *ret, const char *endpoint, const struct secret *form,
        const struct sts_signer *by, int64_t time_s, struct err *err) _must_check_;
void sts_headers_deinit(struct sts_headers *h);
