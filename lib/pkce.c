// SPDX-License-Identifier: Apache-2.0
//
// 32 random bytes spell 43 characters, and so does a SHA-256: verifier and challenge are equally long.
#include "pkce.h"

#include "b64.h"
#include "random.h"

#include <openssl/evp.h>

#define RAW_LEN 32

static int spell(struct buf *out, const unsigned char raw[RAW_LEN])
{
        int r = b64url_encode(out, raw, RAW_LEN);

        return r < 0 ? r : out->n == PKCE_CHALLENGE_LEN ? 0 : -EINVAL;
}

// *ret is the caller's.
int pkce_new_verifier(struct secret **ret)
{
        cleanup_buf struct buf b = BUF_INIT(PKCE_CHALLENGE_LEN);
        unsigned char raw[RAW_LEN];
        int r = random_bytes(raw, sizeof raw);

        if (!r)
                r = spell(&b, raw);
        explicit_bzero(raw, sizeof raw);
        return r < 0 ? r : buf_take_secret(&b, ret);
}

// BASE64URL(SHA256(verifier)), RFC 7636 §4.2. -EINVAL without a verifier of legal length (43–128).
int pkce_challenge(char ret[PKCE_CHALLENGE_LEN + 1], const struct secret *verifier)
{
        cleanup_buf struct buf b = BUF_INIT(PKCE_CHALLENGE_LEN);
        unsigned char raw[RAW_LEN];
        size_t n = 0;
        int r;

        if (secret_len(verifier) < 43 || secret_len(verifier) > 128)
                return -EINVAL;
        if (EVP_Q_digest(NULL, "SHA256", NULL, secret_str(verifier), secret_len(verifier), raw, &n) != 1 ||
                n != sizeof raw)
                return -EIO;
        r = spell(&b, raw);
        if (r < 0)
                return r;
        memcpy(ret, buf_str(&b), PKCE_CHALLENGE_LEN + 1);
        return 0;
}
