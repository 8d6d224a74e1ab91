// SPDX-License-Identifier: Apache-2.0
//
// Key sets: what is kept, what is skipped, and which key a token may use.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "jwks.h"
#include "jwt.h"
#include "mint.h"

static EVP_PKEY *rsa, *p256;

static int make_keys(void **state)
{
        (void)state;
        rsa = mint_rsa(2048);
        p256 = mint_ec("P-256");
        return 0;
}

static int drop_keys(void **state)
{
        (void)state;
        EVP_PKEY_free(rsa);
        EVP_PKEY_free(p256);
        return 0;
}

// How many keys of the set {"keys":[entries]} are kept; a negative result where it is refused.
static int count(const char *entries, struct err *err)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        _cleanup_(jwks_freep) struct jwks *k = NULL;
        int r;

        buf_printf(&b, "{\"keys\":[%s]}", entries);
        r = jwks_parse(&k, buf_str(&b), b.n, err);
        assert_true(r == 0 ? k != NULL : k == NULL);
        return r < 0 ? r : (int)jwks_count(k);
}

// One entry made of key with extra members.
static int count_one(EVP_PKEY *key, const char *crv, const char *extra)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);

        mint_jwk(&b, key, crv, extra);
        return count(buf_str(&b), NULL);
}

static void public_signing_keys_are_kept(void **state)
{
        EVP_PKEY *p384 = mint_ec("P-384"), *p521 = mint_ec("P-521"), *rsa3072 = mint_rsa(3072);
        static const char *const extras[] = {"", ",\"kid\":\"a\"", ",\"use\":\"sig\"", ",\"alg\":null",
                ",\"key_ops\":[\"verify\"]", ",\"x5c\":[\"junk\"],\"x5t\":7,\"unknown\":{}"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(extras); i++) {
                assert_int_equal(count_one(rsa, NULL, extras[i]), 1);
                assert_int_equal(count_one(p256, "P-256", extras[i]), 1);
        }
        assert_int_equal(count_one(p384, "P-384", ",\"alg\":\"ES384\""), 1);
        assert_int_equal(count_one(p521, "P-521", ",\"alg\":\"ES512\""), 1);
        assert_int_equal(count_one(rsa3072, NULL, ",\"alg\":\"PS256\""), 1);
        EVP_PKEY_free(p384);
        EVP_PKEY_free(p521);
        EVP_PKEY_free(rsa3072);
}

static void other_keys_are_skipped(void **state)
{
        EVP_PKEY *weak = mint_rsa(1024), *almost = mint_rsa(2047), *k1 = mint_ec("secp256k1");
        static const char *const extras[] = {",\"use\":\"enc\"", ",\"use\":7", ",\"alg\":\"HS256\"",
                ",\"alg\":\"none\"", ",\"alg\":\"RSA-OAEP\"", ",\"alg\":7", ",\"alg\":\"rs256\"",
                ",\"key_ops\":[\"sign\"]", ",\"key_ops\":[]", ",\"key_ops\":\"verify\"", ",\"kid\":7",
                ",\"d\":\"AQAB\"", ",\"d\":null", ",\"k\":\"AQAB\""};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(extras); i++) {
                assert_int_equal(count_one(rsa, NULL, extras[i]), -EBADMSG);
                assert_int_equal(count_one(p256, "P-256", extras[i]), -EBADMSG);
        }
        assert_int_equal(count_one(rsa, NULL, ",\"alg\":\"ES256\""), -EBADMSG);
        assert_int_equal(count_one(p256, "P-256", ",\"alg\":\"RS256\""), -EBADMSG);
        assert_int_equal(count_one(p256, "P-256", ",\"alg\":\"ES384\""), -EBADMSG);
        assert_int_equal(count_one(p256, "P-256", ",\"alg\":\"ES256K\""), -EBADMSG);
        assert_int_equal(count_one(p256, "P-384", ""), -EBADMSG); // coordinates of another length
        assert_int_equal(count_one(p256, "p-256", ""), -EBADMSG);
        assert_int_equal(count_one(k1, "secp256k1", ""), -EBADMSG);
        assert_int_equal(count_one(k1, "secp256k1", ",\"alg\":\"ES256K\""), -EBADMSG);
        assert_int_equal(count_one(weak, NULL, ""), -EBADMSG);
        assert_int_equal(count_one(almost, NULL, ""), -EBADMSG);
        EVP_PKEY_free(weak);
        EVP_PKEY_free(almost);
        EVP_PKEY_free(k1);
}

static void junk_is_skipped_and_the_rest_used(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        static const char junk[] =
                "7,null,\"x\",[],{},{\"kty\":\"RSA\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":"
                "\"AA\"},"
                "{\"kty\":\"RSA\",\"n\":\"!!\",\"e\":\"AQAB\"},{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":"
                "\"AQAB\"},"
                "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
                "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"},{\"kty\":7,\"n\":{}},";

        (void)state;
        buf_append_str(&b, junk);
        mint_jwk(&b, rsa, NULL, "");
        assert_int_equal(count(buf_str(&b), NULL), 1);
}

// Exponents that make RSA a joke: 0, 1, even, and ones too long.
static void strange_exponents_are_refused(void **state)
{
        static const char *const bad[] = {
                "", "AA", "AQ", "AAE", "AAAB", "Ag", "AQAA", "AQAAAAAAAAAB", "AQAB=", "AQ\\u0000"};
        static const char *const good[] = {"Aw", "AQAB", "AAEAAQ"};
        cleanup_buf struct buf n = BUF_INIT(4096);
        char entry[1024];

        (void)state;
        mint_number(&n, rsa, OSSL_PKEY_PARAM_RSA_N, 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                snprintf(entry, sizeof entry, "{\"kty\":\"RSA\",\"e\":\"%s\",\"n\":\"%s\"}", bad[i],
                        buf_str(&n));
                assert_int_equal(count(entry, NULL), -EBADMSG);
        }
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                snprintf(entry, sizeof entry, "{\"kty\":\"RSA\",\"e\":\"%s\",\"n\":\"%s\"}", good[i],
                        buf_str(&n));
                assert_int_equal(count(entry, NULL), 1);
        }
}

static void sets_without_a_key_say_so(void **state)
{
        static const char *const bad[] = {"", "{}", "[]", "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[]}",
                "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}", "<html>", "{\"keys\":[",
                "{\"keys\":[],\"keys\":[]}"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;
                struct jwks *k = NULL;

                assert_int_equal(jwks_parse(&k, bad[i], strlen(bad[i]), &err), -EBADMSG);
                assert_null(k);
                assert_non_null(strstr(err.text, "key set"));
        }
}

static void a_thousand_keys_are_held_and_more_are_bounded(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX), one = BUF_INIT(4096);
        const struct jwt_alg *es256 = jwt_alg_find("ES256");
        _cleanup_(jwks_freep) struct jwks *k = NULL;
        size_t at = 0;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                char extra[64];

                snprintf(extra, sizeof extra, ",\"kid\":\"k%d\"", i);
                buf_append_str(&b, i ? "," : "{\"keys\":[");
                mint_jwk(&b, p256, "P-256", extra);
        }
        buf_append_str(&b, "]}");
        assert_int_equal(jwks_parse(&k, buf_str(&b), b.n, NULL), 0);
        assert_int_equal(jwks_count(k), 1000);
        assert_string_equal(jwks_next(k, &at, "k999", es256)->kid, "k999");
        assert_null(jwks_next(k, &at, "k999", es256));
        at = 0;
        assert_null(jwks_next(k, &at, "k1000", es256));

        mint_jwk(&one, p256, "P-256", "");
        buf_reset(&b);
        for (int i = 0; i < JWT_JWKS_KEYS_MAX + 500; i++)
                buf_printf(&b, "%s%s", i ? "," : "", buf_str(&one));
        assert_int_equal(count(buf_str(&b), NULL), JWT_JWKS_KEYS_MAX);
}

static void a_key_serves_only_what_it_is_for(void **state)
{
        static const char *const names[] = {"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512"};
        static const char *const never[] = {"none", "None", "HS256", "HS384", "HS512", "ES256K", "EdDSA",
                "PS384", "PS512", "RS1", "rs256", "RS256 ", ""};
        struct jwk any_rsa = {.kind = JWK_RSA}, any_p256 = {.kind = JWK_P256};
        struct jwk only = {.kind = JWK_RSA, .only = jwt_alg_find("RS256")};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const struct jwt_alg *a = jwt_alg_find(names[i]);

                assert_non_null(a);
                assert_int_equal(jwk_fits(&any_rsa, a), names[i][0] != 'E');
                assert_int_equal(jwk_fits(&any_p256, a), strcmp(names[i], "ES256") == 0);
                assert_int_equal(jwk_fits(&only, a), strcmp(names[i], "RS256") == 0);
        }
        for (size_t i = 0; i < ARRAY_SIZE(never); i++)
                assert_null(jwt_alg_find(never[i]));
}

static void every_allocation_may_fail(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        struct jwks *k = NULL;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        buf_append_str(&b, "{\"keys\":[7,");
        mint_jwk(&b, rsa, NULL, ",\"kid\":\"a\"");
        buf_append_char(&b, ',');
        mint_jwk(&b, p256, "P-256", ",\"kid\":\"b\"");
        buf_append_str(&b, "]}");
        FAULT_EACH(100, r = jwks_parse(&k, b.p, b.n, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(k);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 6);
        assert_int_equal(jwks_count(k), 2);
        jwks_free(k);
        assert_null(jwks_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(public_signing_keys_are_kept),
                cmocka_unit_test(other_keys_are_skipped),
                cmocka_unit_test(junk_is_skipped_and_the_rest_used),
                cmocka_unit_test(strange_exponents_are_refused),
                cmocka_unit_test(sets_without_a_key_say_so),
                cmocka_unit_test(a_thousand_keys_are_held_and_more_are_bounded),
                cmocka_unit_test(a_key_serves_only_what_it_is_for),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
