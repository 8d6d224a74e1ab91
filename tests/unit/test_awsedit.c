// SPDX-License-Identifier: Apache-2.0
//
// Single lines go and come, and every other byte stays, whatever ends the lines.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "awsedit.h"
#include "fault.h"

static void check(const char *text, unsigned drop, unsigned also, const char *insert, const char *wanted)
{
        struct awsedit *e = NULL;
        struct buf out = BUF_INIT(1u << 16);

        assert_int_equal(awsedit_new(&e, text, strlen(text)), 0);
        awsedit_drop(e, drop);
        awsedit_drop(e, also);
        if (insert)
                assert_int_equal(awsedit_insert(e, drop, insert), 0);
        assert_int_equal(awsedit_write(e, &out), 0);
        assert_string_equal(buf_str(&out), wanted);
        buf_deinit(&out);
        awsedit_free(e);
}

static void test_lines(void **state)
{
        (void)state;
        check("", 0, 0, NULL, "");
        check("a\nb\nc", 0, 9, NULL, "a\nb\nc");
        check("a\nb\nc", 2, 0, NULL, "a\nc");
        check("a\nb\nc\n", 2, 3, "x", "a\nx\n");
        check("a\r\nb\r\nc\r\n", 2, 0, "x", "a\r\nx\r\nc\r\n");
        check("a\rb\rc", 2, 0, "x", "a\rx\rc");
        check("a\nb", 2, 0, "x", "a\nx\n");
        check("b", 1, 0, "x", "x");
}

static void test_what_continues_a_setting_goes_with_it(void **state)
{
        (void)state;
        check("a =\n  b = 1\n\n  c = 2\n\nd\n", 1, 0, NULL, "\nd\n");
        check("a =\n  b\n# why\nd\n", 1, 0, NULL, "# why\nd\n");
        check("a =\n  b\n# why\n  c\nd\n", 1, 0, NULL, "d\n");
        check("  a = 1\n  b = 2\n", 1, 0, NULL, "  b = 2\n");
}

static void test_the_diff(void **state)
{
        struct awsedit *e = NULL;
        struct buf out = BUF_INIT(1u << 16);

        (void)state;
        assert_int_equal(awsedit_new(&e, "1\n2\n3\n4\n5\n6\n", 12), 0);
        awsedit_drop(e, 2);
        awsedit_drop(e, 3);
        assert_int_equal(awsedit_insert(e, 2, "x"), 0);
        assert_int_equal(awsedit_insert(e, 2, "y"), -EINVAL);
        assert_int_equal(awsedit_insert(e, 7, "y"), -EINVAL);
        awsedit_drop(e, 5);
        assert_int_equal(awsedit_diff(e, &out, "f"), 0);
        assert_string_equal(
                buf_str(&out), "--- f\n+++ f\n@@ -2,2 +2,1 @@\n-2\n-3\n+x\n@@ -5,1 +3,0 @@\n-5\n");
        buf_deinit(&out);
        awsedit_free(e);
}

static int everything(void)
{
        struct awsedit *e = NULL;
        struct buf out = BUF_INIT(1u << 16);
        int r = awsedit_new(&e, "a\nb\n", 4);

        if (r == 0)
                r = awsedit_insert(e, 1, "x");
        if (r == 0)
                r = awsedit_write(e, &out);
        buf_deinit(&out);
        awsedit_free(e);
        return r;
}

static void test_out_of_memory(void **state)
{
        int r;

        (void)state;
        FAULT_EACH(100, r = everything())
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_what_continues_a_setting_goes_with_it),
                cmocka_unit_test(test_the_diff),
                cmocka_unit_test(test_out_of_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
