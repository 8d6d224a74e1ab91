// SPDX-License-Identifier: Apache-2.0
//
// The private DRBG, because what is drawn here are secrets: handles, states, nonces, verifiers.
#include "random.h"

#include <openssl/rand.h>

// Fills p with n unpredictable bytes; on failure p holds zeroes.
int random_bytes(void *p, size_t n)
{
        if (RAND_priv_bytes_ex(NULL, p, n, 0) == 1)
                return 0;
        memset(p, 0, n);
        return -EIO;
}

int random_hex(char *dst, size_t n)
{
        static const char digits[] = "0123456789abcdef";
        unsigned char *raw = (unsigned char *)dst + n;
        int r;

        // The raw bytes sit in the upper half and are overwritten from below, never before they were read.
        dst[2 * n] = 0;
        r = random_bytes(raw, n);
        if (r < 0) {
                dst[0] = 0;
                return r;
        }
        for (size_t i = 0; i < n; i++) {
                unsigned char c = raw[i];

                dst[2 * i] = digits[c >> 4];
                dst[2 * i + 1] = digits[c & 15];
        }
        return 0;
}
