// SPDX-License-Identifier: Apache-2.0
//
// The authorization code flow against everybody who may make a browser call a loopback address: other pages, an old tab,
// another provider, a provider that says no. Only the answer that carries our state counts, once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "form.h"
#include "pkce.h"
#include "provider_world.h"

#define REDIRECT "http://127.0.0.1:4711/callback"

static struct {
        char url[4096], state[128], nonce[128], challenge[128], redirect_uri[128], method[16], type[16],
                prompt[16];
        unsigned n;
        bool free_in_open;
} opened;

static int take(const char *name, const char *value, size_t n _unused_, void *arg _unused_)
{
        const struct {
                const char *name;
                char *dst;
                size_t size;
        } known[] = {{"state", opened.state, sizeof opened.state},
                {"nonce", opened.nonce, sizeof opened.nonce},
                {"code_challenge", opened.challenge, sizeof opened.challenge},
                {"code_challenge_method", opened.method, sizeof opened.method},
                {"response_type", opened.type, sizeof opened.type},
                {"prompt", opened.prompt, sizeof opened.prompt},
                {"redirect_uri", opened.redirect_uri, sizeof opened.redirect_uri}};

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strcmp(name, known[i].name) == 0)
                        snprintf(known[i].dst, known[i].size, "%s", value);
        return 0;
}

static void on_open(void *arg, const char *url)
{
        const char *query = strchr(url, '?');

        opened.n++;
        snprintf(opened.url, sizeof opened.url, "%s", url);
        assert_non_null(query);
        assert_int_equal(form_walk(query + 1, strlen(query + 1), take, NULL), 0);
        if (opened.free_in_open)
                *(struct provider_op **)arg = provider_op_free(*(struct provider_op **)arg);
}

static void start_code(void)
{
        memset(&opened, 0, sizeof opened);
        assert_int_equal(provider_code_start(&op, p, REDIRECT, on_open, on_done, &op), 0);
        assert_int_equal(opened.n, 0); // never from inside
        reach(&opened.n, 1);
}

static int answer(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int answer(const char *fmt, ...)
{
        char query[8192];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(query, sizeof query, fmt, ap);
        va_end(ap);
        return provider_code_answer(op, query, strlen(query));
}

static const char *token_with_nonce(const char *nonce)
{
        char claims[700];

        snprintf(claims, sizeof claims,
                "{\"iss\":\"%s\",\"aud\":\"valetkey\",\"sub\":\"alice\",\"nonce\":\"%s\",\"iat\":%d,\"exp\":%"
                "d}",
                server_url(s), nonce, NOW - 5, NOW + 300);
        return answer_with(key, "k1", claims);
}

static void finish(void)
{
        reach(&got.n, 1);
}

static void a_code_becomes_tokens(void **state _unused_)
{
        char challenge[PKCE_CHALLENGE_LEN + 1];
        cleanup_secret struct secret *verifier = NULL;
        char *v, *e;

        start_code();
        assert_string_equal(opened.redirect_uri, REDIRECT);
        assert_string_equal(opened.method, "S256");
        assert_string_equal(opened.type, "code");
        assert_int_equal(strlen(opened.state), 32);
        assert_int_equal(strlen(opened.nonce), 32);
        assert_string_not_equal(opened.state, opened.nonce);
        w.token[0].body = token_with_nonce(opened.nonce);
        assert_int_equal(answer("code=c0de%%2Fx&state=%s&session_state=1", opened.state), 0);
        assert_int_equal(got.n, 0); // never from inside
        finish();
        assert_string_equal(got.sub, "alice");
        assert_string_equal(got.refresh, "rt-new");
        expect(OUTCOME_OK, "");
        assert_non_null(strstr(w.last_token, "grant_type=authorization_code"));
        assert_non_null(strstr(w.last_token, "code=c0de%2Fx"));
        assert_non_null(strstr(w.last_token, "redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fcallback"));
        // What was sent with the code is what the challenge was made of.
        v = strstr(w.last_token, "code_verifier=");
        assert_non_null(v);
        v += strlen("code_verifier=");
        e = strchr(v, '&');
        assert_int_equal(secret_new(&verifier, v, e ? (size_t)(e - v) : strlen(v)), 0);
        assert_int_equal(pkce_challenge(challenge, verifier), 0);
        assert_string_equal(challenge, opened.challenge);
}

static void no_two_flows_share_a_secret(void **state _unused_)
{
        char last[128], nonce[128], challenge[128];

        start_code();
        memcpy(last, opened.state, sizeof last);
        memcpy(nonce, opened.nonce, sizeof nonce);
        memcpy(challenge, opened.challenge, sizeof challenge);
        op = provider_op_free(op);
        start_code();
        assert_string_not_equal(last, opened.state);
        assert_string_not_equal(nonce, opened.nonce);
        assert_string_not_equal(challenge, opened.challenge);
        assert_int_equal(answer("code=x&state=%s", last), -EPERM); // the tab of before
}

static void what_is_not_ours_changes_nothing(void **state _unused_)
{
        char cut[128];

        start_code();
        snprintf(cut, sizeof cut, "%.31s", opened.state);
        assert_int_equal(answer("code=stolen"), -EPERM);
        assert_int_equal(answer("code=stolen&state="), -EPERM);
        assert_int_equal(answer("code=stolen&state=%s", cut), -EPERM);
        assert_int_equal(answer("code=stolen&state=%s0", opened.state), -EPERM);
        assert_int_equal(answer("error=access_denied&state=0123456789abcdef0123456789abcdef"), -EPERM);
        assert_int_equal(answer("error=access_denied"), -EPERM);
        assert_int_equal(answer("state=%s&state=%s&code=x", opened.state, opened.state), -EBADMSG);
        assert_int_equal(answer("code=a&code=b&state=%s", opened.state), -EBADMSG);
        assert_int_equal(answer("code=%%zz&state=%s", opened.state), -EBADMSG);
        assert_int_equal(answer("code=a%%00b&state=%s", opened.state), -EBADMSG);
        assert_int_equal(provider_code_answer(op, "", 0), -EPERM);
        for (int i = 0; i < 5; i++)
                loop_run_once(l, 0);
        assert_int_equal(got.n, 0);
        assert_int_equal(w.n_token, 0);
        w.token[0].body = token_with_nonce(opened.nonce);
        assert_int_equal(answer("code=good&state=%s", opened.state), 0);
        assert_int_equal(answer("code=good&state=%s", opened.state), -EALREADY);
        assert_int_equal(answer("error=access_denied&state=%s", opened.state), -EALREADY);
        finish();
        expect(OUTCOME_OK, "");
        assert_int_equal(w.n_token, 1);
}

static void what_providers_say_instead_of_a_code(void **state _unused_)
{
        static const struct {
                const char *query;
                enum outcome outcome;
                const char *says;
        } rows[] = {
                {"error=access_denied&error_description=Not+today", OUTCOME_DENIED_BY_USER, "Not today"},
                {"error=access_denied", OUTCOME_DENIED_BY_USER, "does not say why"},
                {"error=temporarily_unavailable", OUTCOME_UNREACHABLE, "temporarily_unavailable"},
                {"error=server_error", OUTCOME_UNREACHABLE, "server_error"},
                {"error=invalid_scope&error_description=groups", OUTCOME_MISCONFIGURED,
                        "invalid_scope (groups)"},
                {"error=%1b%5b31mred", OUTCOME_MISCONFIGURED, "refuses"},
                {"code=", OUTCOME_BAD_ANSWER, "without a code"},
                {"session_state=1", OUTCOME_BAD_ANSWER, "without a code"},
                {"code=x&iss=https%3A%2F%2Fevil.example.com", OUTCOME_TOKEN_REJECTED, "another provider"},
                {"error=access_denied&iss=https%3A%2F%2Fevil.example.com", OUTCOME_TOKEN_REJECTED,
                        "another provider"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                start_code();
                assert_int_equal(answer("%s&state=%s", rows[i].query, opened.state), 0);
                finish();
                assert_null(strchr(got.err, 0x1b));
                expect(rows[i].outcome, rows[i].says);
        }
        assert_int_equal(w.n_token, 0);
}

static void a_provider_that_names_itself_must_do_so(void **state _unused_)
{
        char *with = NULL;

        // RFC 9207 2.4: a client of a provider that promises iss refuses an answer without it.
        assert_true(asprintf(&with, "%.*s,\"authorization_response_iss_parameter_supported\":true}",
                            (int)strlen(w.good_discovery) - 1, w.good_discovery) > 0);
        w.discovery = (struct reply){.body = keep(with)};
        start_code();
        assert_int_equal(answer("code=x&state=%s", opened.state), 0);
        finish();
        expect(OUTCOME_TOKEN_REJECTED, "another provider");
        start_code();
        w.token[0].body = token_with_nonce(opened.nonce);
        assert_int_equal(answer("code=x&state=%s&iss=%s", opened.state, server_url(s)), 0);
        finish();
        expect(OUTCOME_OK, "");
}

static void the_token_must_be_of_this_sign_in(void **state _unused_)
{
        start_code();
        w.token[0].body = token_with_nonce("00000000000000000000000000000000");
        assert_int_equal(answer("code=x&state=%s", opened.state), 0);
        finish();
        expect(OUTCOME_TOKEN_REJECTED, "nonce");
        start_code();
        w.token[1].body = good_answer(); // no nonce at all
        assert_int_equal(answer("code=x&state=%s", opened.state), 0);
        finish();
        expect(OUTCOME_TOKEN_REJECTED, "nonce");
        start_code();
        w.token[2].body = "{\"access_token\":\"at\",\"token_type\":\"Bearer\"}";
        assert_int_equal(answer("code=x&state=%s", opened.state), 0);
        finish();
        expect(OUTCOME_MISCONFIGURED, "openid");
}

static void a_code_is_sent_once(void **state _unused_)
{
        static const struct {
                struct reply reply;
                enum outcome outcome;
                const char *says;
        } rows[] = {
                {{.act = ACT_RESET}, OUTCOME_UNREACHABLE, ""},
                {{.act = ACT_CUT}, OUTCOME_BAD_ANSWER, "cut"},
                {{.status = 503, .body = "busy"}, OUTCOME_BAD_ANSWER, ""},
                {{.status = 400, .body = "{\"error\":\"invalid_grant\",\"error_description\":\"spent\"}"},
                        OUTCOME_EXPIRED, "spent"},
                {{.status = 401, .body = "{\"error\":\"invalid_client\"}"}, OUTCOME_MISCONFIGURED,
                        "invalid_client"},
                {{.body = "<html>"}, OUTCOME_BAD_ANSWER, ""},
        };

        for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
                start_code();
                w.token[i] = rows[i].reply;
                assert_int_equal(answer("code=x&state=%s", opened.state), 0);
                finish();
                if (rows[i].reply.status == 503)
                        assert_int_equal(
                                got.outcome == OUTCOME_BAD_ANSWER || got.outcome == OUTCOME_UNREACHABLE, 1);
                else
                        assert_int_equal(got.outcome, rows[i].outcome);
                assert_non_null(strstr(got.err, rows[i].says));
                op = provider_op_free(op);
                memset(&got, 0, sizeof got);
                assert_int_equal(w.n_token, i + 1);
        }
}

static void nobody_comes_back(void **state _unused_)
{
        start_code();
        loop_turn(l, &clk, 10 * 60 * 1000 - 1);
        assert_int_equal(got.n, 0);
        loop_turn(l, &clk, 1);
        expect(OUTCOME_TIMEOUT, "in time");
}

static void a_provider_without_a_page(void **state _unused_)
{
        char *without = strdup(w.good_discovery), *at;

        assert_non_null(without);
        at = strstr(without, "\"authorization_endpoint\"");
        assert_non_null(at);
        memcpy(at, "\"authorization_endpoiNt\"", strlen("\"authorization_endpoint\""));
        w.discovery = (struct reply){.body = keep(without)};
        memset(&opened, 0, sizeof opened);
        assert_int_equal(provider_code_start(&op, p, REDIRECT, on_open, on_done, &op), 0);
        finish();
        assert_int_equal(opened.n, 0);
        expect(OUTCOME_MISCONFIGURED, "browser");
}

static void no_callback_after_free(void **state _unused_)
{
        assert_int_equal(provider_code_start(&op, p, REDIRECT, on_open, on_done, &op), 0);
        op = provider_op_free(op);
        opened = (typeof(opened)){.free_in_open = true};
        assert_int_equal(provider_code_start(&op, p, REDIRECT, on_open, on_done, &op), 0);
        reach(&opened.n, 1);
        assert_null(op);
        start_code();
        w.token[0].act = ACT_HANG;
        assert_int_equal(answer("code=x&state=%s", opened.state), 0);
        op = provider_op_free(op);
        start_code();
        assert_int_equal(answer("code=x&state=%s", opened.state), 0);
        reach(&w.n_token, 1);
        op = provider_op_free(op);
        loop_turn(l, &clk, 3600 * 1000);
        assert_int_equal(got.n, 0);
}

static int start_once(void)
{
        return provider_code_start(&op, p, REDIRECT, on_open, on_done, &op);
}

static void every_allocation_may_fail(void **state _unused_)
{
        unsigned failed = 0;
        int r = 0;

        FAULT_EACH(50, r = start_once())
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(op);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 4);
        op = provider_op_free(op);
        start_code();
        failed = 0;
        FAULT_EACH(50, r = answer("error=a&error_description=b&iss=c&state=%s&code=x", opened.state))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_code_becomes_tokens),
                T(no_two_flows_share_a_secret),
                T(what_is_not_ours_changes_nothing),
                T(what_providers_say_instead_of_a_code),
                T(a_provider_that_names_itself_must_do_so),
                T(the_token_must_be_of_this_sign_in),
                T(a_code_is_sent_once),
                T(nobody_comes_back),
                T(a_provider_without_a_page),
                T(no_callback_after_free),
                T(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, keys, end);
}
