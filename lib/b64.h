// SPDX-License-Identifier: Apache-2.0
//
// base64url without padding (RFC 4648 §5, RFC 7515 §2), strict: no padding, no white space, no non-zero
// trailing bits.
#pragma once

#include "buf.h"

int b64url_encode(struct buf *out, const void *p, size_t n);
// 0; -EBADMSG when the text is not canonical base64url; -EMSGSIZE, -ENOMEM from the buffer.
int b64url_decode(struct buf *out, const char *s, size_t n);

// The other base64, with padding (RFC 4648 §4), as registries have it. The same strictness.
int b64_encode(struct buf *out, const void *p, size_t n);
int b64_decode(struct buf *out, const char *s, size_t n);
