// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 over a label, the issuer and the subject, each ended by a NUL so that no two pairs read alike, taken modulo the
// size of the range. Two people can meet on one number (one chance in 268 million for a given pair; about 2 % among 3,300):
// the table refuses the second, and nobody probes for the next free number, because which one that is would depend on who
// came first on which host.
#include "ids.h"

#include "table.h"

#include <openssl/evp.h>

static int derive(const char *label, const char *issuer, const char *subject, uint32_t *ret)
{
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        unsigned char d[32];
        uint64_t v = 0;
        bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) &&
                  EVP_DigestUpdate(c, label, strlen(label) + 1) &&
                  EVP_DigestUpdate(c, issuer, strlen(issuer) + 1) &&
                  EVP_DigestUpdate(c, subject, strlen(subject) + 1) && EVP_DigestFinal_ex(c, d, NULL);

        EVP_MD_CTX_free(c);
        if (!ok)
                return -EIO;
        for (size_t i = 0; i < 8; i++)
                v = v << 8 | d[i];
        *ret = TABLE_UID_MIN + (uint32_t)(v % (TABLE_UID_MAX - TABLE_UID_MIN + 1u));
        return 0;
}

int ids_derive(const char *issuer, const char *subject, uint32_t *ret)
{
        return derive("valetkey uid 1", issuer, subject, ret);
}

int ids_derive_group(const char *issuer, const char *id, uint32_t *ret)
{
        return derive("valetkey gid 1", issuer, id, ret);
}
