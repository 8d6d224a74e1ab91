// SPDX-License-Identifier: Apache-2.0
//
// Apart from what holds a secret: who compares none needs no libcrypto.
#include "secret.h"

#include <openssl/crypto.h>

bool secret_eq_bytes(const struct secret *a, const void *p, size_t n)
{
        return a && p && secret_len(a) == n && CRYPTO_memcmp(secret_str(a), p, n) == 0;
}

bool secret_eq(const struct secret *a, const struct secret *b)
{
        return b && secret_eq_bytes(a, secret_str(b), secret_len(b));
}
