// SPDX-License-Identifier: Apache-2.0
//
// IMDSv2 session tokens that nobody has to remember: the moment they end and a keyed digest of it. However many programs ask
// for however many tokens, none takes another's place, and they outlive a broker that is run anew with the same key.
#pragma once

#include "secret.h"

#define IMDS_TOKEN_LEN   54u // 40 bytes in base64url
#define IMDS_TOKEN_TTL_S 21600u

// end_boot_ms: on the boot clock. 0, -EIO, -ENOMEM.
int imds_token_make(char dst[IMDS_TOKEN_LEN + 1], const struct secret *key, int64_t end_boot_ms) _must_check_;
// Whether the n bytes at s are a token of that key that has not ended. Constant time where the key matters.
bool imds_token_is_good(const char *s, size_t n, const struct secret *key, int64_t now_boot_ms);
// "1" to "21600": what the header for a token's life may say.
bool imds_token_ttl(const char *s, size_t n, uint32_t *ret_s);
