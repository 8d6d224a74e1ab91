// SPDX-License-Identifier: Apache-2.0
//
// The canonical request, the string to sign, and the chain of keyed digests whose every link is a key: each
// is cleared before the function that made it returns.
#include "sigv4_canon.h"

#include <openssl/evp.h>
#include <openssl/params.h>

#define DIGEST_LEN 32

static void hex(char ret[65], const unsigned char raw[DIGEST_LEN])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < DIGEST_LEN; i++) {
                ret[2 * i] = digits[raw[i] >> 4];
                ret[2 * i + 1] = digits[raw[i] & 15];
        }
        ret[64] = 0;
}

int sigv4_sha256_hex(char ret[65], const void *p, size_t n)
{
        unsigned char raw[DIGEST_LEN];
        size_t len = 0;

        if (EVP_Q_digest(NULL, "SHA256", NULL, n ? p : "", n, raw, &len) != 1 || len != sizeof raw)
                return -EIO;
        hex(ret, raw);
        return 0;
}

// A method is one word of letters: a line end in it would move everything behind it.
static bool method_ok(const char *s)
{
        size_t n = s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") : 0;

        return n > 0 && n <= 32 && !s[n];
}

int sigv4_canon_request(struct buf *out, const struct sigv4_request *req, const struct buf *query,
        const struct buf *lines, const struct buf *names, const char *payload, unsigned flags)
{
        int r;

        if (!method_ok(req->method))
                return SIGV4_CANON_E_BAD;
        buf_append_str(out, req->method);
        buf_append_char(out, '\n');
        r = sigv4_canon_path(out, req->path ? req->path : "", flags);
        if (r)
                return r;
        return buf_printf(out, "\n%s\n%s\n%s\n%s", buf_str(query), buf_str(lines), buf_str(names), payload);
}

int sigv4_string_to_sign(
        struct buf *out, const char *amz_date, const char *scope, const struct buf *canonical)
{
        char digest[65];
        int r = sigv4_sha256_hex(digest, buf_str(canonical), canonical->n);

        return r ? r : buf_printf(out, SIGV4_ALGORITHM "\n%s\n%s\n%s", amz_date, scope, digest);
}

// One context for all links: fetching the algorithm costs more than using it.
static EVP_MAC_CTX *hmac_new(void)
{
        char digest[] = "SHA256";
        const OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        EVP_MAC_CTX *c = mac ? EVP_MAC_CTX_new(mac) : NULL;

        EVP_MAC_free(mac);
        if (c && EVP_MAC_CTX_set_params(c, params) != 1) {
                EVP_MAC_CTX_free(c);
                c = NULL;
        }
        return c;
}

static int hmac(EVP_MAC_CTX *c, unsigned char ret[DIGEST_LEN], const void *key, size_t key_n,
        const char *text, size_t n)
{
        size_t len = 0;

        return EVP_MAC_init(c, key, key_n, NULL) == 1 && EVP_MAC_update(c, (const void *)text, n) == 1 &&
                               EVP_MAC_final(c, ret, &len, DIGEST_LEN) == 1 && len == DIGEST_LEN
                       ? 0
                       : -EIO;
}

int sigv4_signature(char ret[65], const struct secret *key, const char *date, const char *region,
        const char *service, const struct buf *string_to_sign)
{
        const char *const chain[] = {date, region, service, SIGV4_TERMINATOR};
        cleanup_secret struct secret *first = NULL;
        unsigned char a[DIGEST_LEN], b[DIGEST_LEN];
        EVP_MAC_CTX *c;
        int r = secret_new_room(&first, secret_len(key) + 4);

        if (r)
                return r;
        memcpy(secret_bytes_mutable(first), "AWS4", 4);
        memcpy(secret_bytes_mutable(first) + 4, secret_str(key), secret_len(key));
        c = hmac_new();
        r = c ? hmac(c, a, secret_str(first), secret_len(first), chain[0], strlen(chain[0])) : -EIO;
        for (size_t i = 1; !r && i < ARRAY_SIZE(chain); i++) {
                r = hmac(c, b, a, sizeof a, chain[i], strlen(chain[i]));
                memcpy(a, b, sizeof a);
        }
        if (!r)
                r = hmac(c, b, a, sizeof a, buf_str(string_to_sign), string_to_sign->n);
        if (!r)
                hex(ret, b);
        EVP_MAC_CTX_free(c);
        explicit_bzero(a, sizeof a);
        explicit_bzero(b, sizeof b);
        return r;
}
