// SPDX-License-Identifier: Apache-2.0
//
// Key sets; and every key that is kept meets a token of each algorithm, so that its numbers reach the
// arithmetic.
#include "jwks.h"
#include "jwt.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_keys(const struct jwks *k, const char *name, const char *header, size_t signature_len)
{
        const struct jwt_alg *alg = jwt_alg_find(name);
        const struct jwk *key;
        char token[2048], signature[1400];
        size_t at = 0;

        // base64url of zero bytes
        memset(signature, 'A', sizeof signature);
        snprintf(token, sizeof token, "%s.e30.%.*s", header, (int)((signature_len * 4 + 2) / 3), signature);
        while (at < 8 && (key = jwks_next(k, &at, NULL, alg)))
                if (jwk_verify(key, alg, token, strlen(token), signature_len ? signature_len : key->a.n) == 0)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(jwks_freep) struct jwks *k = NULL;
        struct err err = ERR_INIT;
        int r = jwks_parse(&k, data, size, &err);

        if ((r == 0) != (k != NULL) || (r < 0 && r != -ENOMEM && !err.text[0]))
                abort();
        if (r < 0)
                return 0;
        if (jwks_count(k) == 0 || jwks_count(k) > JWT_JWKS_KEYS_MAX)
                abort();
        try_keys(k, "ES256", "eyJhbGciOiJFUzI1NiJ9", 64);
        try_keys(k, "ES384", "eyJhbGciOiJFUzM4NCJ9", 96);
        try_keys(k, "ES512", "eyJhbGciOiJFUzUxMiJ9", 132);
        try_keys(k, "RS256", "eyJhbGciOiJSUzI1NiJ9", 256);
        try_keys(k, "PS256", "eyJhbGciOiJQUzI1NiJ9", 256);
        return 0;
}
