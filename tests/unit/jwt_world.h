// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the ID-token verifier share: a provider with one key of each kind and a stranger, a good token,
// and verifying with the promises of a refusal checked (claims untouched, one sentence that quotes nothing).
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "jwt.h"
#include "mint.h"

#include <openssl/err.h>
#include <stdio.h>

#define NOW    1700000000
#define ISSUER "https://login.example.com"
#define CLIENT "valetkey"
// The claims every good token has; a test adds or replaces.
#define GOOD_TIMES "\"iat\":1700000000,\"exp\":1700000600"
#define GOOD_ISS   "\"iss\":\"" ISSUER "\""
#define GOOD_AUD   "\"aud\":\"" CLIENT "\""
#define GOOD_SUB   "\"sub\":\"alice-1\""
#define GOOD       "{" GOOD_ISS "," GOOD_AUD "," GOOD_SUB "," GOOD_TIMES "}"

// RSA, the three curves, and a stranger's RSA and P-256.
static EVP_PKEY *rsa, *p256, *p384, *p521, *other_rsa, *other_p256;
static struct jwks *keys;

static const struct {
        const char *alg, *kid;
        EVP_PKEY **key;
} allowed[] = {
        {"RS256", "rsa", &rsa},
        {"RS384", "rsa", &rsa},
        {"RS512", "rsa", &rsa},
        {"PS256", "rsa", &rsa},
        {"ES256", "p256", &p256},
        {"ES384", "p384", &p384},
        {"ES512", "p521", &p521},
};

static struct jwks *set_of(const char *entries)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        struct jwks *k = NULL;

        buf_printf(&b, "{\"keys\":[%s]}", entries);
        assert_int_equal(jwks_parse(&k, buf_str(&b), b.n, NULL), 0);
        return k;
}

_unused_ static int make_keys(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);

        (void)state;
        rsa = mint_rsa(2048);
        other_rsa = mint_rsa(2048);
        p256 = mint_ec("P-256");
        other_p256 = mint_ec("P-256");
        p384 = mint_ec("P-384");
        p521 = mint_ec("P-521");
        mint_jwk(&b, rsa, NULL, ",\"kid\":\"rsa\"");
        buf_append_char(&b, ',');
        mint_jwk(&b, p256, "P-256", ",\"kid\":\"p256\"");
        buf_append_char(&b, ',');
        mint_jwk(&b, p384, "P-384", ",\"kid\":\"p384\"");
        buf_append_char(&b, ',');
        mint_jwk(&b, p521, "P-521", ",\"kid\":\"p521\"");
        keys = set_of(buf_str(&b));
        return 0;
}

_unused_ static int drop_keys(void **state)
{
        EVP_PKEY *all[] = {rsa, other_rsa, p256, other_p256, p384, p521};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                EVP_PKEY_free(all[i]);
        keys = jwks_free(keys);
        return 0;
}

static const struct jwt_expect expect = {.issuer = ISSUER, .client_id = CLIENT, .now_s = NOW};

// Verifies text; on any failure the claims must be untouched and a sentence said that quotes nothing of the
// token.
static int verify_n(const char *text, size_t n, const struct jwks *k, const struct jwt_expect *x)
{
        struct jwt_claims c = {.exp = 4242};
        struct err err = ERR_INIT;
        int r = jwt_verify(&c, text, n, k, x, &err);

        if (r == 0) {
                assert_non_null(c.all);
                assert_string_equal(c.iss, x->issuer);
                assert_true(c.sub && c.sub[0] && c.aud);
                jwt_claims_deinit(&c);
                assert_null(c.all);
                return 0;
        }
        assert_int_equal(c.exp, 4242);
        assert_null(c.all);
        assert_true(err.text[0] != 0);
        assert_null(strstr(err.text, "eyJ"));
        assert_true(jwt_result_text(r)[0] != 0);
        assert_int_equal(ERR_peek_error(), 0);
        return r;
}

_unused_ static int verify(const char *text)
{
        return verify_n(text, strlen(text), keys, &expect);
}

// A token with this payload, signed as it should be, under these expectations.
_unused_ static int claims_x(const char *payload, const struct jwt_expect *x)
{
        cleanup_free char *t = mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"p256\"}", payload);

        return verify_n(t, strlen(t), keys, x);
}

_unused_ static int claims(const char *payload)
{
        return claims_x(payload, &expect);
}

// A token with this header, signed by key as alg says.
_unused_ static int header(EVP_PKEY *key, const char *alg, const char *text)
{
        cleanup_free char *t = mint_token(key, alg, text, GOOD);

        return verify(t);
}
