// SPDX-License-Identifier: Apache-2.0
//
// The ID-token verifier against tokens minted with OpenSSL: each allowed algorithm, and each way to be wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "jwt_world.h"
#include "zlibs.h"

#include <openssl/pem.h>

// ---- signatures ---------------------------------------------------------------------------------

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

// r and s of a good signature, each with a zero byte in front: the same numbers in another length. Who accepts both
// accepts two tokens for one signature.
static void an_ecdsa_signature_has_one_length(void **state)
{
        cleanup_free char *good = mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"p256\"}", GOOD);
        size_t sig = (size_t)(strrchr(good, '.') + 1 - good);
        cleanup_buf struct buf raw = BUF_INIT(4096), longer = BUF_INIT(4096), b = BUF_INIT(MINT_MAX);

        (void)state;
        assert_int_equal(b64url_decode(&raw, good + sig, strlen(good) - sig), 0);
        buf_append(&longer, "", 1);
        buf_append(&longer, raw.p, 32);
        buf_append(&longer, "", 1);
        buf_append(&longer, raw.p + 32, 32);
        buf_append(&b, good, sig);
        b64url_encode(&b, longer.p, longer.n);
        assert_int_equal(verify(buf_str(&b)), JWT_E_SIGNATURE);
        assert_int_equal(verify(good), 0);
}

// ---- algorithms ---------------------------------------------------------------------------------

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

// ---- choosing the key ---------------------------------------------------------------------------

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

// ---- form ---------------------------------------------------------------------------------------

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

struct hunt {
        const char *needle[3];
        unsigned blocks, dirty;
};

static void watch(const void *p, size_t n, void *arg)
{
        struct hunt *h = arg;

        h->blocks++;
        for (size_t i = 0; i < ARRAY_SIZE(h->needle); i++)
                h->dirty += memmem(p, n, h->needle[i], strlen(h->needle[i])) != NULL;
}

// With the allocators that our executables install, neither we nor jansson nor cjose leave a piece of a token behind.
static void no_piece_of_a_token_is_left_in_freed_memory(void **state)
{
        cleanup_free char *good = mint_token(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", GOOD);
        struct hunt h = {.needle = {"alice-1", "eyJpc3Mi", strrchr(good, '.') + 1}};
        unsigned of_ours;
        struct jwt_claims c = {0};

        (void)state;
        assert_non_null(strstr(good, h.needle[1])); // the payload, encoded
        fault_watch_free(watch, &h);
        // our own buffers first: what the libraries free is not seen before the hooks are in
        assert_int_equal(jwt_verify(&c, good, strlen(good), keys, &expect, NULL), 0);
        jwt_claims_deinit(&c);
        of_ours = h.blocks;
        assert_true(of_ours > 0);
        assert_int_equal(h.dirty, 0);
        zlibs_install();
        assert_int_equal(jwt_verify(&c, good, strlen(good), keys, &expect, NULL), 0);
        jwt_claims_deinit(&c);
        fault_watch_free(NULL, NULL);
        assert_true(h.blocks > 3 * of_ours + 10);
        assert_int_equal(h.dirty, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_allowed_algorithm_verifies),
                cmocka_unit_test(every_flipped_bit_is_found),
                cmocka_unit_test(wrong_signatures),
                cmocka_unit_test(the_same_in_rsa_with_leading_zeroes_is_another_length),
                cmocka_unit_test(an_ecdsa_signature_has_one_length),
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
                cmocka_unit_test(an_unsigned_claim_is_never_reported),
                cmocka_unit_test(every_result_has_a_text),
                cmocka_unit_test(every_allocation_may_fail),
                // the last: its hooks stay
                cmocka_unit_test(no_piece_of_a_token_is_left_in_freed_memory),
        };

        return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
