// SPDX-License-Identifier: Apache-2.0
//
// AssumeRoleWithWebIdentity against an STS that answers well, badly, late and not at all: one done() each, retried where
// that can help and nowhere else, and a refusal told in STS's own words with its request id.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "sigv4.h"
#include "sts_op.h"
#include "support_server.h"

#include <stdio.h>

#define ARN "arn:aws:iam::123456789012:role/dev"

static struct loop *l;
static struct http *h;
static struct server *s;
static struct secret *token;

// What the server does with its n-th request; the last one repeats.
struct step {
        int status;
        const char *body, *extra;
        void (*act)(const struct server_request *q);
};
static const struct step *script;
static size_t n_steps;
static char last_body[8192], last_method[16], last_head[8192];

static struct {
        unsigned n;
        enum outcome outcome;
        struct sts_error_answer error;
        char err[ERR_MAX], key[64], secret[64], arn[128];
        int64_t expiration_s, skew_s;
        struct sts_op *op;
} got;

static const char good[] =
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
        "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAEXAMPLE000000000</AccessKeyId>"
        "<SecretAccessKey>wJalrXUtnFEMI</SecretAccessKey><SessionToken>FwoGZXIvYXdzE</SessionToken>"
        "<Expiration>2026-11-22T12:00:00Z</Expiration></Credentials><AssumedRoleUser>"
        "<Arn>arn:aws:sts::123456789012:assumed-role/dev/alice</Arn><AssumedRoleId>AROA:alice</AssumedRoleId>"
        "</AssumedRoleUser></AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>r-1</RequestId>"
        "</ResponseMetadata></AssumeRoleWithWebIdentityResponse>";

#define ERROR_XML(code, message)                                                                             \
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"      \
        "<Code>" code "</Code><Message>" message "</Message></Error><RequestId>c6104cbe-af31-11e0"           \
        "</RequestId></ErrorResponse>"

static void handle(struct server *server _unused_, const struct server_request *q, void *arg _unused_)
{
        const struct step *t = &script[q->n <= n_steps ? q->n - 1 : n_steps - 1];

        snprintf(last_body, sizeof last_body, "%s", q->body);
        snprintf(last_method, sizeof last_method, "%s", q->method);
        snprintf(last_head, sizeof last_head, "%s", q->head);
        if (t->act)
                t->act(q);
        else
                server_answer(q, t->status, "text/xml", t->extra, clock_wall_s(&clock_system) + 100, t->body);
}

static void on_done(void *arg _unused_, struct sts_result *r)
{
        got.n++;
        got.outcome = r->outcome;
        got.error = r->error;
        got.skew_s = r->server_skew_s;
        snprintf(got.err, sizeof got.err, "%s", r->err.text);
        if (r->credentials.access_key_id) {
                snprintf(got.key, sizeof got.key, "%s", r->credentials.access_key_id);
                snprintf(got.secret, sizeof got.secret, "%s", secret_str(r->credentials.secret_access_key));
                snprintf(got.arn, sizeof got.arn, "%s", r->credentials.assumed_role_arn);
                got.expiration_s = r->credentials.expiration_s;
        }
        got.op = sts_op_free(got.op);
}

static int start(int64_t deadline_ms, const struct sts_web_identity *q)
{
        const struct sts_target t = {.endpoint = server_url(s), .deadline_ms = deadline_ms};

        memset(&got, 0, sizeof got);
        return sts_web_identity_start(&got.op, h, &t, q, on_done, NULL);
}

static void run(int64_t deadline_ms, const struct step *steps, size_t n)
{
        const struct sts_web_identity q = {
                .role_arn = ARN, .session_name = "alice", .token = token, .duration_s = 900};
        int64_t give_up = clock_system.boot_ms(&clock_system) + 20000;

        script = steps;
        n_steps = n;
        server_new(&s, l, handle, NULL);
        assert_int_equal(start(deadline_ms, &q), 0);
        assert_int_equal(got.n, 0); // never from inside start
        while (!got.n && clock_system.boot_ms(&clock_system) < give_up)
                loop_run_once(l, 100);
        assert_int_equal(got.n, 1);
}
#define RUN(deadline_ms, ...)                                                                                \
        run(deadline_ms, (const struct step[]){__VA_ARGS__},                                                 \
                sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

static void hang_up(const struct server_request *q)
{
        server_raw(q, "", 0, SERVER_RESET);
}

static void half(const struct server_request *q)
{
        static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<AssumeRoleWith";

        server_raw(q, text, sizeof text - 1, SERVER_CLOSE);
}

static void never(const struct server_request *q _unused_)
{
}

static void credentials_come_back(void **state _unused_)
{
        RUN(0, {200, good, NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_string_equal(got.key, "ASIAEXAMPLE000000000");
        assert_string_equal(got.secret, "wJalrXUtnFEMI");
        assert_string_equal(got.arn, "arn:aws:sts::123456789012:assumed-role/dev/alice");
        assert_int_equal(got.expiration_s, 1795348800);
        assert_true(got.skew_s >= 99 && got.skew_s <= 101);
        assert_string_equal(last_method, "POST");
        assert_non_null(strstr(last_body, "Action=AssumeRoleWithWebIdentity"));
        assert_non_null(strstr(last_body, "WebIdentityToken=tok.en.value"));
        assert_non_null(strstr(last_body, "DurationSeconds=900"));
}

static void a_refusal_is_told_once_in_the_servers_words(void **state _unused_)
{
        RUN(0, {403, ERROR_XML("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
                       NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_ACCESS_DENIED);
        assert_int_equal(server_count(s), 1); // never a loop over a 403
        assert_string_equal(got.err, "STS refused " ARN ": AccessDenied: Not authorized to perform "
                                     "sts:AssumeRoleWithWebIdentity (request id c6104cbe-af31-11e0)");
}

static void a_long_message_leaves_room_for_the_request_id(void **state _unused_)
{
        RUN(0, {400,
                       ERROR_XML("ValidationError",
                               "0123456789012345678901234567890123456789012345678901234567890123456789"
                               "0123456789012345678901234567890123456789012345678901234567890123456789"
                               "0123456789012345678901234567890123456789012345678901234567890123456789"),
                       NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_MISCONFIGURED);
        assert_non_null(strstr(got.err, "(request id c6104cbe-af31-11e0)"));
}

static void expired_and_invalid_tokens_are_the_callers_to_mend(void **state _unused_)
{
        RUN(0, {400, ERROR_XML("ExpiredTokenException", "Token expired"), NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_TOKEN_REJECTED);
        assert_int_equal(got.error.code, STS_E_EXPIRED_TOKEN);
        assert_int_equal(server_count(s), 1);
        server_free(s);
        RUN(0, {400, ERROR_XML("InvalidIdentityToken", "Incorrect token audience"), NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_TOKEN_REJECTED);
        assert_int_equal(server_count(s), 1);
}

static void what_may_pass_is_tried_again(void **state _unused_)
{
        RUN(0, {503, "<html>", NULL, NULL}, {200, good, NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_OK);
        server_free(s);
        RUN(0,
                {400,
                        ERROR_XML("InvalidIdentityToken",
                                "Couldn't retrieve verification key from your identity provider"),
                        NULL, NULL},
                {400, ERROR_XML("IDPCommunicationError", "timeout"), NULL, NULL}, {200, good, NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_int_equal(server_count(s), 3);
        server_free(s);
        RUN(0, {0, NULL, NULL, hang_up}, {400, ERROR_XML("Throttling", "Rate exceeded"), NULL, NULL},
                {200, good, NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_OK);
}

static void tries_are_bounded(void **state _unused_)
{
        RUN(0, {500, "", NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_UNREACHABLE);
        assert_int_equal(server_count(s), 3);
        assert_non_null(strstr(got.err, "HTTP status 500"));
        server_free(s);
        // A wait longer than what is left is not begun.
        RUN(2000, {429, "", "Retry-After: 60\r\n", NULL});
        assert_int_equal(got.outcome, OUTCOME_THROTTLED);
        assert_int_equal(server_count(s), 1);
}

static void an_error_before_a_success_leaves_no_trace(void **state _unused_)
{
        RUN(0, {400, ERROR_XML("Throttling", "Rate exceeded"), NULL, NULL}, {200, good, NULL, NULL});
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_int_equal(got.error.code, 0);
        assert_string_equal(got.err, "");
}

static void answers_that_are_none(void **state _unused_)
{
        static char huge[300000];
        static const struct {
                struct step step;
                enum outcome outcome;
        } rows[] = {
                {{200, "", NULL, NULL}, OUTCOME_BAD_ANSWER},
                {{200, "{}", NULL, NULL}, OUTCOME_BAD_ANSWER},
                {{200, "<!DOCTYPE x [<!ENTITY e \"e\">]><x>&e;</x>", NULL, NULL}, OUTCOME_BAD_ANSWER},
                {{200, "<AssumeRoleWithWebIdentityResponse>", NULL, NULL}, OUTCOME_BAD_ANSWER},
                {{200, huge, NULL, NULL}, OUTCOME_BAD_ANSWER},
                {{0, NULL, NULL, half}, OUTCOME_BAD_ANSWER},
                {{418, "tea", NULL, NULL}, OUTCOME_BAD_ANSWER},
                {{302, "", "Location: http://127.0.0.1:1/\r\n", NULL}, OUTCOME_BAD_ANSWER},
        };

        memset(huge, ' ', sizeof huge - 1);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                run(0, &rows[i].step, 1);
                assert_int_equal(got.outcome, rows[i].outcome);
                assert_true(got.err[0]);
                s = server_free(s);
        }
        server_new(&s, l, handle, NULL);
}

static void a_silent_server_ends_by_the_deadline(void **state _unused_)
{
        int64_t before = clock_system.boot_ms(&clock_system);

        RUN(400, {0, NULL, NULL, never});
        assert_int_equal(got.outcome, OUTCOME_TIMEOUT);
        assert_true(clock_system.boot_ms(&clock_system) - before < 5000);
}

static void a_request_sts_would_refuse_is_not_sent(void **state _unused_)
{
        const struct sts_web_identity q = {.role_arn = ARN, .session_name = "a b/c", .token = token};
        const struct step t = {200, good, NULL, NULL};

        script = &t;
        n_steps = 1;
        server_new(&s, l, handle, NULL);
        assert_int_equal(start(0, &q), 0);
        assert_int_equal(got.n, 0);
        for (int i = 0; i < 10 && !got.n; i++)
                loop_run_once(l, 100);
        assert_int_equal(got.n, 1);
        assert_int_equal(got.outcome, OUTCOME_MISCONFIGURED);
        assert_int_equal(server_count(s), 0);
}

static void cancelled_at_any_moment_it_calls_nobody(void **state _unused_)
{
        const struct sts_web_identity q = {.role_arn = ARN, .session_name = "alice", .token = token};
        const struct step t = {503, "", NULL, NULL};

        script = &t;
        n_steps = 1;
        server_new(&s, l, handle, NULL);
        for (int turns = 0; turns < 12; turns++) {
                assert_int_equal(start(0, &q), 0);
                for (int i = 0; i < turns && !got.n; i++)
                        loop_run_once(l, 10);
                got.op = sts_op_free(got.op);
                loop_run_once(l, 20);
                assert_int_equal(got.n, 0);
        }
}

static void no_memory_is_an_error_not_a_crash(void **state _unused_)
{
        const struct sts_web_identity q = {.role_arn = ARN, .session_name = "alice", .token = token};
        const struct step t = {200, good, NULL, NULL};
        unsigned failed = 0;
        int r = 0;

        script = &t;
        n_steps = 1;
        server_new(&s, l, handle, NULL);
        FAULT_EACH(200, r = start(0, &q))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(got.op);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 5);
        got.op = sts_op_free(got.op);
}

// What arrived, verified as STS does it: every header that came, against the key.
static void verify_arrived(const struct sigv4_credentials *cred, int64_t now_s)
{
        struct sigv4_header headers[32];
        struct sigv4_request q = {.method = "POST",
                .path = "/",
                .headers = headers,
                .body = last_body,
                .body_len = strlen(last_body)};
        struct err err = ERR_INIT;
        char *line = strstr(last_head, "\r\n"), *end, *colon;

        assert_non_null(line);
        for (line += 2; (end = strstr(line, "\r\n")) && end != line && q.n_headers < 32; line = end + 2) {
                *end = 0;
                colon = strchr(line, ':');
                assert_non_null(colon);
                *colon = 0;
                headers[q.n_headers++] = (struct sigv4_header){line, colon + 1 + strspn(colon + 1, " ")};
        }
        assert_int_equal(sigv4_verify(&q, cred, "eu-central-1", "sts", now_s, SIGV4_DEFAULT, &err), 0);
}

static void a_chained_call_is_signed_by_this_clock_and_its_skew(void **state _unused_)
{
        const struct sts_assume_role q = {.role_arn = ARN, .session_name = "alice", .external_id = "x-42"};
        const struct step steps[] = {{503, "", NULL, NULL}, {200, good, NULL, NULL}};
        struct secret *key = NULL, *session = NULL;
        struct sts_signer by = {
                .access_key_id = "ASIAEXAMPLE000000000", .region = "eu-central-1", .skew_s = 7200};
        struct sts_target t = {0};

        assert_int_equal(secret_new_str(&key, "wJalrXUtnFEMI"), 0);
        assert_int_equal(secret_new_str(&session, "FwoGZXIvYXdzE+/="), 0);
        by.secret_access_key = key;
        by.session_token = session;
        script = steps;
        n_steps = 2;
        server_new(&s, l, handle, NULL);
        t.endpoint = server_url(s);
        memset(&got, 0, sizeof got);
        assert_int_equal(sts_assume_role_start(&got.op, h, &t, &by, &q, on_done, NULL), 0);
        for (int i = 0; i < 100 && !got.n; i++)
                loop_run_once(l, 100);
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_non_null(strstr(last_body, "Action=AssumeRole&"));
        assert_non_null(strstr(last_body, "&ExternalId=x-42"));
        verify_arrived(&(struct sigv4_credentials){.access_key_id = by.access_key_id,
                               .secret_access_key = key,
                               .session_token = session},
                clock_wall_s(&clock_system) + 7200);
        secret_free(key);
        secret_free(session);
}

static int setup(void **state _unused_)
{
        return loop_new(&l, &clock_system) < 0 || http_new(&h, l) < 0 ||
               secret_new_str(&token, "tok.en.value") < 0;
}

static int stop_server(void **state _unused_)
{
        s = server_free(s);
        return 0;
}

static int teardown(void **state _unused_)
{
        secret_free(token);
        http_free(h);
        loop_free(l);
        return 0;
}

#define T(f) cmocka_unit_test_teardown(f, stop_server)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(credentials_come_back),
                T(a_refusal_is_told_once_in_the_servers_words),
                T(a_long_message_leaves_room_for_the_request_id),
                T(expired_and_invalid_tokens_are_the_callers_to_mend),
                T(what_may_pass_is_tried_again),
                T(tries_are_bounded),
                T(an_error_before_a_success_leaves_no_trace),
                T(answers_that_are_none),
                T(a_silent_server_ends_by_the_deadline),
                T(a_request_sts_would_refuse_is_not_sent),
                T(cancelled_at_any_moment_it_calls_nobody),
                T(no_memory_is_an_error_not_a_crash),
                T(a_chained_call_is_signed_by_this_clock_and_its_skew),
        };

        if (net_global_init() < 0)
                return 1;
        return cmocka_run_group_tests(tests, setup, teardown);
}
