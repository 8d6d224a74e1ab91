// SPDX-License-Identifier: Apache-2.0
//
// Apart from the log itself: a program that names no token needs no libcrypto.
#include "log.h"

#include <openssl/evp.h>
#include <stdio.h>

// dst: always terminated; "????????" when there is no SHA-256.
void log_fingerprint(char dst[9], const void *p, size_t n)
{
        unsigned char md[EVP_MAX_MD_SIZE];

        if (!EVP_Digest(p, n, md, NULL, EVP_sha256(), NULL)) {
                memcpy(dst, "????????", 9);
                return;
        }
        snprintf(dst, 9, "%02x%02x%02x%02x", md[0], md[1], md[2], md[3]);
}
