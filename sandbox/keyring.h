// SPDX-License-Identifier: Apache-2.0
//
// The provider's signing keys: an RSA and a P-256 key in use, and those used before, still published so that
// tokens they signed verify. Signing is OpenSSL's EVP directly: the product verifies with another library,
// so a mistake in one does not hide in the other.
#pragma once

#include <jansson.h>

#include "buf.h"
#include "util.h"

struct keyring;
int keyring_new(struct keyring **ret) _must_check_; // makes the first pair
struct keyring *keyring_free(struct keyring *k);
// A new pair signs from now on. forget: the old ones leave the JWKS at once.
int keyring_rotate(struct keyring *k, bool forget) _must_check_;

enum keyring_jwks_flags {
        KEYRING_STRANGERS = 1 << 0, // other keys instead of ours
        KEYRING_MANY = 1 << 1,      // a thousand other keys first
        KEYRING_JUNK = 1 << 2,      // entries that are no keys in between
};
int keyring_jwks(const struct keyring *k, unsigned flags, json_t **ret) _must_check_;

enum keyring_sign_flags {
        KEYRING_BREAK_SIGNATURE = 1 << 0,
        KEYRING_UNPUBLISHED = 1 << 1, // with a key nobody knows, under the right kid
        KEYRING_NONE = 1 << 2,        // alg none, no signature
};
// A compact JWS of claims. alg: RS256, RS384, RS512, PS256 or ES256. ret is appended to.
int keyring_sign(const struct keyring *k, const char *alg, const json_t *claims, unsigned flags,
        struct buf *ret) _must_check_;
