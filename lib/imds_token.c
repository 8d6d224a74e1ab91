// SPDX-License-Identifier: Apache-2.0
#include "imds_token.h"

#include "b64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define END_N    8u
#define DIGEST_N 32u

// The purpose stands in front: the key is good for other things, too.
static const char purpose[] = "valetkey imds token";

static int digest(uint8_t dst[DIGEST_N], const struct secret *key, const uint8_t end[END_N])
{
        uint8_t text[sizeof purpose + END_N];
        unsigned n = 0;

        memcpy(text, purpose, sizeof purpose);
        memcpy(text + sizeof purpose, end, END_N);
        if (!HMAC(EVP_sha256(), secret_str(key), (int)secret_len(key), text, sizeof text, dst, &n) ||
                n != DIGEST_N)
                return -EIO;
        return 0;
}

int imds_token_make(char dst[IMDS_TOKEN_LEN + 1], const struct secret *key, int64_t end_boot_ms)
{
        cleanup_buf struct buf text = BUF_INIT(IMDS_TOKEN_LEN);
        uint8_t raw[END_N + DIGEST_N];
        int r;

        for (unsigned i = 0; i < END_N; i++)
                raw[i] = (uint8_t)((uint64_t)end_boot_ms >> (8 * i));
        r = digest(raw + END_N, key, raw);
        if (r == 0)
                r = b64url_encode(&text, raw, sizeof raw);
        if (r == 0)
                memcpy(dst, text.p, IMDS_TOKEN_LEN + 1);
        explicit_bzero(raw, sizeof raw);
        return r;
}

bool imds_token_is_good(const char *s, size_t n, const struct secret *key, int64_t now_boot_ms)
{
        cleanup_buf struct buf raw = BUF_INIT(END_N + DIGEST_N);
        uint8_t want[DIGEST_N];
        uint64_t end = 0;
        bool good;

        if (n != IMDS_TOKEN_LEN || b64url_decode(&raw, s, n) < 0 || raw.n != END_N + DIGEST_N ||
                digest(want, key, (const uint8_t *)raw.p) < 0)
                return false;
        good = CRYPTO_memcmp(want, raw.p + END_N, DIGEST_N) == 0;
        explicit_bzero(want, sizeof want);
        for (unsigned i = 0; i < END_N; i++)
                end |= (uint64_t)(uint8_t)raw.p[i] << (8 * i);
        // A token that lasts longer than any that is made is none: the clock it was made by was another's.
        return good && end > (uint64_t)now_boot_ms &&
               end - (uint64_t)now_boot_ms <= IMDS_TOKEN_TTL_S * UINT64_C(1000);
}

bool imds_token_ttl(const char *s, size_t n, uint32_t *ret_s)
{
        uint32_t v = 0;

        if (n == 0 || n > 5)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return false;
                v = v * 10 + (uint32_t)(s[i] - '0');
        }
        *ret_s = v;
        return v >= 1 && v <= IMDS_TOKEN_TTL_S;
}
