// SPDX-License-Identifier: Apache-2.0
//
// The strict reader: what it refuses, that its sentences quote nothing, and the getters.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "json.h"

#include <stdio.h>

static int parse(const char *text, size_t n, struct err *err)
{
        cleanup_json json_t *j = NULL;
        int r = json_parse(&j, text, n, err);

        assert_true(r == 0 ? j != NULL : j == NULL);
        return r;
}

static void what_is_read(void **state)
{
        static const char *const good[] = {"{}", "[]", " {\"a\":1} \n", "{\"a\":{\"a\":1}}", "[\"[[[[{{{{\"]",
                "{\"a\":\"\\\"[{\"}", "{\"\\u00e9\":\"\\ud83d\\ude00\"}"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_int_equal(parse(good[i], strlen(good[i]), NULL), 0);
}

static void what_is_refused(void **state)
{
        static const char *const bad[] = {"", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "{} {}",
                "{}x", "1", "\"eyJSECRET\"", "null", "eyJSECRET", "{\"a\":eyJSECRET}", "{\"a\":NaN}",
                "{'a':1}", "{\"a\":\"\xff\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}", "{\"a\":1e999}",
                "{\"a\":99999999999999999999}", "{\"eyJSECRET\":1,\"eyJSECRET\":2}", "{\"a\":\"\n\"}",
                "// c\n{}", "\xef\xbb\xbf{}", "]", "}}}}", "{\"a\":\"eyJSECRET"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                assert_int_equal(parse(bad[i], strlen(bad[i]), &err), -EBADMSG);
                assert_true(err.text[0] != 0);
                assert_null(strstr(err.text, "SECRET"));
        }
        assert_int_equal(parse("{}\0", 3, NULL), -EBADMSG);
}

static void nesting_is_bounded_before_anything_recurses(void **state)
{
        char deep[20001];
        struct err err = ERR_INIT;

        (void)state;
        memset(deep, '[', 10000);
        memset(deep + 10000, ']', 10000);
        assert_int_equal(parse(deep, 20000, &err), -EBADMSG);
        assert_non_null(strstr(err.text, "nested"));
        memset(deep, '[', JSON_DEPTH_LIMIT);
        memset(deep + JSON_DEPTH_LIMIT, ']', JSON_DEPTH_LIMIT);
        assert_int_equal(parse(deep, 2 * JSON_DEPTH_LIMIT, NULL), 0);
        memset(deep, '[', JSON_DEPTH_LIMIT + 1);
        memset(deep + JSON_DEPTH_LIMIT + 1, ']', JSON_DEPTH_LIMIT + 1);
        assert_int_equal(parse(deep, 2 * JSON_DEPTH_LIMIT + 2, NULL), -EBADMSG);
        // Closing brackets that close nothing do not buy depth.
        memset(deep, ']', 5000);
        memset(deep + 5000, '[', 5000);
        assert_int_equal(parse(deep, 10000, NULL), -EBADMSG);
}

static void size_is_bounded(void **state)
{
        size_t n = JSON_SIZE_MAX + 1;
        char *p = malloc(n);
        struct err err = ERR_INIT;

        (void)state;
        assert_non_null(p);
        memset(p, ' ', n);
        memcpy(p, "{}", 2);
        assert_int_equal(parse(p, n - 1, NULL), 0);
        assert_int_equal(parse(p, n, &err), -EBADMSG);
        assert_non_null(strstr(err.text, "larger"));
        free(p);
}

static void getters_tell_absent_from_wrong(void **state)
{
        static const char text[] =
                "{\"s\":\"abc\",\"e\":\"\",\"z\":null,\"i\":-7,\"r\":3.0,\"f\":3.5,\"big\":1e17,"
                "\"t\":true,\"F\":false,\"max\":9223372036854775807,\"q\":\"5\",\"o\":{}}";
        cleanup_json json_t *j = NULL;
        const char *s = "untouched";
        int64_t i = 42;
        bool b = false;

        (void)state;
        assert_int_equal(json_parse(&j, text, strlen(text), NULL), 0);
        assert_int_equal(json_get_string(j, "s", 3, &s), 0);
        assert_string_equal(s, "abc");
        s = "untouched";
        assert_int_equal(json_get_string(j, "s", 2, &s), -EBADMSG);
        assert_int_equal(json_get_string(j, "i", 9, &s), -EBADMSG);
        assert_int_equal(json_get_string(j, "nope", 9, &s), -ENOENT);
        assert_int_equal(json_get_string(j, "z", 9, &s), -ENOENT);
        assert_int_equal(json_get_string(NULL, "z", 9, &s), -ENOENT);
        assert_string_equal(s, "untouched");
        assert_int_equal(json_get_string(j, "e", 0, &s), 0);
        assert_string_equal(s, "");

        assert_int_equal(json_get_int64(j, "f", &i), -EBADMSG);
        assert_int_equal(json_get_int64(j, "q", &i), -EBADMSG);
        assert_int_equal(json_get_int64(j, "t", &i), -EBADMSG);
        assert_int_equal(json_get_int64(j, "big", &i), -EBADMSG);
        assert_int_equal(json_get_int64(j, "z", &i), -ENOENT);
        assert_int_equal(i, 42);
        assert_int_equal(json_get_int64(j, "i", &i), 0);
        assert_int_equal(i, -7);
        assert_int_equal(json_get_int64(j, "r", &i), 0);
        assert_int_equal(i, 3);
        assert_int_equal(json_get_int64(j, "max", &i), 0);
        assert_true(i == INT64_MAX);

        assert_int_equal(json_get_bool(j, "t", &b), 0);
        assert_true(b);
        assert_int_equal(json_get_bool(j, "i", &b), -EBADMSG);
        assert_int_equal(json_get_bool(j, "o", &b), -EBADMSG);
        assert_int_equal(json_get_bool(j, "nope", &b), -ENOENT);
        assert_true(b);
        assert_int_equal(json_get_bool(j, "F", &b), 0);
        assert_false(b);
}

// A string with a NUL inside cannot come from json_parse; a getter refuses it all the same.
static void a_nul_inside_is_no_string(void **state)
{
        cleanup_json json_t *j = json_pack("{s:s#}", "s", "a\0b", 3);
        const char *s;

        (void)state;
        assert_non_null(j);
        assert_int_equal(json_get_string(j, "s", 10, &s), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_read),
                cmocka_unit_test(what_is_refused),
                cmocka_unit_test(nesting_is_bounded_before_anything_recurses),
                cmocka_unit_test(size_is_bounded),
                cmocka_unit_test(getters_tell_absent_from_wrong),
                cmocka_unit_test(a_nul_inside_is_no_string),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
