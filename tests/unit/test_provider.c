// SPDX-License-Identifier: Apache-2.0
//
// Discovery, the device flow and its ID tokens against a provider that misbehaves in every way we know of.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "provider_world.h"

// ---- discovery

static void discovery_is_shared_and_kept_for_an_hour(void **state _unused_)
{
        struct provider_op *ops[3];

        assert_null(provider_metadata(p));
        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                assert_int_equal(provider_discover_start(&ops[i], p, on_done, &ops[i]), 0);
        assert_int_equal(got.n, 0);
        reach(&got.n, 3);
        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                provider_op_free(ops[i]);
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_int_equal(w.n_discovery, 1);
        assert_int_equal(w.n_jwks, 1);
        assert_non_null(provider_metadata(p));
        memset(&got, 0, sizeof got);
        loop_turn(l, &clk, 3599 * 1000);
        start_discover();
        expect(OUTCOME_OK, "");
        assert_int_equal(w.n_discovery, 1);
        loop_turn(l, &clk, 1000);
        start_discover();
        expect(OUTCOME_OK, "");
        assert_int_equal(w.n_discovery, 2);
        assert_int_equal(w.n_jwks, 2);
}

static void bad_discovery_says_what_is_wrong_and_is_not_remembered(void **state _unused_)
{
        static char huge[2 << 20];
        const struct {
                struct reply discovery;
                enum outcome outcome;
                const char *says;
        } rows[] = {
                {{.body = keep(discovery("https://evil.example.com"))}, OUTCOME_BAD_ANSWER, "issuer"},
                {{.body = ""}, OUTCOME_BAD_ANSWER, ""},
                {{.body = "{\"issuer\":"}, OUTCOME_BAD_ANSWER, ""},
                {{.body = "<html>It works!</html>"}, OUTCOME_BAD_ANSWER, ""},
                {{.body = "[]"}, OUTCOME_BAD_ANSWER, ""},
                {{.body = "{}"}, OUTCOME_BAD_ANSWER, "issuer"},
                {{.body = huge}, OUTCOME_BAD_ANSWER, "more than"},
                {{.act = ACT_CUT}, OUTCOME_BAD_ANSWER, "cut"},
                {{.status = 404, .body = "no"}, OUTCOME_MISCONFIGURED, "404"},
                {{.status = 302, .body = ""}, OUTCOME_BAD_ANSWER, "302"},
        };

        memset(huge, ' ', sizeof huge - 1);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                w.discovery = rows[i].discovery;
                start_discover();
                expect(rows[i].outcome, rows[i].says);
                assert_int_equal(w.n_discovery, i + 1); // once each: these are not worth a second try
        }
        say_discovery();
        start_discover();
        expect(OUTCOME_OK, "");
}

static void bad_key_sets(void **state _unused_)
{
        static const char *const bodies[] = {"", "{\"keys\":[", "null", "{\"keys\":[]}", "{\"keys\":{}}",
                "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}", "{\"keys\":[1,null,\"x\"]}"};

        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
                w.jwks = (struct reply){.body = bodies[i]};
                start_discover();
                expect(OUTCOME_BAD_ANSWER, server_url(s));
        }
        w.jwks = (struct reply){.status = 500};
        start_discover();
        turn(4000);
        turn(4000);
        expect(OUTCOME_UNREACHABLE, "key set");
}

static void a_key_set_with_a_thousand_keys_and_junk(void **state _unused_)
{
        struct buf b = BUF_INIT(1u << 20);
        char *text = NULL;

        buf_append_str(&b, "{\"keys\":[");
        mint_jwk(&b, key, NULL, ",\"kid\":\"k1\"");
        for (int i = 0; i < 1000; i++)
                buf_printf(&b, ",{\"kty\":\"RSA\",\"kid\":\"junk%d\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", i);
        buf_append_str(&b, "]}");
        assert_int_equal(buf_take_str(&b, &text), 0);
        w.jwks = (struct reply){.body = keep(text)};
        start_discover();
        expect(OUTCOME_OK, "");
}

static void a_provider_that_is_down_is_asked_three_times(void **state _unused_)
{
        w.discovery = (struct reply){.status = 503};
        start_discover();
        assert_int_equal(w.n_discovery, 1);
        turn(399);
        assert_int_equal(w.n_discovery, 1);
        turn(4000);
        assert_int_equal(w.n_discovery, 2);
        turn(4000);
        assert_int_equal(w.n_discovery, 3);
        expect(OUTCOME_UNREACHABLE, "503");
        w.discovery = (struct reply){.act = ACT_RESET};
        start_discover();
        say_discovery();
        turn(4000);
        expect(OUTCOME_OK, "");
}

static void a_provider_that_hangs_meets_the_deadline(void **state _unused_)
{
        w.discovery = (struct reply){.act = ACT_HANG};
        assert_int_equal(provider_discover_start(&op, p, on_done, &op), 0);
        reach(&w.n_discovery, 1);
        loop_turn(l, &clk, 8499);
        assert_int_equal(got.n, 0);
        loop_turn(l, &clk, 1);
        expect(OUTCOME_TIMEOUT, "did not answer in time");
}

// ---- device flow

static void the_device_flow_keeps_the_providers_pace(void **state _unused_)
{
        w.token[0] = PENDING;
        w.token[1] = (struct reply){.status = 400, .body = "{\"error\":\"slow_down\"}"};
        w.token[2] = PENDING;
        w.token[3] = (struct reply){.body = good_answer()};
        start_device();
        assert_int_equal(got.prompts, 1);
        assert_string_equal(got.user_code, "ABCD-EFGH");
        turn(4999);
        assert_int_equal(w.n_token, 0);
        turn(1);
        assert_int_equal(w.n_token, 1);
        assert_non_null(strstr(w.last_token, "device_code=dc-1"));
        assert_non_null(strstr(w.last_token, "client_id=valetkey"));
        turn(5000);
        turn(9999);
        assert_int_equal(w.n_token, 2);
        turn(1);
        turn(10000);
        assert_int_equal(w.n_token, 4);
        assert_int_equal(got.n, 1);
        assert_string_equal(got.sub, "alice");
        assert_string_equal(got.refresh, "rt-new");
        assert_true(got.id_token && got.access_token);
        assert_int_equal(got.prompts, 1);
        expect(OUTCOME_OK, "");
}

static void the_ends_of_a_device_flow(void **state _unused_)
{
        static const struct {
                struct reply token;
                enum outcome outcome;
                const char *says;
        } rows[] = {
                {{.status = 400, .body = "{\"error\":\"access_denied\"}"}, OUTCOME_DENIED_BY_USER,
                        "declined"},
                {{.status = 400, .body = "{\"error\":\"expired_token\"}"}, OUTCOME_EXPIRED, "in time"},
                {{.status = 400, .body = "{\"error\":\"invalid_grant\"}"}, OUTCOME_EXPIRED, "start it again"},
                {{.status = 401,
                         .body = "{\"error\":\"invalid_client\",\"error_description\":\"no\\nsuch\"}"},
                        OUTCOME_MISCONFIGURED, "invalid_client (no?such)"},
                {{.status = 400, .body = "{\"error\":\"new_thing\"}"}, OUTCOME_MISCONFIGURED, "new_thing"},
                {{.status = 400, .body = ""}, OUTCOME_BAD_ANSWER, "400"},
                {{.status = 403, .body = "<html>"}, OUTCOME_BAD_ANSWER, "403"},
                {{.status = 302, .body = ""}, OUTCOME_BAD_ANSWER, "302"},
                {{.body = ""}, OUTCOME_BAD_ANSWER, ""},
                {{.body = "{\"access_token\":"}, OUTCOME_BAD_ANSWER, ""},
                {{.body = "<html>"}, OUTCOME_BAD_ANSWER, ""},
                {{.act = ACT_CUT}, OUTCOME_BAD_ANSWER, "cut"},
                {{.body = "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}"}, OUTCOME_MISCONFIGURED,
                        "openid"},
                {{.body = "{\"access_token\":\"a\",\"token_type\":\"mac\"}"}, OUTCOME_BAD_ANSWER, "Bearer"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                w.n_token = 0;
                w.token[0] = rows[i].token;
                start_device();
                turn(5000);
                expect(rows[i].outcome, rows[i].says);
        }
}

static void nobody_approves(void **state _unused_)
{
        w.device.body =
                "{\"device_code\":\"d\",\"user_code\":\"C\",\"verification_uri\":\"https://a.example/\","
                "\"expires_in\":12,\"interval\":5}";
        w.token[0] = w.token[1] = PENDING;
        start_device();
        turn(5000);
        turn(5000);
        turn(1999);
        assert_int_equal(got.n, 0);
        turn(1);
        assert_int_equal(w.n_token, 2);
        expect(OUTCOME_EXPIRED, "not completed in time");
}

static void a_code_lives_half_an_hour_at_most(void **state _unused_)
{
        w.device.body =
                "{\"device_code\":\"d\",\"user_code\":\"C\",\"verification_uri\":\"https://a.example/\","
                "\"expires_in\":99999,\"interval\":300}";
        for (size_t i = 0; i < 6; i++)
                w.token[i] = PENDING;
        start_device();
        for (int i = 0; i < 5; i++)
                turn(300000);
        assert_int_equal(got.n, 0);
        turn(300000);
        assert_int_equal(w.n_token, 5);
        expect(OUTCOME_EXPIRED, "");
}

static void polling_survives_a_provider_that_restarts(void **state _unused_)
{
        w.token[0] = (struct reply){.act = ACT_RESET};
        w.token[1] = (struct reply){.status = 502, .body = "<html>Bad Gateway</html>"};
        w.token[2] = PENDING;
        w.token[3] = (struct reply){.status = 429, .body = ""};
        w.token[4] = (struct reply){.status = 400, .body = "{\"error\":\"temporarily_unavailable\"}"};
        w.token[5] = (struct reply){.body = good_answer()};
        start_device();
        turn(5000);
        turn(10000); // doubled
        turn(20000); // and again
        turn(5000);  // one came through: the provider's pace again
        assert_int_equal(w.n_token, 4);
        turn(29999); // Retry-After: 30
        assert_int_equal(w.n_token, 4);
        turn(1);
        assert_int_equal(w.n_token, 5);
        turn(60000);
        assert_int_equal(w.n_token, 6);
        assert_string_equal(got.sub, "alice");
        expect(OUTCOME_OK, "");
}

static void bad_device_answers(void **state _unused_)
{
        static const struct {
                struct reply device;
                enum outcome outcome;
                const char *says;
        } rows[] = {
                {{.body = ""}, OUTCOME_BAD_ANSWER, ""},
                {{.body = "{\"device_code\":\"x\""}, OUTCOME_BAD_ANSWER, ""},
                {{.body = "{\"user_code\":\"x\",\"verification_uri\":\"https://a.example/"
                          "\",\"expires_in\":5}"},
                        OUTCOME_BAD_ANSWER, "device_code"},
                {{.body = "{\"device_code\":\"d\",\"user_code\":\"\\u001b[2J\",\"verification_uri\":"
                          "\"https://a.example/\",\"expires_in\":5}"},
                        OUTCOME_BAD_ANSWER, "user_code"},
                {{.body = "{\"device_code\":\"d\",\"user_code\":\"c\",\"verification_uri\":\"javascript:1\","
                          "\"expires_in\":5}"},
                        OUTCOME_BAD_ANSWER, "verification_uri"},
                {{.status = 400, .body = "{\"error\":\"invalid_scope\"}"}, OUTCOME_MISCONFIGURED,
                        "invalid_scope"},
                {{.status = 401, .body = "{\"error\":\"unauthorized_client\"}"}, OUTCOME_MISCONFIGURED,
                        "client"},
                {{.status = 403, .body = "{\"error\":\"access_denied\"}"}, OUTCOME_ACCESS_DENIED, "denied"},
                {{.act = ACT_CUT}, OUTCOME_BAD_ANSWER, "cut"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                w.device = rows[i].device;
                start_device();
                assert_int_equal(got.prompts, 0);
                expect(rows[i].outcome, rows[i].says);
        }
        w.device = (struct reply){.status = 503};
        w.n_device = 0;
        start_device();
        turn(4000);
        turn(4000);
        assert_int_equal(w.n_device, 3);
        expect(OUTCOME_UNREACHABLE, "503");
        w.no_device_endpoint = true;
        say_discovery();
        loop_turn(l, &clk, 3600 * 1000);
        start_device();
        expect(OUTCOME_MISCONFIGURED, "no device flow");
}

// ---- ID tokens

static void sign_in_with(const char *answer)
{
        w.n_token = 0;
        w.token[0] = (struct reply){.body = answer};
        start_device();
        turn(5000);
}

static void bad_id_tokens_open_nothing(void **state _unused_)
{
        static char long_sub[1 << 20];
        const char *iss = server_url(s);
        struct {
                const char *answer;
                enum outcome outcome;
        } rows[12];
        char *token;
        size_t n = 0;
        struct buf b = BUF_INIT(4u << 20);

#define ROW(k, kid, claims, o)                                                                               \
        rows[n].answer = answer_with(k, kid, claims);                                                        \
        rows[n++].outcome = o
        ROW(other_key, "k1", claims_text(iss, "valetkey", "alice", NOW - 5, NOW + 300),
                OUTCOME_TOKEN_REJECTED);
        ROW(key, "k1", claims_text("https://evil.example", "valetkey", "alice", NOW - 5, NOW + 300),
                OUTCOME_TOKEN_REJECTED);
        ROW(key, "k1", claims_text(iss, "another", "alice", NOW - 5, NOW + 300), OUTCOME_TOKEN_REJECTED);
        ROW(key, "k1", claims_text(iss, "valetkey", "alice", NOW - 500, NOW - 100), OUTCOME_TOKEN_REJECTED);
        ROW(key, "k1", claims_text(iss, "valetkey", "alice", NOW + 500, NOW + 900), OUTCOME_TOKEN_REJECTED);
        ROW(key, "k1", claims_text(iss, "valetkey", NULL, NOW - 5, NOW + 300), OUTCOME_TOKEN_REJECTED);
        ROW(key, "k1", claims_text(iss, "valetkey", "", NOW - 5, NOW + 300), OUTCOME_TOKEN_REJECTED);
#undef ROW
        // alg none
        buf_append_str(&b, "{\"token_type\":\"Bearer\",\"id_token\":\"");
        b64url_encode(&b, "{\"alg\":\"none\"}", 14);
        buf_append_char(&b, '.');
        b64url_encode(&b, "{\"sub\":\"alice\"}", 15);
        buf_append_str(&b, ".\"}");
        assert_int_equal(buf_take_str(&b, &token), 0);
        rows[n].answer = keep(token);
        rows[n++].outcome = OUTCOME_TOKEN_REJECTED;
        // a sub of a megabyte does not even fit
        memset(long_sub, 'x', sizeof long_sub - 1);
        b = BUF_INIT(4u << 20);
        buf_printf(&b, "{\"iss\":\"%s\",\"aud\":\"valetkey\",\"sub\":\"%s\",\"iat\":%d,\"exp\":%d}", iss,
                long_sub, NOW - 5, NOW + 300);
        rows[n].answer = answer_with(key, "k1", buf_str(&b));
        rows[n++].outcome = OUTCOME_BAD_ANSWER;
        buf_deinit(&b);
        for (size_t i = 0; i < n; i++) {
                sign_in_with(rows[i].answer);
                assert_string_equal(got.sub, "");
                assert_string_equal(got.refresh, "");
                assert_false(got.id_token || got.access_token);
                if (got.outcome != rows[i].outcome)
                        fail_msg("row %zu: %s: %s", i, outcome_info(got.outcome)->id, got.err);
                expect(rows[i].outcome, "");
        }
        sign_in_with(good_answer());
        expect(OUTCOME_OK, "");
}

static void an_unknown_key_is_looked_up_once_a_minute(void **state _unused_)
{
        const char *rotated = answer_with(other_key, "k2",
                           claims_text(server_url(s), "valetkey", "alice", NOW - 5, NOW + 3000)),
                   *never = answer_with(other_key, "k3",
                           claims_text(server_url(s), "valetkey", "alice", NOW - 5, NOW + 3000));

        start_discover(); // with k1
        expect(OUTCOME_OK, "");
        say_jwks(other_key, "k2"); // the provider rotates its keys
        sign_in_with(rotated);
        assert_string_equal(got.sub, "alice");
        expect(OUTCOME_OK, "");
        assert_int_equal(w.n_jwks, 2);
        assert_int_equal(w.n_discovery, 1);
        sign_in_with(never);
        expect(OUTCOME_TOKEN_REJECTED, "key");
        assert_int_equal(w.n_jwks, 2);
        loop_turn(l, &clk, 49000);
        sign_in_with(never);
        expect(OUTCOME_TOKEN_REJECTED, "key");
        assert_int_equal(w.n_jwks, 2); // 59 s after the last time: not again
        sign_in_with(never);
        expect(OUTCOME_TOKEN_REJECTED, "key");
        assert_int_equal(w.n_jwks, 3);
}

static void a_wrong_clock_is_told_and_never_argued_with(void **state _unused_)
{
        const char *iss = server_url(s);

        w.date_s = NOW + 7200;
        sign_in_with(answer_with(key, "k1", claims_text(iss, "valetkey", "alice", NOW + 7195, NOW + 7500)));
        assert_string_equal(got.sub, "");
        expect(OUTCOME_CLOCK_SKEW, "T10:00:00Z");
        w.date_s = NOW - 7200;
        sign_in_with(answer_with(key, "k1", claims_text(iss, "valetkey", "alice", NOW - 7205, NOW - 6900)));
        expect(OUTCOME_CLOCK_SKEW, "T06:00:00Z");
        w.date_s = NOW; // the clocks agree: it is the token
        sign_in_with(answer_with(key, "k1", claims_text(iss, "valetkey", "alice", NOW - 7205, NOW - 6900)));
        expect(OUTCOME_TOKEN_REJECTED, "expired");
        w.date_s = NOW + 7200; // a header does not make a good token bad either
        sign_in_with(answer_with(key, "k1", claims_text(iss, "valetkey", "alice", NOW - 5, NOW + 300)));
        expect(OUTCOME_OK, "");
        assert_true(provider_skew_s(p) > 7000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(discovery_is_shared_and_kept_for_an_hour),
                T(bad_discovery_says_what_is_wrong_and_is_not_remembered),
                T(bad_key_sets),
                T(a_key_set_with_a_thousand_keys_and_junk),
                T(a_provider_that_is_down_is_asked_three_times),
                T(a_provider_that_hangs_meets_the_deadline),
                T(the_device_flow_keeps_the_providers_pace),
                T(the_ends_of_a_device_flow),
                T(nobody_approves),
                T(a_code_lives_half_an_hour_at_most),
                T(polling_survives_a_provider_that_restarts),
                T(bad_device_answers),
                T(bad_id_tokens_open_nothing),
                T(an_unknown_key_is_looked_up_once_a_minute),
                T(a_wrong_clock_is_told_and_never_argued_with),
        };

        return cmocka_run_group_tests(tests, keys, end);
}
