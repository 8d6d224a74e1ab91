// SPDX-License-Identifier: Apache-2.0
//
// The ID-token verifier against tokens minted with OpenSSL: each allowed algorithm, and each way to be wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "json.h"
#include "jwt.h"
#include "mint.h"

#include <openssl/err.h>
#include <openssl/pem.h>

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

static int make_keys(void **state)
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

static int drop_keys(void **state)
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

static int verify(const char *text)
{
        return verify_n(text, strlen(text), keys, &expect);
}

// A token with this payload, signed as it should be, under these expectations.
static int claims_x(const char *payload, const struct jwt_expect *x)
{
        cleanup_free char *t = mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"p256\"}", payload);

        return verify_n(t, strlen(t), keys, x);
}

static int claims(const char *payload)
{
        return claims_x(payload, &expect);
}

// A token with this header, signed by key as alg says.
static int header(EVP_PKEY *key, const char *alg, const char *text)
{
        cleanup_free char *t = mint_token(key, alg, text, GOOD);

        return verify(t);
}

// ---- signatures
// ---------------------------------------------------------------------------------------------

static void every_allowed_algorithm_verifies(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
                char h[100];

                snprintf(h, sizeof h, "{\"typ\":\"JWT\",\"alg\":\"%s\",\"kid\":\"%s\"}", allowed[i].alg,
                        allowed[i].kid);
                // Several times: an ECDSA signature has leading zeroes now and then.
                for (int k = 0; k < 8; k++)
                        assert_int_equal(header(*allowed[i].key, allowed[i].alg, h), 0);
        }
}

static void every_flipped_bit_is_found(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
                char h[100];
                cleanup_free char *t = NULL;
                size_t n;

                snprintf(h, sizeof h, "{\"alg\":\"%s\",\"kid\":\"%s\"}", allowed[i].alg, allowed[i].kid);
                t = mint_token(*allowed[i].key, allowed[i].alg, h, GOOD);
                n = strlen(t);
                for (size_t at = 0; at < n; at += 7) {
                        char was = t[at];

                        t[at] = was == 'A' ? 'B' : 'A';
                        assert_int_not_equal(verify(t), 0);
                        t[at] = was;
                }
                assert_int_equal(verify(t), 0);
        }
}

static void wrong_signatures(void **state)
{
        static const char h[] = "{\"alg\":\"ES256\",\"kid\":\"p256\"}";
        cleanup_free char *good = mint_token(p256, "ES256", h, GOOD);
        cleanup_free char *other = mint_token(p256, "ES256", h, "{}");
        size_t sig = (size_t)(strrchr(good, '.') + 1 - good);
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        unsigned char zero[64] = {0}, der[80];

        (void)state;
        // another key of the same kind; another token's signature
        assert_int_equal(header(other_p256, "ES256", h), JWT_E_SIGNATURE);
        assert_int_equal(header(other_rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}"), JWT_E_SIGNATURE);
        buf_printf(&b, "%.*s%s", (int)sig, good, strrchr(other, '.') + 1);
        assert_int_equal(verify(buf_str(&b)), JWT_E_SIGNATURE);
        // r = s = 0 (what CVE-2022-21449 let through)
        buf_reset(&b);
        buf_append(&b, good, sig);
        b64url_encode(&b, zero, sizeof zero);
        assert_int_equal(verify(buf_str(&b)), JWT_E_SIGNATURE);
        // lengths that are not the algorithm's
        memset(der, 0x30, sizeof der);
        for (size_t n = 1; n <= sizeof der; n++) {
                if (n == sizeof zero)
                        continue;
                buf_reset(&b);
                buf_append(&b, good, sig);
                b64url_encode(&b, der, n);
                assert_int_equal(verify(buf_str(&b)), JWT_E_SIGNATURE);
        }
        // the digest or the padding is not what the header says
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS512\",\"kid\":\"rsa\"}"), JWT_E_SIGNATURE);
        assert_int_equal(header(rsa, "PS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}"), JWT_E_SIGNATURE);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"PS256\",\"kid\":\"rsa\"}"), JWT_E_SIGNATURE);
        assert_int_equal(header(p256, "ES384", "{\"alg\":\"ES256\",\"kid\":\"p256\"}"), JWT_E_SIGNATURE);
}

static void the_same_in_rsa_with_leading_zeroes_is_another_length(void **state)
{
        cleanup_free char *good = mint_token(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", GOOD);
        size_t sig = (size_t)(strrchr(good, '.') + 1 - good);
        cleanup_buf struct buf raw = BUF_INIT(4096), b = BUF_INIT(MINT_MAX);

        (void)state;
        buf_append_char(&raw, 0);
        assert_int_equal(b64url_decode(&raw, good + sig, strlen(good) - sig), 0);
        buf_append(&b, good, sig);
        b64url_encode(&b, raw.p, raw.n);
        assert_int_equal(verify(buf_str(&b)), JWT_E_SIGNATURE);
        assert_int_equal(verify(good), 0);
}

// ---- algorithms
// ---------------------------------------------------------------------------------------------

static void unsigned_tokens_are_refused(void **state)
{
        static const char *const none[] = {"none", "None", "NONE", "nOnE", "none "};
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
                char h[64];

                snprintf(h, sizeof h, "{\"alg\":\"%s\",\"kid\":\"rsa\"}", none[i]);
                assert_int_equal(header(rsa, "RS256", h), JWT_E_ALGORITHM);
        }
        // as RFC 7519 §6.1 writes it: nothing after the second dot
        b64url_encode(&b, "{\"alg\":\"none\"}", 14);
        buf_append_char(&b, '.');
        b64url_encode(&b, GOOD, strlen(GOOD));
        buf_append_char(&b, '.');
        assert_int_equal(verify(buf_str(&b)), JWT_E_MALFORMED);
}

// The classic: HMAC keyed with the public key's PEM, or with its JWK numbers.
static void a_public_key_is_no_hmac_secret(void **state)
{
        static const char h[] = "{\"alg\":\"HS256\",\"kid\":\"rsa\"}";
        BIO *bio = BIO_new(BIO_s_mem());
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        unsigned char mac[32];
        char *pem = NULL;
        size_t n = 0;
        long len;

        (void)state;
        assert_int_equal(PEM_write_bio_PUBKEY(bio, rsa), 1);
        len = BIO_get_mem_data(bio, &pem);
        b64url_encode(&b, h, strlen(h));
        buf_append_char(&b, '.');
        b64url_encode(&b, GOOD, strlen(GOOD));
        assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, pem, (size_t)len, (unsigned char *)b.p,
                b.n, mac, sizeof mac, &n));
        buf_append_char(&b, '.');
        b64url_encode(&b, mac, n);
        assert_int_equal(verify(buf_str(&b)), JWT_E_ALGORITHM);
        BIO_free(bio);
}

static void the_token_does_not_choose_the_algorithm(void **state)
{
        (void)state;
        // RS256 said, an EC key named; and the other way about
        assert_int_equal(header(p256, "ES256", "{\"alg\":\"RS256\",\"kid\":\"p256\"}"), JWT_E_NO_KEY);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"ES256\",\"kid\":\"rsa\"}"), JWT_E_NO_KEY);
        // another curve's algorithm
        assert_int_equal(header(p256, "ES384", "{\"alg\":\"ES384\",\"kid\":\"p256\"}"), JWT_E_NO_KEY);
        assert_int_equal(header(p384, "ES256", "{\"alg\":\"ES256\",\"kid\":\"p384\"}"), JWT_E_NO_KEY);
        // real algorithms that are not on the list
        assert_int_equal(header(p256, "ES256", "{\"alg\":\"ES256K\",\"kid\":\"p256\"}"), JWT_E_ALGORITHM);
        assert_int_equal(header(rsa, "PS384", "{\"alg\":\"PS384\",\"kid\":\"rsa\"}"), JWT_E_ALGORITHM);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RSA-OAEP\",\"kid\":\"rsa\"}"), JWT_E_ALGORITHM);
        assert_int_equal(header(p256, "ES256", "{\"alg\":\"EdDSA\",\"kid\":\"p256\"}"), JWT_E_ALGORITHM);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}"), JWT_E_ALGORITHM);
        assert_int_equal(header(rsa, "RS256", "{\"kid\":\"rsa\"}"), JWT_E_ALGORITHM);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":256,\"kid\":\"rsa\"}"), JWT_E_ALGORITHM);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":[\"RS256\"],\"kid\":\"rsa\"}"), JWT_E_ALGORITHM);
}

static void a_keys_own_alg_binds(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        cleanup_free char *rs256 = mint_token(rsa, "RS256", "{\"alg\":\"RS256\"}", GOOD);
        cleanup_free char *rs512 = mint_token(rsa, "RS512", "{\"alg\":\"RS512\"}", GOOD);
        struct jwks *k;

        (void)state;
        mint_jwk(&b, rsa, NULL, ",\"alg\":\"RS512\"");
        k = set_of(buf_str(&b));
        assert_int_equal(verify_n(rs256, strlen(rs256), k, &expect), JWT_E_NO_KEY);
        assert_int_equal(verify_n(rs512, strlen(rs512), k, &expect), 0);
        jwks_free(k);
}

// ---- choosing the key
// ---------------------------------------------------------------------------------------

static void kid_chooses(void **state)
{
        (void)state;
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"nobody\"}"), JWT_E_NO_KEY);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"\"}"), JWT_E_NO_KEY);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"RSA\"}"), JWT_E_NO_KEY);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":7}"), JWT_E_MALFORMED);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":[\"rsa\"]}"), JWT_E_MALFORMED);
        // no kid: one key of each kind in the set, so each is the only one that fits
        for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
                char h[64];

                snprintf(h, sizeof h, "{\"alg\":\"%s\"}", allowed[i].alg);
                assert_int_equal(header(*allowed[i].key, allowed[i].alg, h), 0);
        }
}

static void without_kid_two_fitting_keys_are_one_too_many(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        cleanup_free char *t = mint_token(p256, "ES256", "{\"alg\":\"ES256\"}", GOOD);
        struct jwks *k;

        (void)state;
        mint_jwk(&b, p256, "P-256", ",\"kid\":\"a\"");
        buf_append_char(&b, ',');
        mint_jwk(&b, other_p256, "P-256", ",\"kid\":\"b\"");
        k = set_of(buf_str(&b));
        assert_int_equal(verify_n(t, strlen(t), k, &expect), JWT_E_NO_KEY);
        jwks_free(k);
        // a key of another kind beside it does not disturb
        buf_reset(&b);
        mint_jwk(&b, p256, "P-256", ",\"kid\":\"a\"");
        buf_append_char(&b, ',');
        mint_jwk(&b, rsa, NULL, ",\"kid\":\"b\"");
        k = set_of(buf_str(&b));
        assert_int_equal(verify_n(t, strlen(t), k, &expect), 0);
        jwks_free(k);
}

static void a_kid_used_twice_finds_the_right_key(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        cleanup_free char *t = mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"a\"}", GOOD);
        struct jwks *k;

        (void)state;
        mint_jwk(&b, other_p256, "P-256", ",\"kid\":\"a\"");
        buf_append_char(&b, ',');
        k = NULL;
        mint_jwk(&b, p256, "P-256", ",\"kid\":\"a\"");
        k = set_of(buf_str(&b));
        assert_int_equal(verify_n(t, strlen(t), k, &expect), 0);
        jwks_free(k);
        // but not behind a crowd of them: the work a token causes is bounded
        buf_reset(&b);
        for (int i = 0; i < 10; i++) {
                mint_jwk(&b, other_p256, "P-256", ",\"kid\":\"a\"");
                buf_append_char(&b, ',');
        }
        mint_jwk(&b, p256, "P-256", ",\"kid\":\"a\"");
        k = set_of(buf_str(&b));
        assert_int_equal(verify_n(t, strlen(t), k, &expect), JWT_E_SIGNATURE);
        jwks_free(k);
}

// A thousand keys: the last is found.
static void the_last_of_a_thousand_keys(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
        cleanup_free char *t = mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"k999\"}", GOOD);
        struct jwks *k;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                char extra[64];

                snprintf(extra, sizeof extra, ",\"kid\":\"k%d\"", i);
                buf_append_str(&b, i ? "," : "");
                mint_jwk(&b, i == 999 ? p256 : other_p256, "P-256", extra);
        }
        k = set_of(buf_str(&b));
        assert_int_equal(verify_n(t, strlen(t), k, &expect), 0);
        jwks_free(k);
}

static void a_point_off_the_curve_is_no_key(void **state)
{
        cleanup_free char *t = mint_token(p256, "ES256", "{\"alg\":\"ES256\"}", GOOD);
        struct jwks *k = set_of(
                "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
                "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}");

        (void)state;
        assert_int_equal(verify_n(t, strlen(t), k, &expect), JWT_E_NO_KEY);
        jwks_free(k);
}

// A token that brings its own key is judged by the provider's keys all the same.
static void keys_in_the_header_are_ignored(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);

        (void)state;
        buf_append_str(&b, "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"jku\":\"https://evil.example/keys\","
                           "\"x5u\":\"https://evil.example/cert\",\"x5c\":[\"AAAA\"],\"jwk\":");
        mint_jwk(&b, other_rsa, NULL, ",\"kid\":\"rsa\"");
        buf_append_char(&b, '}');
        assert_int_equal(header(other_rsa, "RS256", buf_str(&b)), JWT_E_SIGNATURE);
        assert_int_equal(header(rsa, "RS256", buf_str(&b)), 0);
}

// ---- form
// ---------------------------------------------------------------------------------------------------

static void crit_is_refused_whatever_it_names(void **state)
{
        (void)state;
        assert_int_equal(
                header(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[\"b64\"],\"b64\":false}"),
                JWT_E_CRITICAL);
        assert_int_equal(
                header(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[]}"), JWT_E_CRITICAL);
        assert_int_equal(
                header(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":null}"), JWT_E_CRITICAL);
}

static void other_kinds_of_tokens_are_refused(void **state)
{
        (void)state;
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}"), JWT_E_MALFORMED);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"typ\":\"application/logout+JWT\"}"),
                JWT_E_MALFORMED);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"typ\":7}"), JWT_E_MALFORMED);
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"typ\":\"jwt\"}"), 0);
}

static void malformed_tokens(void **state)
{
        static const char *const bad[] = {"", ".", "..", "...", "a.b", "a.b.c", "eyJhbGciOiJSUzI1NiJ9",
                "eyJhbGciOiJSUzI1NiJ9..", "eyJhbGciOiJSUzI1NiJ9.e30", "eyJhbGciOiJSUzI1NiJ9.e30.",
                ".e30.AAAA", "W10.e30.AAAA", "bnVsbA.e30.AAAA"};
        cleanup_free char *good = mint_token(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", GOOD);
        size_t n = strlen(good);
        cleanup_buf struct buf b = BUF_INIT(MINT_MAX);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(verify(bad[i]), JWT_E_MALFORMED);
        // white space, padding, a NUL or a fourth part, in front, behind, or in the middle
        static const char *const around[][2] = {{" ", ""}, {"", " "}, {"", "\n"}, {"\n", ""}, {"", "\r\n"},
                {"", "="}, {"", ".AAAA"}, {"", "."}, {".", ""}, {"AAAA.", ""}, {"\"", "\""}};
        for (size_t i = 0; i < ARRAY_SIZE(around); i++) {
                buf_reset(&b);
                buf_printf(&b, "%s%s%s", around[i][0], good, around[i][1]);
                assert_int_equal(verify(buf_str(&b)), JWT_E_MALFORMED);
        }
        assert_int_equal(verify_n(good, n + 1, keys, &expect), JWT_E_MALFORMED);
        for (size_t at = 1; at < n; at += 11) {
                buf_reset(&b);
                buf_printf(&b, "%.*s\n%s", (int)at, good, good + at);
                assert_int_equal(verify(buf_str(&b)), JWT_E_MALFORMED);
        }
        // cut anywhere
        for (size_t cut = 0; cut < n; cut++)
                assert_true(verify_n(good, cut, keys, &expect) > 0);
        assert_int_equal(verify(good), 0);
}

static void members_said_twice_are_refused(void **state)
{
        (void)state;
        assert_int_equal(header(rsa, "RS256", "{\"alg\":\"RS256\",\"alg\":\"RS256\",\"kid\":\"rsa\"}"),
                JWT_E_MALFORMED);
        assert_int_equal(claims("{" GOOD_ISS "," GOOD_AUD "," GOOD_SUB "," GOOD_SUB "," GOOD_TIMES "}"),
                JWT_E_MALFORMED);
        assert_int_equal(claims("[]"), JWT_E_MALFORMED);
        assert_int_equal(claims("\"sub\""), JWT_E_MALFORMED);
        assert_int_equal(claims(GOOD GOOD), JWT_E_MALFORMED);
}

static void size_is_bounded(void **state)
{
        size_t sizes[] = {256, JWT_TOKEN_MAX, 1u << 20};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                cleanup_buf struct buf b = BUF_INIT(MINT_MAX);
                char *at;

                buf_append_str(&b, "{" GOOD_ISS "," GOOD_AUD "," GOOD_TIMES ",\"sub\":\"");
                at = buf_extend(&b, sizes[i]);
                assert_non_null(at);
                memset(at, 's', sizes[i]);
                buf_append_str(&b, "\"}");
                assert_int_equal(claims(buf_str(&b)), i == 0 ? JWT_E_SUBJECT : JWT_E_MALFORMED);
        }
}

// ---- claims
// -------------------------------------------------------------------------------------------------

static void issuer(void **state)
{
        static const char *const bad[] = {"\"https://login.example.com/\"", "\"https://login.example.co\"",
                "\"https://LOGIN.example.com\"", "\"\"", "null", "7", "[\"" ISSUER "\"]",
                "\"" ISSUER "\\u0000\""};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                char p[300];
                int r;

                snprintf(p, sizeof p, "{\"iss\":%s," GOOD_AUD "," GOOD_SUB "," GOOD_TIMES "}", bad[i]);
                r = claims(p);
                // a NUL is not even JSON to us
                assert_int_equal(r, strstr(bad[i], "u0000") ? JWT_E_MALFORMED : JWT_E_ISSUER);
        }
        assert_int_equal(claims("{" GOOD_AUD "," GOOD_SUB "," GOOD_TIMES "}"), JWT_E_ISSUER);
}

static void audience(void **state)
{
        static const struct {
                const char *claims;
                int want;
        } v[] = {
                {"\"aud\":\"valetkey\"", 0},
                {"\"aud\":[\"valetkey\"]", 0},
                {"\"aud\":[\"valetkey\"],\"azp\":\"valetkey\"", 0},
                {"\"aud\":[\"other\",\"valetkey\"],\"azp\":\"valetkey\"", 0},
                {"\"aud\":\"valetkey\",\"azp\":null", 0},
                {"\"aud\":[\"valetkey\",\"other\"]", JWT_E_AUDIENCE},
                {"\"aud\":[\"valetkey\",\"valetkey\"]", JWT_E_AUDIENCE},
                {"\"aud\":\"other\"", JWT_E_AUDIENCE},
                {"\"aud\":\"valetkey2\"", JWT_E_AUDIENCE},
                {"\"aud\":\"Valetkey\"", JWT_E_AUDIENCE},
                {"\"aud\":\"\"", JWT_E_AUDIENCE},
                {"\"aud\":[\"other\"],\"azp\":\"valetkey\"", JWT_E_AUDIENCE},
                {"\"aud\":\"valetkey\",\"azp\":\"other\"", JWT_E_AUDIENCE},
                {"\"aud\":[\"valetkey\",\"other\"],\"azp\":\"other\"", JWT_E_AUDIENCE},
                {"\"aud\":\"valetkey\",\"azp\":7", JWT_E_MALFORMED},
                {"\"aud\":[]", JWT_E_MALFORMED},
                {"\"aud\":[\"valetkey\",7]", JWT_E_MALFORMED},
                {"\"aud\":{\"valetkey\":1}", JWT_E_MALFORMED},
                {"\"aud\":null", JWT_E_MALFORMED},
                {"\"azp\":\"valetkey\"", JWT_E_MALFORMED},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                char p[400];

                snprintf(p, sizeof p, "{" GOOD_ISS "," GOOD_SUB "," GOOD_TIMES ",%s}", v[i].claims);
                assert_int_equal(claims(p), v[i].want);
        }
}

static void times(void **state)
{
        static const struct {
                const char *claims;
                int want;
        } v[] = {
                {"\"iat\":1700000000,\"exp\":1700000600", 0},
                {"\"iat\":1700000000.75,\"exp\":1700000600.5,\"nbf\":1.0", 0},
                // the leeway, to the second
                {"\"iat\":1699990000,\"exp\":1699999941", 0},
                {"\"iat\":1699990000,\"exp\":1699999940", JWT_E_EXPIRED},
                {"\"iat\":1700000060,\"exp\":1700000600", 0},
                {"\"iat\":1700000061,\"exp\":1700000600", JWT_E_NOT_YET},
                {"\"iat\":1700000000,\"nbf\":1700000060,\"exp\":1700000600", 0},
                {"\"iat\":1700000000,\"nbf\":1700000061,\"exp\":1700000600", JWT_E_NOT_YET},
                {"\"iat\":1600000000,\"exp\":1600000600", JWT_E_EXPIRED},
                {"\"iat\":1700000000,\"exp\":0", JWT_E_EXPIRED},
                {"\"iat\":253402300799,\"exp\":253402300799", JWT_E_NOT_YET},
                {"\"iat\":1700000000,\"exp\":\"1700000600\"", JWT_E_MALFORMED},
                {"\"iat\":\"1700000000\",\"exp\":1700000600", JWT_E_MALFORMED},
                {"\"iat\":1700000000,\"exp\":1700000600,\"nbf\":\"0\"", JWT_E_MALFORMED},
                {"\"iat\":1700000000,\"exp\":1700000600,\"nbf\":null", JWT_E_MALFORMED},
                {"\"iat\":1700000000,\"exp\":-1", JWT_E_MALFORMED},
                {"\"iat\":1700000000,\"exp\":true", JWT_E_MALFORMED},
                {"\"iat\":1700000000,\"exp\":9223372036854775807", JWT_E_MALFORMED},
                {"\"iat\":1700000000,\"exp\":99999999999999999999", JWT_E_MALFORMED},
                {"\"iat\":1700000000,\"exp\":1e300", JWT_E_MALFORMED},
                {"\"iat\":1700000000,\"exp\":1700000600000", JWT_E_MALFORMED}, // milliseconds
                {"\"iat\":1700000000", JWT_E_MALFORMED},
                {"\"exp\":1700000600", JWT_E_MALFORMED},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                char p[400];

                snprintf(p, sizeof p, "{" GOOD_ISS "," GOOD_AUD "," GOOD_SUB ",%s}", v[i].claims);
                assert_int_equal(claims(p), v[i].want);
        }
}

static void nonce(void **state)
{
        struct jwt_expect sent = expect, none = expect;

        (void)state;
        sent.nonce = "n-0S6_WzA2Mj";
        assert_int_equal(
                claims_x("{" GOOD_ISS "," GOOD_AUD "," GOOD_SUB "," GOOD_TIMES ",\"nonce\":\"n-0S6_WzA2Mj\"}",
                        &sent),
                0);
        assert_int_equal(claims_x(GOOD, &sent), JWT_E_NONCE);
        assert_int_equal(
                claims_x("{" GOOD_ISS "," GOOD_AUD "," GOOD_SUB "," GOOD_TIMES ",\"nonce\":\"\"}", &sent),
                JWT_E_NONCE);
        assert_int_equal(
                claims_x("{" GOOD_ISS "," GOOD_AUD "," GOOD_SUB "," GOOD_TIMES ",\"nonce\":\"n-0S6_WzA2M\"}",
                        &sent),
                JWT_E_NONCE);
        assert_int_equal(
                claims_x("{" GOOD_ISS "," GOOD_AUD "," GOOD_SUB "," GOOD_TIMES ",\"nonce\":7}", &sent),
                JWT_E_NONCE);
        // where none was sent, one in the token says nothing
        assert_int_equal(
                claims_x("{" GOOD_ISS "," GOOD_AUD "," GOOD_SUB "," GOOD_TIMES ",\"nonce\":\"x\"}", &none),
                0);
}

static void subject(void **state)
{
        static const char *const bad[] = {"", ",\"sub\":\"\"", ",\"sub\":null", ",\"sub\":7",
                ",\"sub\":[\"a\"]", ",\"sub\":\"a\\nb\"", ",\"sub\":\"a\\u001b[2J\"", ",\"sub\":\"\\u00e9\"",
                ",\"sub\":\"\\u007f\""};
        struct jwt_expect alice = expect;
        char p[700], long_sub[JWT_SUB_MAX + 2];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                snprintf(p, sizeof p, "{" GOOD_ISS "," GOOD_AUD "," GOOD_TIMES "%s}", bad[i]);
                assert_int_equal(claims(p), JWT_E_SUBJECT);
        }
        memset(long_sub, 's', sizeof long_sub);
        long_sub[JWT_SUB_MAX + 1] = 0;
        snprintf(p, sizeof p, "{" GOOD_ISS "," GOOD_AUD "," GOOD_TIMES ",\"sub\":\"%s\"}", long_sub);
        assert_int_equal(claims(p), JWT_E_SUBJECT);
        snprintf(p, sizeof p, "{" GOOD_ISS "," GOOD_AUD "," GOOD_TIMES ",\"sub\":\"%s\"}", long_sub + 1);
        assert_int_equal(claims(p), 0);

        static const struct {
                const char *want;
                int r;
        } v[] = {{"alice-1", 0}, {"alice-", JWT_E_SUBJECT}, {"alice-11", JWT_E_SUBJECT},
                {"Alice-1", JWT_E_SUBJECT}, {"", JWT_E_SUBJECT}, {"bob", JWT_E_SUBJECT}};
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                alice.subject = v[i].want;
                assert_int_equal(claims_x(GOOD, &alice), v[i].r);
        }
}

static void claims_are_handed_over(void **state)
{
        cleanup_free char *t = mint_token(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}",
                "{" GOOD_ISS ",\"aud\":[\"valetkey\",\"b\"],\"azp\":\"valetkey\"," GOOD_SUB "," GOOD_TIMES
                ",\"nbf\":1600000000,\"groups\":[\"x\"]}");
        struct jwt_claims c = {0};

        (void)state;
        assert_int_equal(jwt_verify(&c, t, strlen(t), keys, &expect, NULL), 0);
        assert_string_equal(c.sub, "alice-1");
        assert_string_equal(c.aud, "valetkey");
        assert_string_equal(c.azp, "valetkey");
        assert_true(c.exp == 1700000600 && c.iat == 1700000000 && c.nbf == 1600000000);
        assert_int_equal(json_array_size(json_object_get(c.all, "groups")), 1);
        jwt_claims_deinit(&c);
        jwt_claims_deinit(&c);
}

// What a token says counts for nothing before its signature is good.
static void an_unsigned_claim_is_never_reported(void **state)
{
        cleanup_free char *t = mint_token(
                other_rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{\"iss\":\"evil\",\"exp\":1}");

        (void)state;
        assert_int_equal(verify(t), JWT_E_SIGNATURE);
}

static void every_result_has_a_text(void **state)
{
        (void)state;
        for (int r = JWT_E_MALFORMED; r <= JWT_E_SUBJECT; r++) {
                assert_true(jwt_result_text(r)[0] != 0);
                for (int q = JWT_E_MALFORMED; q < r; q++)
                        assert_string_not_equal(jwt_result_text(q), jwt_result_text(r));
        }
        assert_string_equal(jwt_result_text(0), "");
        assert_string_equal(jwt_result_text(99), "");
}

static void every_allocation_may_fail(void **state)
{
        cleanup_free char *t = mint_token(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", GOOD);
        struct jwt_claims c = {0};
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(100, r = jwt_verify(&c, t, strlen(t), keys, &expect, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(c.all);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 3);
        jwt_claims_deinit(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_allowed_algorithm_verifies),
                cmocka_unit_test(every_flipped_bit_is_found),
                cmocka_unit_test(wrong_signatures),
                cmocka_unit_test(the_same_in_rsa_with_leading_zeroes_is_another_length),
                cmocka_unit_test(unsigned_tokens_are_refused),
                cmocka_unit_test(a_public_key_is_no_hmac_secret),
                cmocka_unit_test(the_token_does_not_choose_the_algorithm),
                cmocka_unit_test(a_keys_own_alg_binds),
                cmocka_unit_test(kid_chooses),
                cmocka_unit_test(without_kid_two_fitting_keys_are_one_too_many),
                cmocka_unit_test(a_kid_used_twice_finds_the_right_key),
                cmocka_unit_test(the_last_of_a_thousand_keys),
                cmocka_unit_test(a_point_off_the_curve_is_no_key),
                cmocka_unit_test(keys_in_the_header_are_ignored),
                cmocka_unit_test(crit_is_refused_whatever_it_names),
                cmocka_unit_test(other_kinds_of_tokens_are_refused),
                cmocka_unit_test(malformed_tokens),
                cmocka_unit_test(members_said_twice_are_refused),
                cmocka_unit_test(size_is_bounded),
                cmocka_unit_test(issuer),
                cmocka_unit_test(audience),
                cmocka_unit_test(times),
                cmocka_unit_test(nonce),
                cmocka_unit_test(subject),
                cmocka_unit_test(claims_are_handed_over),
                cmocka_unit_test(an_unsigned_claim_is_never_reported),
                cmocka_unit_test(every_result_has_a_text),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
