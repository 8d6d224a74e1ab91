// SPDX-License-Identifier: Apache-2.0
//
// The encoded authorization message that some services of AWS add to a refusal, and sts:DecodeAuthorizationMessage reads: what
// was asked, of whom, under which conditions, and what decided. Sealed with a key of this process, as AWS's are with its own.
#pragma once

#include "access.h"

#define ENCODED_KEY_LEN 32
#define ENCODED_MAX     10240 // what sts:DecodeAuthorizationMessage takes

// Of a refusal. 0; -ENOMEM; -EMSGSIZE: it would be longer than STS takes.
int encoded_write(struct buf *out, const unsigned char key[ENCODED_KEY_LEN], const struct access *a,
        const struct policy_outcome *o) _must_check_;
// The document in it. 0; -EBADMSG: no message of ours, or changed; -ENOMEM.
int encoded_read(struct buf *out, const unsigned char key[ENCODED_KEY_LEN], const char *text) _must_check_;
