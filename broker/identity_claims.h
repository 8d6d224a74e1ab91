// SPDX-License-Identifier: Apache-2.0
//
// What the ID token of a sign-in says, as a JSON document (valetkey-whoami(1)). Never the token, nor its signature.
#pragma once

#include "keeper.h"

#define IDENTITY_CLAIMS_MAX                                                                                  \
        (1u << 20) // a token of 20000 bytes, its claims once more taken apart, all of it escaped
// 0; -ENOENT: nobody is signed in there; -EBADMSG: the token cannot be read (err says which); -ENOMEM, -EMSGSIZE.
int identity_claims_write(struct buf *out, const struct keeper *k, struct err *err) _must_check_;
