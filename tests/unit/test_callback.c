// SPDX-License-Identifier: Apache-2.0
//
// The loopback address a browser comes back to, with browsers of the test's own that are slow, many, rude or gone, on a clock that
// is turned by hand; and the page they are shown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "callback.h"
#include "callback_page.h"
#include "fault.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACES 8

static struct clock_fake clk;
static struct loop *l;
static struct callback *c;
static uint16_t port;
static unsigned n_queries;
static int query_says;
static char query[256], answer[32768];

static int on_query(void *arg, const char *q, size_t n)
{
        (void)arg;
        n_queries++;
        snprintf(query, sizeof query, "%.*s", (int)n, q);
        return query_says;
}

static const struct callback_events events = {.query = on_query};

static void turn(void)
{
        for (unsigned i = 0; i < 20; i++)
                loop_run_once(l, 0);
}

static int setup(void **state)
{
        (void)state;
        n_queries = 0;
        query_says = 0;
        query[0] = 0;
        clock_fake_init(&clk, 1800000000);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(callback_new(&c, l, "127.0.0.1", 0, &events, NULL), 0);
        assert_int_equal(sscanf(callback_redirect_uri(c), "http://127.0.0.1:%hu/callback", &port), 1);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        c = callback_free(c);
        l = loop_free(l);
        return 0;
}

static int browser(void)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
        struct timeval patience = {.tv_sec = 5};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
        turn();
        return fd;
}

static void say_n(int fd, const char *s, size_t n)
{
        assert_int_equal(send(fd, s, n, MSG_NOSIGNAL), n);
        turn();
}

static void say(int fd, const char *target)
{
        char text[512];

        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", target, port);
        say_n(fd, text, strlen(text));
}

// What it is shown; "" where the connection just ended.
static const char *hear(int fd)
{
        size_t n = 0;
        ssize_t got;

        while ((got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0)
                n += (size_t)got;
        assert_true(got == 0 || errno == ECONNRESET);
        answer[n] = 0;
        close(fd);
        return answer;
}

static bool is_open(int fd)
{
        char b;

        return recv(fd, &b, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static void who_comes_back_waits_and_is_told(void **state)
{
        int one = browser(), again = browser();

        (void)state;
        say(one, "/callback?code=a&state=b");
        assert_string_equal(query, "code=a&state=b");
        assert_true(is_open(one));
        query_says = -EALREADY; // the page loaded anew
        say(again, "/callback?code=a&state=b");
        assert_true(is_open(again));
        c = callback_end(c, true, "corp", "You are <b>\"signed\" in</b> & 'well'.");
        assert_non_null(strstr(hear(one), "<h1>Signed in to corp</h1>"));
        assert_non_null(
                strstr(answer, "You are &lt;b&gt;&quot;signed&quot; in&lt;/b&gt; &amp; &#39;well&#39;."));
        assert_non_null(strstr(hear(again), "Signed in to corp"));
}

static void a_failure_is_told_as_plainly(void **state)
{
        int one = browser();

        (void)state;
        say(one, "/callback?error=access_denied");
        c = callback_end(c, false, "corp", "the sign-in was declined");
        assert_non_null(strstr(hear(one), "Not signed in to corp"));
        assert_non_null(strstr(answer, "the sign-in was declined"));
        assert_null(callback_end(NULL, true, "corp", ""));
}

static void who_does_not_know_the_state_is_told_so(void **state)
{
        static const int codes[] = {-EPERM, -EBADMSG, -ENOMEM};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
                int fd = browser();

                query_says = codes[i];
                say(fd, "/callback?x");
                assert_non_null(strstr(hear(fd), "HTTP/1.1 400 "));
                assert_non_null(strstr(answer, "Not this sign-in"));
        }
        assert_int_equal(n_queries, 3);
}

static void a_request_in_pieces_is_one(void **state)
{
        char text[128];
        int fd = browser();

        (void)state;
        snprintf(text, sizeof text, "GET /callback?code=a HTTP/1.1\r\nHost: localhost:%u\r\n\r\n", port);
        for (size_t i = 0; text[i]; i++) {
                assert_int_equal(n_queries, 0);
                say_n(fd, text + i, 1);
        }
        assert_int_equal(n_queries, 1);
        say(fd, "/callback?code=b"); // what comes behind it is not read
        assert_int_equal(n_queries, 1);
        assert_string_equal(query, "code=a");
        c = callback_end(c, true, "corp", "Well.");
        assert_non_null(strstr(hear(fd), "200 OK"));
}

static void what_is_too_long_is_refused(void **state)
{
        char text[10000];
        int fd = browser();

        (void)state;
        memset(text, 'x', sizeof text);
        memcpy(text, "GET /callback?", 14);
        say_n(fd, text, sizeof text);
        assert_int_equal(n_queries, 0);
        (void)hear(fd); // bytes were left unread, so it may have been reset
}

static void who_says_nothing_is_let_go(void **state)
{
        int silent = browser(), half = browser(), waits = browser();

        (void)state;
        say_n(half, "GET /callb", 10);
        say(waits, "/callback?code=a");
        loop_turn(l, &clk, 9500);
        assert_true(is_open(silent) && is_open(half));
        loop_turn(l, &clk, 2600);
        assert_string_equal(hear(silent), "");
        assert_string_equal(hear(half), "");
        loop_turn(l, &clk, 600000);
        assert_true(is_open(waits)); // the provider may be slow
        c = callback_free(c);
        assert_string_equal(hear(waits), "");
}

static void a_crowd_does_not_keep_the_right_one_out(void **state)
{
        int crowd[3 * PLACES], right;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(crowd); i++) {
                clock_fake_advance_ms(&clk, 10);
                crowd[i] = browser();
        }
        assert_string_equal(hear(crowd[0]), ""); // the oldest went
        assert_true(is_open(crowd[ARRAY_SIZE(crowd) - 1]));
        right = browser();
        say(right, "/callback?code=a");
        assert_int_equal(n_queries, 1);
        for (size_t i = 1; i < ARRAY_SIZE(crowd); i++)
                close(crowd[i]);
        turn();
        c = callback_end(c, true, "corp", "Well.");
        assert_non_null(strstr(hear(right), "Signed in"));
}

static void a_page_loaded_again_and_again_fills_the_places_and_no_more(void **state)
{
        int same[PLACES], late, next;

        (void)state;
        for (size_t i = 0; i < PLACES; i++) {
                same[i] = browser();
                say(same[i], "/callback?code=a");
        }
        late = browser();
        assert_string_equal(hear(late), "");
        close(same[0]); // one that goes makes room
        turn();
        next = browser();
        say(next, "/callback?code=a");
        c = callback_end(c, true, "corp", "Well.");
        assert_non_null(strstr(hear(next), "Signed in"));
        for (size_t i = 1; i < PLACES; i++)
                assert_non_null(strstr(hear(same[i]), "Signed in"));
}

static void ports_and_names(void **state)
{
        struct callback *other = NULL;
        char want[64];

        (void)state;
        assert_int_equal(callback_new(&other, l, "127.0.0.1", port, &events, NULL), -EADDRINUSE);
        assert_null(other);
        c = callback_free(c);
        assert_int_equal(callback_new(&c, l, "localhost", port, &events, NULL), 0); // at once
        snprintf(want, sizeof want, "http://localhost:%u/callback", port);
        assert_string_equal(callback_redirect_uri(c), want);
        c = callback_free(c);
        assert_int_equal(callback_new(&c, l, "[::1]", port, &events, NULL), 0);
        snprintf(want, sizeof want, "http://[::1]:%u/callback", port);
        assert_string_equal(callback_redirect_uri(c), want);
}

static int make(void)
{
        struct callback *made = NULL;
        int r = callback_new(&made, l, "127.0.0.1", 0, &events, NULL);

        callback_free(made);
        return r;
}

static int come_back(void)
{
        int fd = browser();

        n_queries = 0;
        say(fd, "/callback?x");
        (void)hear(fd);
        return 0;
}

static void memory_that_runs_out(void **state)
{
        int r;

        (void)state;
        FAULT_EACH(100, r = make())
        assert_int_equal(r, -ENOMEM);
        query_says = -EPERM;
        FAULT_EACH(100, r = come_back())
        assert_true(n_queries <= 1);
        assert_non_null(strstr(answer, "Not this sign-in"));
}

static void a_page_is_escaped_and_bounded(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(32u << 10), small = BUF_INIT(100);
        static const int statuses[] = {200, 400, 403, 404};
        char huge[20000], line[32];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
                buf_reset(&b);
                assert_int_equal(callback_page(&b, statuses[i], "<i>", "</p><script src=//x>"), 0);
                snprintf(line, sizeof line, "HTTP/1.1 %d ", statuses[i]);
                assert_int_equal(strncmp(buf_str(&b), line, strlen(line)), 0);
                assert_null(strstr(buf_str(&b), "<i>"));
                assert_null(strstr(buf_str(&b), "<script"));
                assert_non_null(strstr(buf_str(&b), "&lt;/p&gt;&lt;script src=//x&gt;"));
        }
        memset(huge, '<', sizeof huge);
        huge[sizeof huge - 1] = 0;
        assert_true(callback_page(&b, 200, "x", huge) < 0);
        assert_true(callback_page(&small, 200, "x", "y") < 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(who_comes_back_waits_and_is_told, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failure_is_told_as_plainly, setup, teardown),
                cmocka_unit_test_setup_teardown(who_does_not_know_the_state_is_told_so, setup, teardown),
                cmocka_unit_test_setup_teardown(a_request_in_pieces_is_one, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_too_long_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(who_says_nothing_is_let_go, setup, teardown),
                cmocka_unit_test_setup_teardown(a_crowd_does_not_keep_the_right_one_out, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_page_loaded_again_and_again_fills_the_places_and_no_more, setup, teardown),
                cmocka_unit_test_setup_teardown(ports_and_names, setup, teardown),
                cmocka_unit_test_setup_teardown(memory_that_runs_out, setup, teardown),
                cmocka_unit_test(a_page_is_escaped_and_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
