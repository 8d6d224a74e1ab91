// SPDX-License-Identifier: Apache-2.0
//
// The provider's operations against a provider that misbehaves in every way we know of. Time is a fake clock's,
// so a five-second interval is five seconds to the millisecond and no test waits for it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "mint.h"
#include "provider.h"
#include "provider_internal.h"
#include "support_server.h"

#define NOW 1800000000

enum act {
        ACT_ANSWER,
        ACT_RESET,
        ACT_HANG,
        ACT_CUT, // half the body, then the end
};

struct reply {
        enum act act;
        int status;
        const char *body;
};

static EVP_PKEY *key, *other_key;
static struct clock_fake clk;
static struct loop *l;
static struct http *h;
static struct server *s;
static struct provider *p;
static struct provider_op *op;

// What the server says, and what it was asked.
static struct {
        struct reply discovery, jwks, device, revoke;
        struct reply token[16];
        unsigned n_discovery, n_jwks, n_device, n_token, n_revoke;
        int64_t token_at_ms[16]; // boot time of each token request
        char last_token[4096];
        int64_t date_s; // 0: none
        bool no_device_endpoint, no_revocation_endpoint;
        char *good_discovery, *good_jwks;
} w;

static struct {
        unsigned n, prompts;
        enum outcome outcome;
        char err[ERR_MAX], sub[64], refresh[64], user_code[64];
        bool id_token, access_token;
        bool free_in_done, free_in_prompt, free_all_in_done;
} got;

static void reply(const struct server_request *q, const struct reply *r)
{
        char head[128];

        switch (r->act) {
        case ACT_RESET:
                server_raw(q, "", 0, SERVER_RESET);
                return;
        case ACT_HANG:
                return;
        case ACT_CUT:
                snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"half\":");
                server_raw(q, head, strlen(head), SERVER_CLOSE);
                return;
        default:
                server_answer(q, r->status ? r->status : 200, "application/json",
                        r->status == 429 ? "Retry-After: 30\r\n" : NULL, w.date_s, r->body ? r->body : "");
        }
}

static void handle(struct server *srv _unused_, const struct server_request *q, void *arg _unused_)
{
        if (strcmp(q->path, "/.well-known/openid-configuration") == 0) {
                w.n_discovery++;
                reply(q, &w.discovery);
        } else if (strcmp(q->path, "/jwks") == 0) {
                w.n_jwks++;
                reply(q, &w.jwks);
        } else if (strcmp(q->path, "/device") == 0) {
                w.n_device++;
                reply(q, &w.device);
        } else if (strcmp(q->path, "/revoke") == 0) {
                w.n_revoke++;
                reply(q, &w.revoke);
        } else if (strcmp(q->path, "/token") == 0) {
                assert_true(w.n_token < ARRAY_SIZE(w.token));
                w.token_at_ms[w.n_token] = clk.boot_now_ms;
                snprintf(w.last_token, sizeof w.last_token, "%s", q->body);
                reply(q, &w.token[w.n_token++]);
        }
}

static char *discovery(const char *issuer)
{
        struct buf b = BUF_INIT(8192);
        char *text = NULL;

        buf_printf(&b, "{\"issuer\":\"%s\",\"token_endpoint\":\"%s/token\",\"jwks_uri\":\"%s/jwks\"", issuer,
                server_url(s), server_url(s));
        buf_printf(&b, ",\"authorization_endpoint\":\"%s/authorize\",\"response_types_supported\":[\"code\"]",
                server_url(s));
        if (!w.no_device_endpoint)
                buf_printf(&b, ",\"device_authorization_endpoint\":\"%s/device\"", server_url(s));
        if (!w.no_revocation_endpoint)
                buf_printf(&b, ",\"revocation_endpoint\":\"%s/revoke\"", server_url(s));
        buf_append_str(&b, "}");
        assert_int_equal(buf_take_str(&b, &text), 0);
        return text;
}

static char *jwks(EVP_PKEY *k, const char *kid)
{
        struct buf b = BUF_INIT(8192);
        char extra[64], *text = NULL;

        snprintf(extra, sizeof extra, ",\"kid\":\"%s\",\"use\":\"sig\"", kid);
        buf_append_str(&b, "{\"keys\":[");
        mint_jwk(&b, k, NULL, extra);
        buf_append_str(&b, "]}");
        assert_int_equal(buf_take_str(&b, &text), 0);
        return text;
}

static void say_discovery(void)
{
        free(w.good_discovery);
        w.discovery = (struct reply){.body = w.good_discovery = discovery(server_url(s))};
}

static void say_jwks(EVP_PKEY *k, const char *kid)
{
        char *text = jwks(k, kid);

        free(w.good_jwks);
        w.jwks = (struct reply){.body = w.good_jwks = text};
}

static int setup(void **state _unused_)
{
        memset(&w, 0, sizeof w);
        memset(&got, 0, sizeof got);
        clock_fake_init(&clk, NOW);
        if (loop_new(&l, &clk.clock) < 0 || http_new(&h, l) < 0)
                return -1;
        server_new(&s, l, handle, NULL);
        say_discovery();
        say_jwks(key, "k1");
        w.date_s = NOW;
        w.device.body = "{\"device_code\":\"dc-1\",\"user_code\":\"ABCD-EFGH\","
                        "\"verification_uri\":\"https://login.example.com/device\",\"expires_in\":600}";
        return provider_new(
                &p, h, &(struct provider_options){.issuer = server_url(s), .client_id = "valetkey"});
}

static int teardown(void **state _unused_)
{
        op = provider_op_free(op);
        p = provider_free(p);
        h = http_free(h);
        s = server_free(s);
        l = loop_free(l);
        free(w.good_discovery);
        free(w.good_jwks);
        return 0;
}

static void on_done(void *arg, struct provider_result *r)
{
        got.n++;
        got.outcome = r->outcome;
        snprintf(got.err, sizeof got.err, "%s", r->err.text);
        snprintf(got.sub, sizeof got.sub, "%s", r->claims.sub ? r->claims.sub : "");
        snprintf(got.refresh, sizeof got.refresh, "%s",
                r->tokens.refresh_token ? secret_str(r->tokens.refresh_token) : "");
        got.id_token = r->tokens.id_token != NULL;
        got.access_token = r->tokens.access_token != NULL;
        assert_int_equal(
                r->outcome == OUTCOME_OK, r->err.text[0] == 0); // a failure is said, a success is silent
        if (got.free_in_done)
                *(struct provider_op **)arg = provider_op_free(*(struct provider_op **)arg);
        if (got.free_all_in_done)
                p = provider_free(p);
}

static void on_prompt(void *arg, const struct oidc_device *d)
{
        got.prompts++;
        snprintf(got.user_code, sizeof got.user_code, "%s", d->user_code);
        if (got.free_in_prompt)
                *(struct provider_op **)arg = provider_op_free(*(struct provider_op **)arg);
}

static int64_t real_ms(void)
{
        return clock_system.boot_ms(&clock_system);
}

// Lets I/O happen until everything waits for the clock, or has ended. Time stands still meanwhile.
static void idle(void)
{
        int64_t deadline = real_ms() + 10000;

        loop_run_once(l, 0);
        while (!got.n && op && !timer_is_armed(op->tick) && !timer_is_armed(p->fetch_again)) {
                assert_true(real_ms() < deadline);
                loop_run_once(l, 100);
        }
}

static void turn(int64_t ms)
{
        loop_turn(l, &clk, ms);
        idle();
}

// Lets I/O happen until a counter of the server's has come to n.
static void reach(const unsigned *counter, unsigned n)
{
        int64_t deadline = real_ms() + 10000;

        while (*counter < n) {
                assert_true(real_ms() < deadline);
                loop_run_once(l, 100);
        }
}

static void expect(enum outcome o, const char *says)
{
        if (got.n != 1 || got.outcome != o || !strstr(got.err, says))
                fail_msg("%u times %s: \"%s\" (not %s: \"%s\")", got.n, outcome_info(got.outcome)->id,
                        got.err, outcome_info(o)->id, says);
        op = provider_op_free(op);
        memset(&got, 0, sizeof got);
}

static void start_discover(void)
{
        assert_int_equal(provider_discover_start(&op, p, on_done, &op), 0);
        assert_int_equal(got.n, 0);
        idle();
}

static void start_device(void)
{
        assert_int_equal(provider_device_start(&op, p, on_prompt, on_done, &op), 0);
        idle();
}

static void start_refresh(const char *subject)
{
        cleanup_secret struct secret *t = NULL;

        assert_int_equal(secret_new_str(&t, "rt-old"), 0);
        assert_int_equal(provider_refresh_start(&op, p, t, subject, on_done, &op), 0);
        idle();
}

static void start_revoke(void)
{
        cleanup_secret struct secret *t = NULL;

        assert_int_equal(secret_new_str(&t, "rt-old"), 0);
        assert_int_equal(provider_revoke_start(&op, p, t, on_done, &op), 0);
}

// A token answer whose ID token has these claims; the texts live until the test ends (freed at exit).
static const char *claims_text(const char *iss, const char *aud, const char *sub, int64_t iat, int64_t exp)
{
        static char text[600];

        snprintf(text, sizeof text, "{\"iss\":\"%s\",\"aud\":\"%s\",%s%s%s\"iat\":%lld,\"exp\":%lld}", iss,
                aud, sub ? "\"sub\":\"" : "", sub ? sub : "", sub ? "\"," : "", (long long)iat,
                (long long)exp);
        return text;
}

static char *kept[64];
static size_t n_kept;

static const char *keep(char *text)
{
        assert_true(n_kept < ARRAY_SIZE(kept));
        return kept[n_kept++] = text;
}

static const char *answer_with(EVP_PKEY *k, const char *kid, const char *claims)
{
        struct buf b = BUF_INIT(4u << 20);
        char header[64], *token, *text = NULL;

        snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
        token = mint_token(k, "RS256", header, claims);
        buf_printf(&b,
                "{\"access_token\":\"at\",\"token_type\":\"bearer\",\"refresh_token\":\"rt-new\",\"id_"
                "token\":\"%s\"}",
                token);
        free(token);
        assert_int_equal(buf_take_str(&b, &text), 0);
        return keep(text);
}

static const char *good_answer(void)
{
        return answer_with(key, "k1", claims_text(server_url(s), "valetkey", "alice", NOW - 5, NOW + 300));
}

#define PENDING                                                                                              \
        (struct reply)                                                                                       \
        {                                                                                                    \
                .status = 400, .body = "{\"error\":\"authorization_pending\"}"                               \
        }

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
        expect(OUTCOME_CLOCK_SKEW, "behind");
        w.date_s = NOW - 7200;
        sign_in_with(answer_with(key, "k1", claims_text(iss, "valetkey", "alice", NOW - 7205, NOW - 6900)));
        expect(OUTCOME_CLOCK_SKEW, "ahead of");
        w.date_s = NOW; // the clocks agree: it is the token
        sign_in_with(answer_with(key, "k1", claims_text(iss, "valetkey", "alice", NOW - 7205, NOW - 6900)));
        expect(OUTCOME_TOKEN_REJECTED, "expired");
        w.date_s = NOW + 7200; // a header does not make a good token bad either
        sign_in_with(answer_with(key, "k1", claims_text(iss, "valetkey", "alice", NOW - 5, NOW + 300)));
        expect(OUTCOME_OK, "");
        assert_true(provider_skew_s(p) > 7000);
}

// ---- refresh

static void refreshing(void **state _unused_)
{
        w.token[0] = (struct reply){.body = good_answer()};
        start_refresh("alice");
        assert_string_equal(got.sub, "alice");
        assert_string_equal(got.refresh, "rt-new");
        expect(OUTCOME_OK, "");
        assert_non_null(strstr(w.last_token, "grant_type=refresh_token"));
        assert_non_null(strstr(w.last_token, "refresh_token=rt-old"));
        w.token[1] = (struct reply){.body = "{\"access_token\":\"at\",\"token_type\":\"Bearer\"}"};
        start_refresh("alice"); // no id_token, not rotated
        assert_string_equal(got.sub, "");
        assert_string_equal(got.refresh, "");
        assert_true(got.access_token);
        expect(OUTCOME_OK, "");
        w.token[2] = (struct reply){.body = good_answer()};
        start_refresh("bob"); // somebody else's
        assert_string_equal(got.refresh, "");
        assert_false(got.id_token || got.access_token);
        expect(OUTCOME_TOKEN_REJECTED, "");
}

static void refusals_of_a_refresh(void **state _unused_)
{
        static const struct {
                struct reply token;
                enum outcome outcome;
        } rows[] = {
                {{.status = 400, .body = "{\"error\":\"invalid_grant\"}"}, OUTCOME_NEEDS_LOGIN},
                {{.status = 400, .body = "{\"error\":\"interaction_required\"}"}, OUTCOME_NEEDS_LOGIN},
                {{.status = 400, .body = "{\"error\":\"login_required\"}"}, OUTCOME_NEEDS_LOGIN},
                {{.status = 403, .body = ""}, OUTCOME_NEEDS_LOGIN}, // glewlwyd
                {{.status = 400, .body = "<html>"}, OUTCOME_BAD_ANSWER},
                {{.status = 401, .body = "{\"error\":\"invalid_client\"}"}, OUTCOME_MISCONFIGURED},
                {{.status = 429, .body = ""}, OUTCOME_THROTTLED},
                {{.status = 503, .body = ""}, OUTCOME_UNREACHABLE},
                {{.status = 400, .body = "{\"error\":\"server_error\"}"}, OUTCOME_UNREACHABLE},
                {{.body = "{\"access_token\":"}, OUTCOME_BAD_ANSWER},
                {{.act = ACT_CUT}, OUTCOME_BAD_ANSWER},
                {{.act = ACT_RESET}, OUTCOME_UNREACHABLE},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                w.n_token = 0;
                w.token[0] = rows[i].token;
                w.token[1] = (struct reply){.body = good_answer()};
                start_refresh("alice");
                assert_int_equal(got.n, 1);
                assert_int_equal(w.n_token, 1); // what was sent is never sent again
                assert_string_equal(got.refresh, "");
                if (got.outcome != rows[i].outcome)
                        fail_msg("row %zu: %s: %s", i, outcome_info(got.outcome)->id, got.err);
                expect(rows[i].outcome, "");
        }
}

static void a_refresh_that_cannot_leave_is_tried_again(void **state _unused_)
{
        start_discover();
        expect(OUTCOME_OK, "");
        s = server_free(s);
        start_refresh("alice");
        assert_int_equal(got.n, 0);
        assert_int_equal(op->attempt, 1);
        turn(4000);
        assert_int_equal(op->attempt, 2);
        turn(4000);
        expect(OUTCOME_UNREACHABLE, "cannot connect");
}

static void a_new_refresh_token_outlives_a_failed_check(void **state _unused_)
{
        start_discover();
        expect(OUTCOME_OK, "");
        w.jwks = (struct reply){.status = 404};
        w.token[0] = (struct reply){.body = answer_with(other_key, "k2",
                                            claims_text(server_url(s), "valetkey", "alice", NOW, NOW + 300))};
        start_refresh("alice"); // its key is new, and the keys are not to be had just now
        assert_string_equal(got.refresh, "rt-new");
        assert_false(got.id_token || got.access_token);
        expect(OUTCOME_MISCONFIGURED, "key set");
        w.date_s = NOW - 7200;
        w.token[1] = (struct reply){
                .body = answer_with(
                        key, "k1", claims_text(server_url(s), "valetkey", "alice", NOW - 7200, NOW - 6900))};
        start_refresh("alice");
        assert_string_equal(got.refresh, "rt-new");
        expect(OUTCOME_CLOCK_SKEW, "");
}

// ---- revocation

static void revoking(void **state _unused_)
{
        start_revoke();
        idle();
        expect(OUTCOME_OK, "");
        w.revoke = (struct reply){.status = 401, .body = "{\"error\":\"invalid_client\"}"};
        start_revoke();
        idle();
        expect(OUTCOME_MISCONFIGURED, "invalid_client");
        w.revoke = (struct reply){.status = 503};
        start_revoke();
        idle();
        expect(OUTCOME_UNREACHABLE, "503");
        w.revoke = (struct reply){.act = ACT_HANG};
        w.n_revoke = 0;
        start_revoke();
        reach(&w.n_revoke, 1);
        loop_turn(l, &clk, 1999);
        assert_int_equal(got.n, 0);
        loop_turn(l, &clk, 1);
        expect(OUTCOME_TIMEOUT, "");
        w.no_revocation_endpoint = true;
        say_discovery();
        loop_turn(l, &clk, 3600 * 1000);
        start_revoke();
        idle();
        expect(OUTCOME_MISCONFIGURED, "no revocation");
}

// ---- the shape of every operation

static int start_kind(int kind)
{
        cleanup_secret struct secret *t = NULL;
        int r = secret_new_str(&t, "rt-old");

        if (r < 0)
                return r;
        switch (kind) {
        case 0:
                return provider_discover_start(&op, p, on_done, &op);
        case 1:
                return provider_device_start(&op, p, on_prompt, on_done, &op);
        case 2:
                return provider_refresh_start(&op, p, t, "alice", on_done, &op);
        default:
                return provider_revoke_start(&op, p, t, on_done, &op);
        }
}

static void no_callback_after_free_at_any_stage(void **state _unused_)
{
        for (int kind = 0; kind < 4; kind++) {
                bool ended = false;

                for (int steps = 0; !ended && steps < 300; steps++) {
                        memset(&got, 0, sizeof got);
                        w.n_token = 0;
                        w.token[0] = w.token[1] = PENDING;
                        w.token[2] = (struct reply){.body = good_answer()};
                        if (kind == 2)
                                w.token[0] = w.token[2];
                        n_kept--;                        // good_answer of this round
                        loop_turn(l, &clk, 3600 * 1000); // everything is fetched anew
                        clk.wall_now_ms = (int64_t)NOW * 1000;
                        loop_turn(l, &clk, 0);
                        assert_int_equal(start_kind(kind), 0);
                        for (int i = 0; i < steps && !got.n; i++) {
                                loop_run_once(l, 1);
                                if (kind == 1 && got.prompts)
                                        loop_turn(l, &clk, 500);
                        }
                        ended = got.n > 0;
                        op = provider_op_free(op);
                        for (int i = 0; i < 5; i++) {
                                loop_run_once(l, 1);
                                loop_turn(l, &clk, 700);
                        }
                        assert_int_equal(got.n, ended);
                        free(kept[n_kept]);
                }
                assert_true(ended); // the last round came to its end
        }
}

static void owners_may_free_from_inside(void **state _unused_)
{
        got.free_in_prompt = true;
        start_device();
        assert_null(op);
        assert_int_equal(got.prompts, 1);
        memset(&got, 0, sizeof got);
        got.free_in_done = true;
        assert_int_equal(provider_discover_start(&op, p, on_done, &op), 0);
        reach(&got.n, 1);
        assert_null(op);
        memset(&got, 0, sizeof got);
        got.free_in_done = got.free_all_in_done = true;
        loop_turn(l, &clk, 3600 * 1000);
        assert_int_equal(provider_discover_start(&op, p, on_done, &op), 0);
        reach(&got.n, 1);
        assert_null(p);
}

static void every_allocation_of_a_start_may_fail(void **state _unused_)
{
        for (int kind = 0; kind < 4; kind++) {
                unsigned failed = 0;
                int r = 0;

                FAULT_EACH(50, r = start_kind(kind))
                {
                        assert_int_equal(r, -ENOMEM);
                        assert_null(op);
                        failed++;
                }
                assert_int_equal(r, 0);
                assert_true(failed >= 2);
                op = provider_op_free(op);
        }
}

static void every_allocation_on_the_way_may_fail(void **state _unused_)
{
        unsigned n = 0;
        bool struck = true;

        // Any end is right but none, two, or a success without its token.
        while (struck && n < 400) {
                memset(&got, 0, sizeof got);
                w.n_token = 0;
                w.token[0] = (struct reply){.body = good_answer()};
                n_kept--;
                loop_turn(l, &clk, 3600 * 1000);
                clk.wall_now_ms = (int64_t)NOW * 1000;
                assert_int_equal(start_kind(2), 0);
                fault_fail_nth(++n);
                // Where it was the server's memory, the deadlines end it.
                for (int i = 0; i < 10 && !got.n; i++) {
                        int64_t deadline = real_ms() + 200;

                        loop_run_once(l, 0);
                        while (!got.n && !timer_is_armed(op->tick) && !timer_is_armed(p->fetch_again) &&
                                real_ms() < deadline)
                                loop_run_once(l, 50);
                        loop_turn(l, &clk, 4000);
                }
                struck = fault_struck();
                assert_int_equal(got.n, 1);
                if (got.outcome == OUTCOME_OK)
                        assert_string_equal(got.sub, "alice");
                op = provider_op_free(op);
                free(kept[n_kept]);
        }
        assert_false(struck);
        assert_true(n > 40);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int keys(void **state _unused_)
{
        key = mint_rsa(2048);
        other_key = mint_rsa(2048);
        return 0; // no net_global_init: memory is to fail for us, not for libcurl, which does not stand it
}

static int end(void **state _unused_)
{
        while (n_kept > 0)
                free(kept[--n_kept]);
        EVP_PKEY_free(key);
        EVP_PKEY_free(other_key);
        return 0;
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
                T(refreshing),
                T(refusals_of_a_refresh),
                T(a_refresh_that_cannot_leave_is_tried_again),
                T(a_new_refresh_token_outlives_a_failed_check),
                T(revoking),
                T(no_callback_after_free_at_any_stage),
                T(owners_may_free_from_inside),
                T(every_allocation_of_a_start_may_fail),
                T(every_allocation_on_the_way_may_fail),
        };

        return cmocka_run_group_tests(tests, keys, end);
}
