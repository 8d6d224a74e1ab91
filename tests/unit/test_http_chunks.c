// SPDX-License-Identifier: Apache-2.0
//
// Bodies in chunks: whole, byte by byte, and those that two readers could read in two ways. And the heads that announce them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "buf.h"
#include "http_chunks.h"

// What text holds when it comes in pieces of that size; *ret_left is what follows its end. 1: it does not end.
static int read_in(struct buf *out, const char *text, size_t n, size_t piece, size_t *ret_left)
{
        struct http_chunks c = {0};

        for (size_t at = 0; at < n;) {
                size_t k = n - at < piece ? n - at : piece, used = 0;
                struct http_text data;

                if (http_chunks_read(&c, text + at, k, &used, &data) < 0)
                        return -1;
                assert_true(used > 0 || c.state == HTTP_CHUNKS_END);
                assert_int_equal(buf_append(out, data.p, data.n), 0);
                at += used;
                *ret_left = n - at;
                if (c.state == HTTP_CHUNKS_END)
                        return 0;
        }
        return 1;
}

static void whole_and_in_pieces(void **state)
{
        static const char text[] =
                "5\r\nhello\r\n0a ; x=\"y\"\r\n, 0\r\nworld\r\n1;e\r\n!\r\n0\r\nX-Sum: 1\r\n\r\nGET /";

        (void)state;
        for (size_t piece = 1; piece <= sizeof text; piece++) {
                struct buf out = BUF_INIT(100);
                size_t left = 0;

                assert_int_equal(read_in(&out, text, sizeof text - 1, piece, &left), 0);
                assert_string_equal(buf_str(&out), "hello, 0\r\nworld!");
                assert_int_equal(left, 5);
                buf_deinit(&out);
        }
}

static void nothing_and_half(void **state)
{
        struct buf out = BUF_INIT(100);
        size_t left = 1;

        (void)state;
        assert_int_equal(read_in(&out, "0\r\n\r\n", 5, 5, &left), 0);
        assert_int_equal(left, 0);
        assert_int_equal(out.n, 0);
        assert_int_equal(read_in(&out, "5\r\nhel", 6, 6, &left), 1);
        assert_int_equal(read_in(&out, "0\r\n", 3, 3, &left), 1);
        assert_int_equal(read_in(&out, "0\r\nA: b\r\n", 9, 9, &left), 1);
        buf_deinit(&out);
}

static void what_is_no_chunk(void **state)
{
        static const char *const bad[] = {"\r\n", "x\r\n", " 5\r\nhello\r\n", "+5\r\nhello\r\n",
                "0x5\r\nhello\r\n", "5\nhello\r\n", "5\r\nhello\n", "5\r\nhello5\r\n", "5\r\rhello",
                "1000000000000000\r\n", "ffffffffffffffffffffffff\r\n", "5;\n\r\n", "5 \001\r\n",
                "0\r\nA\nB\r\n\r\n", "0\r\n\n", "0\r\nA\r\r\n", "-1\r\n", ";\r\n"};
        char line[HTTP_CHUNKS_TRAILER_MAX + 200];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                for (size_t piece = 1; piece < 20; piece += 18) {
                        struct buf out = BUF_INIT(100);
                        size_t left;

                        if (read_in(&out, bad[i], strlen(bad[i]), piece, &left) != -1)
                                fail_msg("%s", bad[i]);
                        buf_deinit(&out);
                }
        memset(line, ' ', sizeof line);
        for (int trailer = 0; trailer < 2; trailer++) {
                struct buf out = BUF_INIT(100);
                size_t left;

                memcpy(line, trailer ? "0\r\n" : "5  ", 3);
                assert_int_equal(read_in(&out, line, sizeof line, 4096, &left), -1);
                buf_deinit(&out);
        }
}

static int head(const char *text, struct http_head *h)
{
        size_t used;

        return http_head_parse_any(h, text, strlen(text), 200, &used);
}

static void heads_that_announce_them(void **state)
{
        static const char *const bad[] = {
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                "POST / HTTP/1.1\nHost: a\n\n",
                "\nPOST",
        };
        char longer[400] = "GET / HTTP/1.1\r\nA: ";
        struct http_head h;
        size_t used;

        (void)state;
        assert_int_equal(head("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n", &h), 0);
        assert_true(h.chunked && h.keep_alive && !h.http10);
        assert_int_equal(head("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n", &h), 0);
        assert_true(!h.chunked && h.http10 && h.body_len == 3);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(head(bad[i], &h), HTTP_HEAD_E_BAD);
        assert_int_equal(
                http_head_parse(&h, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 48, &used),
                HTTP_HEAD_E_BAD);
        memset(longer + strlen(longer), 'a', 300);
        assert_int_equal(head(longer, &h), HTTP_HEAD_E_TOO_LARGE);
        assert_int_equal(head("GET / HTTP/1.1\r", &h), HTTP_HEAD_E_MORE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whole_and_in_pieces),
                cmocka_unit_test(nothing_and_half),
                cmocka_unit_test(what_is_no_chunk),
                cmocka_unit_test(heads_that_announce_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
