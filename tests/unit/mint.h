// SPDX-License-Identifier: Apache-2.0
//
// A provider for the tests of the verifier: keys, JWKs and signed tokens made with OpenSSL's EVP alone, so
// that the verifier (cjose) is held against something independent of it.
#pragma once

#include "b64.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>

#define MINT_MAX (4u << 20)

// ---- keys ---------------------------------------------------------------------------------------

static inline EVP_PKEY *mint_rsa(unsigned bits)
{
        EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);

        assert(k);
        return k;
}

static inline EVP_PKEY *mint_ec(const char *curve)
{
        EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);

        assert(k);
        return k;
}

static inline void mint_number(struct buf *out, EVP_PKEY *k, const char *param, int len)
{
        unsigned char raw[2048];
        BIGNUM *n = NULL;

        assert(EVP_PKEY_get_bn_param(k, param, &n));
        len = len ? len : BN_num_bytes(n);
        assert(len <= (int)sizeof raw && BN_bn2binpad(n, raw, len) == len);
        BN_free(n);
        b64url_encode(out, raw, (size_t)len);
}

// Appends {"kty":…} with extra (",\"kid\":\"a\"") at its end. crv names the curve for an EC key.
static inline void mint_jwk(struct buf *out, EVP_PKEY *k, const char *crv, const char *extra)
{
        int len = (EVP_PKEY_get_bits(k) + 7) / 8;

        if (!crv) {
                buf_append_str(out, "{\"kty\":\"RSA\",\"e\":\"");
                mint_number(out, k, OSSL_PKEY_PARAM_RSA_E, 0);
                buf_append_str(out, "\",\"n\":\"");
                mint_number(out, k, OSSL_PKEY_PARAM_RSA_N, 0);
        } else {
                buf_printf(out, "{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"", crv);
                mint_number(out, k, OSSL_PKEY_PARAM_EC_PUB_X, len);
                buf_append_str(out, "\",\"y\":\"");
                mint_number(out, k, OSSL_PKEY_PARAM_EC_PUB_Y, len);
        }
        buf_printf(out, "\"%s}", extra);
        assert(!buf_error(out));
}

// ---- tokens -------------------------------------------------------------------------------------

// Turns a DER ECDSA signature into r and s side by side.
static inline size_t mint_raw_ecdsa(EVP_PKEY *k, unsigned char *sig, size_t n)
{
        const unsigned char *p = sig;
        ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)n);
        int half = (EVP_PKEY_get_bits(k) + 7) / 8;

        assert(s);
        BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, half);
        BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + half, half);
        ECDSA_SIG_free(s);
        return (size_t)half * 2;
}

// Appends the signature of text by alg's digest and padding ("RS384", "PS256", "ES512", …).
static inline void mint_signature(struct buf *out, EVP_PKEY *k, const char *alg, const char *text, size_t n)
{
        unsigned char sig[2048];
        char md[16];
        size_t len = sizeof sig;
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pc = NULL;

        snprintf(md, sizeof md, "SHA%s", alg + 2);
        assert(EVP_DigestSignInit_ex(c, &pc, md, NULL, NULL, k, NULL) == 1);
        if (alg[0] == 'P') {
                assert(EVP_PKEY_CTX_set_rsa_padding(pc, RSA_PKCS1_PSS_PADDING) == 1);
                assert(EVP_PKEY_CTX_set_rsa_pss_saltlen(pc, RSA_PSS_SALTLEN_DIGEST) == 1);
        }
        assert(EVP_DigestSign(c, sig, &len, (const unsigned char *)text, n) == 1);
        EVP_MD_CTX_free(c);
        if (alg[0] == 'E')
                len = mint_raw_ecdsa(k, sig, len);
        b64url_encode(out, sig, len);
}

// header "." payload "." signature; the text is the caller's. (Inlined, gcc 12 warns of a dangling pointer.)
_unused_ __attribute__((noinline)) static char *mint_token(
        EVP_PKEY *k, const char *alg, const char *header, const char *payload)
{
        struct buf b = BUF_INIT(MINT_MAX), sig = BUF_INIT(4096);
        char *text = NULL;

        b64url_encode(&b, header, strlen(header));
        buf_append_char(&b, '.');
        b64url_encode(&b, payload, strlen(payload));
        mint_signature(&sig, k, alg, b.p, b.n);
        buf_printf(&b, ".%s", buf_str(&sig));
        buf_deinit(&sig);
        assert(buf_take_str(&b, &text) == 0);
        return text;
}
