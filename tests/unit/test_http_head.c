// SPDX-License-Identifier: Apache-2.0
//
// Heads of requests: what SDKs send is read, whatever could be read in two ways is not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_head.h"

#include <stdio.h>

static int parse(struct http_head *h, const char *text, size_t *used)
{
        return http_head_parse(h, text, strlen(text), used);
}

static void is(const char *text, int want)
{
        struct http_head h;
        size_t used = 0;
        int r = parse(&h, text, &used);

        if (r != want)
                fail_msg("%d, not %d, for: %s", r, want, text);
}

static void what_an_sdk_sends(void **state)
{
        static const char text[] =
                "GET /credentials/role/dev HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Authorization:  a b \t\r\nAccept:application/json\r\nX-Empty:\r\n\r\nGET /next";
        struct http_head h;
        struct http_text v;
        size_t used;

        (void)state;
        assert_int_equal(parse(&h, text, &used), 0);
        assert_string_equal(text + used, "GET /next");
        assert_true(http_text_is(&h.method, "GET"));
        assert_true(http_text_is(&h.target, "/credentials/role/dev"));
        assert_true(h.keep_alive);
        assert_int_equal(h.body_len, 0);
        assert_int_equal(h.n_headers, 4);
        assert_int_equal(http_head_find(&h, "AUTHORIZATION", &v), 1);
        assert_true(http_text_is(&v, "a b"));
        assert_int_equal(http_head_find(&h, "accept", &v), 1);
        assert_true(http_text_is(&v, "application/json"));
        assert_int_equal(http_head_find(&h, "X-Empty", &v), 1);
        assert_int_equal(v.n, 0);
        assert_int_equal(http_head_find(&h, "X-Empt", &v), 0);
}

static void every_cut_wants_more(void **state)
{
        static const char text[] = "PUT /latest/api/token HTTP/1.1\r\nHost: localhost\r\nA: b\r\n\r\n";
        struct http_head h;
        size_t used;

        (void)state;
        for (size_t n = 0; n < sizeof text - 1; n++)
                assert_int_equal(http_head_parse(&h, text, n, &used), HTTP_HEAD_E_MORE);
        assert_int_equal(http_head_parse(&h, text, sizeof text - 1, &used), 0);
        assert_int_equal(used, sizeof text - 1);
}

static void who_ends_the_connection(void **state)
{
        static const struct {
                const char *text;
                bool keep_alive;
        } cases[] = {
                {"GET / HTTP/1.1\r\n\r\n", true},
                {"GET / HTTP/1.0\r\n\r\n", false},
                {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false},
                {"GET / HTTP/1.1\r\nconnection: CLOSE\r\n\r\n", false},
                {"GET / HTTP/1.1\r\nConnection: a\r\nConnection: b ,\tclose\r\n\r\n", false},
                {"GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", true},
                {"GET / HTTP/1.1\r\nConnection: ,,\r\n\r\n", true},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct http_head h;
                size_t used;

                assert_int_equal(parse(&h, cases[i].text, &used), 0);
                assert_int_equal(h.keep_alive, cases[i].keep_alive);
        }
}

static void what_could_be_read_in_two_ways(void **state)
{
        (void)state;
        is("GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", 0);
        is("GET / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\r\nA : b\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\r\n A: b\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\r\nA: b\nc: d\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\nA: b\n\n\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1\r\nA\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET /a b HTTP/1.1\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET /\xc3\xa4 HTTP/1.1\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET  / HTTP/1.1\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET * HTTP/1.1\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.1x\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/1.\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / http/1.1\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET /\r\n\r\n", HTTP_HEAD_E_BAD);
        is("GET / HTTP/2.0\r\n\r\n", HTTP_HEAD_E_VERSION);
        is("GET / HTTP/0.9\r\n\r\n", HTTP_HEAD_E_VERSION);
        is("\x16\x03\x01", HTTP_HEAD_E_BAD);
        is("\r\nGET / HTTP/1.1\r\n\r\n", 0);
        is("\r\n\r\nGET / HTTP/1.1\r\n\r\n", 0);
        is("\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", HTTP_HEAD_E_BAD);
}

static void limits(void **state)
{
        static char text[2 * HTTP_HEAD_MAX];
        struct http_head h;
        size_t used, n;

        (void)state;
        n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nA: %*s\r\n\r\n",
                (int)(HTTP_HEAD_MAX - strlen("GET / HTTP/1.1\r\nA: \r\n\r\n")), "x");
        assert_int_equal(n, HTTP_HEAD_MAX);
        assert_int_equal(http_head_parse(&h, text, n, &used), 0);
        assert_int_equal(used, n);
        memset(text, 'x', sizeof text);
        assert_int_equal(http_head_parse(&h, text, HTTP_HEAD_MAX - 1, &used), HTTP_HEAD_E_MORE);
        assert_int_equal(http_head_parse(&h, text, HTTP_HEAD_MAX, &used), HTTP_HEAD_E_TOO_LARGE);
        n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n");
        for (unsigned i = 0; i < HTTP_HEADERS_MAX; i++)
                n += (size_t)snprintf(text + n, sizeof text - n, "A: b\r\n");
        snprintf(text + n, sizeof text - n, "\r\n");
        is(text, 0);
        snprintf(text + n, sizeof text - n, "A: b\r\n\r\n");
        is(text, HTTP_HEAD_E_TOO_LARGE);
        assert_int_equal(
                parse(&h, "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n\r\n", &used), 0);
        assert_true(h.body_len > UINT32_MAX);
}

static void paths(void **state)
{
        static const struct {
                const char *path, *want; // NULL: refused
        } cases[] = {
                {"/credentials", "/credentials"}, {"/role-arn/arn%3Aaws%3aiam", "/role-arn/arn:aws:iam"},
                {"/%2e%2E/x", "/../x"}, {"/%25", "/%"}, {"/%", NULL}, {"/%4", NULL}, {"/%4g", NULL},
                {"/%00", NULL}, {"/%0a", NULL}, {"/%20", NULL}, {"/%7f", NULL}, {"/%c3%a4", NULL},
                {"/123456789012345", "/123456789012345"},
                {"/1234567890123456789012345678", NULL}, // longer than there is room for
        };
        char dst[24];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct http_text t = {cases[i].path, strlen(cases[i].path)};
                bool ok = http_path_decode(dst, sizeof dst, &t);

                if (ok != (cases[i].want != NULL) || (ok && strcmp(dst, cases[i].want) != 0))
                        fail_msg("%s: %s", cases[i].path, ok ? dst : "refused");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_an_sdk_sends),
                cmocka_unit_test(every_cut_wants_more),
                cmocka_unit_test(who_ends_the_connection),
                cmocka_unit_test(what_could_be_read_in_two_ways),
                cmocka_unit_test(limits),
                cmocka_unit_test(paths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
