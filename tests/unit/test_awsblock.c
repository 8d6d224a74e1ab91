// SPDX-License-Identifier: Apache-2.0
//
// The block in ~/.aws/config: setting and dropping leave every byte of others where it was, and what cannot be told apart is
// refused by its line.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "awsblock.h"
#include "fault.h"

#define SHIM "/usr/bin/valetkey-credential-process "

static struct awsblock *read_block(const char *text)
{
        struct awsblock *b = NULL;
        struct err err = ERR_INIT;
        unsigned line;

        assert_int_equal(awsblock_read(&b, text, text ? strlen(text) : 0, &line, &err), 0);
        return b;
}

static char *written(const struct awsblock *b, bool *gone)
{
        struct buf out = BUF_INIT(1u << 20);
        char *s;

        assert_int_equal(awsblock_write(b, &out, gone), 0);
        assert_int_equal(buf_take_str(&out, &s), 0);
        return s;
}

static char *set(const char *text, const char *name, const char *region)
{
        struct awsblock *b = read_block(text);
        bool gone;
        char *s;

        assert_int_equal(awsblock_set(b, name, SHIM "dev", region), 1);
        assert_int_equal(awsblock_set(b, name, SHIM "dev", region), 0);
        s = written(b, &gone);
        assert_false(gone);
        awsblock_free(b);
        return s;
}

static const char *const befores[] = {NULL, "", "\n", "[default]\nregion = x\n", "[default]\nregion = x",
        "[default]\r\nregion = x\r\n", "[default]\r\nregion = x", "# only a comment", "a\r", "\r\na\r", "\r",
        "s3 =\n  a = b\n\n\n"};

static void test_dropping_restores(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(befores); i++) {
                const char *before = befores[i] ? befores[i] : "";
                char *one = set(befores[i], "dev", "eu-central-1"), *two = set(one, "team/prod", NULL), *s;
                struct awsblock *b = read_block(two);
                bool gone;

                assert_int_equal(strncmp(two, before, strlen(before)), 0);
                assert_int_equal(b->n_profiles, 2);
                assert_string_equal(awsblock_find(b, "dev")->region, "eu-central-1");
                assert_null(awsblock_find(b, "team/prod")->region);
                s = written(b, &gone);
                assert_string_equal(s, two); // reading and writing changes nothing
                free(s);
                assert_true(awsblock_drop(b, "dev"));
                assert_false(awsblock_drop(b, "dev"));
                assert_true(awsblock_drop(b, "team/prod"));
                s = written(b, &gone);
                assert_string_equal(s, before);
                assert_int_equal(gone, befores[i] == NULL);
                free(s);
                awsblock_free(b);
                free(one);
                free(two);
        }
}

static void test_what_comes_behind_stays(void **state)
{
        char *one = set("[a]", "dev", NULL), *more, *s;
        struct awsblock *b;
        bool gone;

        (void)state;
        assert_true(asprintf(&more, "%s\n[profile mine]\nregion = y", one) > 0);
        b = read_block(more);
        assert_int_equal(awsblock_set(b, "dev", "other", NULL), 1);
        awsblock_drop(b, "dev");
        s = written(b, &gone);
        assert_string_equal(s, "[a]\n\n[profile mine]\nregion = y"); // what is written now keeps lines apart
        free(s);
        awsblock_free(b);
        free(more);
        free(one);
}

static void test_others_lines_are_kept(void **state)
{
        static const char text[] =
                "# >>> valetkey configure >>>\n[profile dev]\n# mine\ncredential_process = old\n"
                "output = json\n  \n# <<< valetkey configure <<<\n";
        struct awsblock *b = read_block(text);
        bool gone;
        char *s;

        (void)state;
        assert_int_equal(awsblock_find(b, "dev")->others_line, 3);
        assert_int_equal(awsblock_set(b, "dev", "new", "eu-west-1"), 1);
        s = written(b, &gone);
        assert_string_equal(s,
                "# >>> valetkey configure >>>\n[profile dev]\ncredential_process = new\n"
                "region = eu-west-1\n# mine\noutput = json\n  \n# <<< valetkey configure <<<\n");
        free(s);
        awsblock_free(b);
}

static void test_the_default_profile(void **state)
{
        char *s = set("", "default", NULL);

        (void)state;
        assert_non_null(strstr(s, "\n[default]\n"));
        free(s);
}

static void test_names(void **state)
{
        (void)state;
        assert_true(awsblock_is_name("payments/dev-1.x"));
        assert_false(awsblock_is_name("") || awsblock_is_name("a b") || awsblock_is_name("a=b"));
        assert_false(awsblock_is_name("a]") || awsblock_is_name("DEFAULT") || awsblock_is_name("a\nb"));
}

#define B "# >>> valetkey configure >>>\n"
#define E "# <<< valetkey configure <<<\n"

static void test_what_cannot_be_told_apart_is_refused(void **state)
{
        static const struct {
                const char *text;
                size_t n; // 0: to its end
                unsigned line;
        } cases[] = {
                {"x\n" B "[profile dev]\n", 0, 2},
                {"x\n" E, 0, 2},
                {B E B E, 0, 3},
                {B B E E, 0, 2},
                {B "stray = 1\n" E, 0, 2},
                {B "[sso-session x]\n" E, 0, 2},
                {B "[profile a b]\n" E, 0, 2},
                {B "[profile dev]\n[profile dev]\n" E, 0, 3},
                {B "[profile dev]\n" E "\n# why\n output = json\n", 0, 6},
                {"a\n\0b\n", 5, 2},
                {B "[profile a\0b]\n" E, sizeof B "[profile a\0b]\n" E - 1, 2},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct awsblock *b = NULL;
                struct err err = ERR_INIT;
                unsigned line = 0;
                size_t n = cases[i].n ? cases[i].n : strlen(cases[i].text);

                assert_int_equal(awsblock_read(&b, cases[i].text, n, &line, &err), -EBADMSG);
                assert_int_equal(line, cases[i].line);
                assert_true(err.text[0]);
        }
}

static int everything(void)
{
        static const char text[] = B "[profile x]\nregion = y\noutput = z\n" E;
        struct awsblock *b = NULL;
        struct buf out = BUF_INIT(1u << 20);
        unsigned line;
        bool gone;
        int r = awsblock_read(&b, text, sizeof text - 1, &line, NULL);

        if (r == 0)
                r = awsblock_set(b, "x", "new", "r");
        if (r >= 0)
                r = awsblock_set(b, "dev", "new", "r");
        if (r >= 0)
                r = awsblock_write(b, &out, &gone);
        buf_deinit(&out);
        awsblock_free(b);
        return r;
}

static void test_out_of_memory(void **state)
{
        int r;

        (void)state;
        FAULT_EACH(200, r = everything())
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dropping_restores),
                cmocka_unit_test(test_what_comes_behind_stays),
                cmocka_unit_test(test_others_lines_are_kept),
                cmocka_unit_test(test_the_default_profile),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_what_cannot_be_told_apart_is_refused),
                cmocka_unit_test(test_out_of_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
