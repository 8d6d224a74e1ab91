// SPDX-License-Identifier: Apache-2.0
//
// A request that passes through: nothing is added to it, pieces wait for whoever takes or gives them, and it can be ended at every stage.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "http_stream.h"
#include "support_server.h"

#include <stdio.h>

static struct loop *l;
static struct http *h;
static struct server *s;
static const char *answer;
static enum server_end end;
static char asked[8192], asked_body[256];

static struct {
        unsigned heads, done, waits, rewinds;
        int status, head_result, body_result;
        enum outcome outcome;
        char lines[4096], body[4096];
        const char *give; // what is left of the request's body
        unsigned give_waits;
        struct http_op *op;
} got;

static void handle(struct server *srv _unused_, const struct server_request *q, void *arg _unused_)
{
        snprintf(asked, sizeof asked, "%s", q->head);
        snprintf(asked_body, sizeof asked_body, "%s", q->body);
        server_raw(q, answer, strlen(answer), end);
}

static ssize_t give(void *arg _unused_, char *p, size_t n)
{
        size_t have = strlen(got.give);

        if (got.give_waits > 0) {
                got.give_waits--;
                return HTTP_STREAM_WAIT;
        }
        n = n < 3 ? n : 3;
        n = n < have ? n : have;
        memcpy(p, got.give, n);
        got.give += n;
        return (ssize_t)n;
}

static int on_head(void *arg _unused_, int status, const char *lines, size_t n)
{
        got.heads++;
        got.status = status;
        snprintf(got.lines, sizeof got.lines, "%.*s", (int)n, lines);
        return got.head_result;
}

static int on_body(void *arg _unused_, const char *p, size_t n)
{
        if (got.waits > 0) {
                got.waits--;
                return HTTP_STREAM_WAIT;
        }
        if (got.body_result == 0)
                snprintf(got.body + strlen(got.body), sizeof got.body - strlen(got.body), "%.*s", (int)n, p);
        return got.body_result;
}

static void on_done(void *arg _unused_, enum outcome outcome, struct http_response *r _unused_,
        const struct err *err _unused_)
{
        got.done++;
        got.outcome = outcome;
}

static int start(const char *method, const char *target, const char *body)
{
        const char *const headers[] = {"Host: other.example.com", "X-Mine: 1", "X-Empty;", NULL};
        const struct http_request q = {.url = server_url(s), .headers = headers};
        const struct http_stream stream = {.method = method,
                .target = target,
                .body_len = body ? (int64_t)strlen(body) : -1,
                .read = give,
                .head = on_head,
                .body = on_body};

        got.give = body;
        return http_stream_start(&got.op, h, &q, &stream, on_done, NULL);
}

static void wait_until(const unsigned *what, unsigned n)
{
        int64_t deadline = clock_system.boot_ms(&clock_system) + 10000;

        while (*what < n && clock_system.boot_ms(&clock_system) < deadline)
                loop_run_once(l, 100);
        assert_int_equal(*what, n);
}

static void wait_until_none(const unsigned *what)
{
        int64_t deadline = clock_system.boot_ms(&clock_system) + 10000;

        while (*what > 0 && clock_system.boot_ms(&clock_system) < deadline)
                loop_run_once(l, 100);
        assert_int_equal(*what, 0);
}

static void run(const char *method, const char *target, const char *body)
{
        assert_int_equal(start(method, target, body), 0);
        assert_int_equal(got.done, 0);
        wait_until(&got.done, 1);
        got.op = http_op_free(got.op);
}

static int setup(void **state _unused_)
{
        memset(&got, 0, sizeof got);
        asked[0] = asked_body[0] = 0;
        end = SERVER_KEEP;
        if (loop_new(&l, &clock_system) < 0 || http_new(&h, l) < 0)
                return -1;
        server_new(&s, l, handle, NULL);
        return 0;
}

static int teardown(void **state _unused_)
{
        http_free(h);
        server_free(s);
        loop_free(l);
        return 0;
}

static void nothing_is_added_and_nothing_is_lost(void **state _unused_)
{
        answer = "HTTP/1.1 201 Fine\r\nA: 1\r\nA: 2\r\nContent-Length: 5\r\n\r\nhello";
        run("PUT", "/a%20b/../c?x=+&y", "some body");
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_int_equal(got.status, 201);
        assert_string_equal(got.lines, "A: 1\r\nA: 2\r\nContent-Length: 5\r\n");
        assert_string_equal(got.body, "hello");
        assert_string_equal(asked_body, "some body");
        assert_ptr_equal(strstr(asked, "PUT /a%20b/../c?x=+&y HTTP/1.1\r\nHost: other.example.com\r\nX-Mine: "
                                       "1\r\nX-Empty:\r\n"
                                       "Content-Length: 9"),
                asked);
}

static void methods_and_bodies(void **state _unused_)
{
        static const struct {
                const char *method, *body, *length;
        } rows[] = {{"GET", NULL, NULL}, {"DELETE", NULL, NULL}, {"HEAD", NULL, NULL}, {"HEAD", "", NULL},
                {"POST", "", "0"}, {"POST", "x", "1"}, {"PATCH", "xy", "2"}, {"OPTIONS", NULL, NULL}};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                bool head = strcmp(rows[i].method, "HEAD") == 0;
                char want[64];

                memset(&got, 0, sizeof got);
                answer = head ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                              : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                run(rows[i].method, "/", rows[i].body);
                assert_int_equal(got.outcome, OUTCOME_OK);
                assert_string_equal(got.body, head ? "" : "ok");
                assert_ptr_equal(strstr(asked, rows[i].method), asked);
                snprintf(want, sizeof want, "Content-Length: %s\r\n", rows[i].length ? rows[i].length : "");
                assert_int_equal(strstr(asked, rows[i].length ? want : "Content-Length") != NULL,
                        rows[i].length != NULL);
        }
}

static void nobody_asked_for_another_protocol(void **state _unused_)
{
        answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        run("GET", "/", NULL);
        assert_int_equal(got.outcome, OUTCOME_BAD_ANSWER);
        assert_int_equal(got.heads, 0);
        assert_string_equal(got.body, "");
}

static void either_end_may_wait(void **state _unused_)
{
        answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\nT: 1\r\n\r\n";
        got.give_waits = got.waits = 1;
        assert_int_equal(start("POST", "/", "a longer body"), 0);
        wait_until_none(&got.give_waits);
        for (int i = 0; i < 5; i++)
                loop_run_once(l, 5);
        assert_string_equal(asked, ""); // it waits
        http_op_resume(got.op);
        wait_until(&got.heads, 1);
        wait_until_none(&got.waits);
        for (int i = 0; i < 5; i++)
                loop_run_once(l, 5);
        assert_int_equal(got.done, 0);
        assert_string_equal(got.body, "");
        http_op_resume(got.op);
        wait_until(&got.done, 1);
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_string_equal(got.body, "onetwo");
        assert_string_equal(asked_body, "a longer body");
        assert_null(strstr(got.lines, "T: 1"));
        got.op = http_op_free(got.op);
}

static void whoever_takes_it_may_end_it(void **state _unused_)
{
        answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        got.head_result = -EPIPE;
        run("GET", "/", NULL);
        assert_int_equal(got.outcome, OUTCOME_CANCELLED);
        memset(&got, 0, sizeof got);
        got.body_result = -EPIPE;
        run("GET", "/", NULL);
        assert_int_equal(got.outcome, OUTCOME_CANCELLED);
}

static void answers_that_are_none(void **state _unused_)
{
        static const char *const bad[] = {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
                "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nA: 1\r\n"};

        end = SERVER_CLOSE;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                memset(&got, 0, sizeof got);
                answer = bad[i];
                run("GET", "/", NULL);
                assert_true(got.outcome != OUTCOME_OK);
        }
}

static void no_callback_after_free_at_any_stage(void **state _unused_)
{
        answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        for (int turns = 0; turns < 12; turns++) {
                unsigned heads;

                memset(&got, 0, sizeof got);
                assert_int_equal(start("PUT", "/", "body"), 0);
                for (int i = 0; i < turns; i++)
                        loop_run_once(l, 1);
                heads = got.heads + got.done;
                got.op = http_op_free(got.op);
                for (int i = 0; i < 5; i++)
                        loop_run_once(l, 2);
                assert_int_equal(got.heads + got.done, heads);
        }
}

static int start_and_free(void)
{
        int r = start("PUT", "/", "body");

        if (r == 0)
                got.op = http_op_free(got.op);
        return r;
}

static void every_allocation_may_fail(void **state _unused_)
{
        int r = 0;

        FAULT_EACH(500, r = start_and_free())
        {
                if (r != 0) // curl lives without some
                        assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(nothing_is_added_and_nothing_is_lost),
                T(methods_and_bodies),
                T(nobody_asked_for_another_protocol),
                T(either_end_may_wait),
                T(whoever_takes_it_may_end_it),
                T(answers_that_are_none),
                T(no_callback_after_free_at_any_stage),
                T(every_allocation_may_fail),
        };

        if (net_global_init() < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
