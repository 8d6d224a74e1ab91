// SPDX-License-Identifier: Apache-2.0
//
// One public key of a provider, and the table of algorithms we accept. What a key may verify follows from the
// key alone (type, curve, its own "alg" and "use"); a token merely has to agree.
#pragma once

#include <jansson.h>

#include "buf.h"
#include "util.h"

enum jwk_kind {
        JWK_RSA = 1,
        JWK_P256,
        JWK_P384,
        JWK_P521,
};

#define JWK_RSA_BITS_MIN 2048
#define JWK_RSA_BITS_MAX 8192 // verification time grows with the square
#define JWK_KID_MAX      512

struct jwt_alg {
        const char *name;
        enum jwk_kind kind;
        size_t signature_len; // EC: exact; RSA: 0, as long as the modulus
};

// NULL for "none", HS*, and everything else that is not on the list.
const struct jwt_alg *jwt_alg_find(const char *name);

struct jwk {
        enum jwk_kind kind;
        const struct jwt_alg *only; // set where the key names its algorithm
        char *kid;                  // NULL where it has none
        struct buf a, b;            // RSA: modulus (no leading zero) and exponent; EC: x and y
};

enum jwk_result {
        JWK_E_UNUSABLE = 1, // not a public signing key we accept
        JWK_E_SIGNATURE,
};

// Reads one member of "keys". 0, JWK_E_UNUSABLE, -ENOMEM. Release with jwk_deinit (also after a failure).
int jwk_read(struct jwk *ret, const json_t *entry) _must_check_;
void jwk_deinit(struct jwk *k);
bool jwk_fits(const struct jwk *k, const struct jwt_alg *alg);
// Verifies a compact token that was found well-formed and names alg. 0, JWK_E_SIGNATURE, JWK_E_UNUSABLE (its
// numbers make no key: a point off the curve), -ENOMEM.
int jwk_verify(const struct jwk *k, const struct jwt_alg *alg, const char *token, size_t n,
        size_t signature_len) _must_check_;
