// SPDX-License-Identifier: Apache-2.0
//
// What a well-signed ID token must claim: issuer, audience, times, nonce, subject.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "jwt_world.h"

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

// Only who says that he judges the audience himself gets around it; forgetting the client opens nothing.
static void the_audience_is_left_to_the_caller_only_by_name(void **state)
{
        struct jwt_expect nobody = expect, himself = expect;

        (void)state;
        nobody.client_id = NULL;
        assert_int_equal(claims_x(GOOD, &nobody), JWT_E_AUDIENCE);
        assert_int_equal(claims_x("{" GOOD_ISS ",\"aud\":[\"valetkey\"],\"azp\":\"valetkey\"," GOOD_SUB
                                  "," GOOD_TIMES "}",
                                 &nobody),
                JWT_E_AUDIENCE);
        himself.client_id = NULL;
        himself.caller_judges_audience = true;
        assert_int_equal(claims_x(GOOD, &himself), 0);
        assert_int_equal(
                claims_x("{" GOOD_ISS ",\"aud\":[]," GOOD_SUB "," GOOD_TIMES "}", &himself), JWT_E_MALFORMED);
        assert_int_equal(claims_x("{" GOOD_ISS "," GOOD_SUB "," GOOD_TIMES "}", &himself), JWT_E_MALFORMED);
        assert_int_equal(claims_x("{" GOOD_ISS "," GOOD_AUD "," GOOD_SUB ",\"iat\":1,\"exp\":2}", &himself),
                JWT_E_EXPIRED);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(issuer),
                cmocka_unit_test(audience),
                cmocka_unit_test(the_audience_is_left_to_the_caller_only_by_name),
                cmocka_unit_test(times),
                cmocka_unit_test(nonce),
                cmocka_unit_test(subject),
                cmocka_unit_test(claims_are_handed_over),
        };

        return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
