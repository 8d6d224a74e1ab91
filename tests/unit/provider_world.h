// SPDX-License-Identifier: Apache-2.0
//
// A provider that misbehaves on request, a fake clock and one operation: what both tests of net/provider stand on. Time
// is the clock's, so a five-second interval is five seconds to the millisecond and no test waits for it.
#pragma once

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
        bool id_token, access_token, grant_stands;
        bool free_in_done, free_in_prompt, free_all_in_done;
} got;

static _unused_ void reply(const struct server_request *q, const struct reply *r)
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

static _unused_ void handle(struct server *srv _unused_, const struct server_request *q, void *arg _unused_)
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

static _unused_ char *discovery(const char *issuer)
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

static _unused_ char *jwks(EVP_PKEY *k, const char *kid)
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

static _unused_ void say_discovery(void)
{
        free(w.good_discovery);
        w.discovery = (struct reply){.body = w.good_discovery = discovery(server_url(s))};
}

static _unused_ void say_jwks(EVP_PKEY *k, const char *kid)
{
        char *text = jwks(k, kid);

        free(w.good_jwks);
        w.jwks = (struct reply){.body = w.good_jwks = text};
}

static _unused_ int setup(void **state _unused_)
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

static _unused_ int teardown(void **state _unused_)
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
        got.grant_stands = r->grant_stands;
        assert_int_equal(
                r->outcome == OUTCOME_OK, r->err.text[0] == 0); // a failure is said, a success is silent
        if (got.free_in_done)
                *(struct provider_op **)arg = provider_op_free(*(struct provider_op **)arg);
        if (got.free_all_in_done)
                p = provider_free(p);
}

static _unused_ void on_prompt(void *arg, const struct oidc_device *d)
{
        got.prompts++;
        snprintf(got.user_code, sizeof got.user_code, "%s", d->user_code);
        if (got.free_in_prompt)
                *(struct provider_op **)arg = provider_op_free(*(struct provider_op **)arg);
}

static _unused_ int64_t real_ms(void)
{
        return clock_system.boot_ms(&clock_system);
}

// Lets I/O happen until everything waits for the clock, or has ended. Time stands still meanwhile.
static _unused_ void idle(void)
{
        int64_t deadline = real_ms() + 10000;

        loop_run_once(l, 0);
        while (!got.n && op && !timer_is_armed(op->tick) && !timer_is_armed(p->fetch_again)) {
                assert_true(real_ms() < deadline);
                loop_run_once(l, 100);
        }
}

static _unused_ void turn(int64_t ms)
{
        loop_turn(l, &clk, ms);
        idle();
}

// Lets I/O happen until a counter of the server's has come to n.
static _unused_ void reach(const unsigned *counter, unsigned n)
{
        int64_t deadline = real_ms() + 10000;

        while (*counter < n) {
                assert_true(real_ms() < deadline);
                loop_run_once(l, 100);
        }
}

static _unused_ void expect(enum outcome o, const char *says)
{
        if (got.n != 1 || got.outcome != o || !strstr(got.err, says))
                fail_msg("%u times %s: \"%s\" (not %s: \"%s\")", got.n, outcome_info(got.outcome)->id,
                        got.err, outcome_info(o)->id, says);
        op = provider_op_free(op);
        memset(&got, 0, sizeof got);
}

static _unused_ void start_discover(void)
{
        assert_int_equal(provider_discover_start(&op, p, on_done, &op), 0);
        assert_int_equal(got.n, 0);
        idle();
}

static _unused_ void start_device(void)
{
        assert_int_equal(provider_device_start(&op, p, on_prompt, on_done, &op), 0);
        idle();
}

static _unused_ void start_refresh(const char *subject)
{
        cleanup_secret struct secret *t = NULL;

        assert_int_equal(secret_new_str(&t, "rt-old"), 0);
        assert_int_equal(provider_refresh_start(&op, p, t, subject, on_done, &op), 0);
        idle();
}

static _unused_ void start_revoke(void)
{
        cleanup_secret struct secret *t = NULL;

        assert_int_equal(secret_new_str(&t, "rt-old"), 0);
        assert_int_equal(provider_revoke_start(&op, p, t, on_done, &op), 0);
}

// A token answer whose ID token has these claims; the texts live until the test ends (freed at exit).
static _unused_ const char *claims_text(
        const char *iss, const char *aud, const char *sub, int64_t iat, int64_t exp)
{
        static char text[600];

        snprintf(text, sizeof text, "{\"iss\":\"%s\",\"aud\":\"%s\",%s%s%s\"iat\":%lld,\"exp\":%lld}", iss,
                aud, sub ? "\"sub\":\"" : "", sub ? sub : "", sub ? "\"," : "", (long long)iat,
                (long long)exp);
        return text;
}

static char *kept[64];
static size_t n_kept;

static _unused_ const char *keep(char *text)
{
        assert_true(n_kept < ARRAY_SIZE(kept));
        return kept[n_kept++] = text;
}

static _unused_ const char *answer_with(EVP_PKEY *k, const char *kid, const char *claims)
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

static _unused_ const char *good_answer(void)
{
        return answer_with(key, "k1", claims_text(server_url(s), "valetkey", "alice", NOW - 5, NOW + 300));
}

#define PENDING                                                                                              \
        (struct reply)                                                                                       \
        {                                                                                                    \
                .status = 400, .body = "{\"error\":\"authorization_pending\"}"                               \
        }

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static _unused_ int keys(void **state _unused_)
{
        key = mint_rsa(2048);
        other_key = mint_rsa(2048);
        return 0; // no net_global_init: memory is to fail for us, not for libcurl, which does not stand it
}

static _unused_ int end(void **state _unused_)
{
        while (n_kept > 0)
                free(kept[--n_kept]);
        EVP_PKEY_free(key);
        EVP_PKEY_free(other_key);
        return 0;
}
