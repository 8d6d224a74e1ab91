// SPDX-License-Identifier: Apache-2.0
//
// Lines for a terminal: broken at blanks, under what they belong to, and nothing lost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "wrap.h"

#include <string.h>

static void is(const char *text, size_t width, size_t hang, const char *want)
{
        cleanup_buf struct buf out = BUF_INIT(1u << 16);

        assert_int_equal(wrap_text(&out, text, width, hang), 0);
        assert_string_equal(buf_str(&out), want);
}

static void what_fits_is_as_it_was(void **state)
{
        (void)state;
        is("", 10, 0, "");
        is("\n\n", 10, 0, "\n\n");
        is("ten chars.\n", 10, 0, "ten chars.\n");
        is("  a   b  \nc", 10, 0, "  a   b  \nc");
        is("a sentence of any length, without a terminal", 0, 0,
                "a sentence of any length, without a terminal");
        is("zwölf Zeichn", 12, 0, "zwölf Zeichn"); // characters, not bytes
}

static void sentences_go_on_below(void **state)
{
        (void)state;
        is("one two three four\n", 10, 0, "one two\nthree four\n");
        is("  one two three\n", 10, 0, "  one two\n  three\n");
        is("Usage: valetkey exec ROLE", 16, 7, "Usage: valetkey\n       exec ROLE");
        is("one  two three", 10, 0, "one  two\n     three");
        is("one  two three", 8, 0, "one  two\nthree"); // where a head takes most of the room
}

static void an_option_is_told_in_its_column(void **state)
{
        (void)state;
        is("  --min-ttl SECONDS  life wanted of them\n  --help             this text\n", 32, 0,
                "  --min-ttl SECONDS  life wanted\n    of them\n  --help             this text\n");
        is("  --x  life wanted of them\n", 18, 0, "  --x  life wanted\n       of them\n");
}

static void a_word_stays_whole(void **state)
{
        (void)state;
        is("see https://login.example.com/a/long/address now", 20, 0,
                "see\nhttps://login.example.com/a/long/address\nnow");
        is("arn:aws:iam::123456789012:role/dev", 10, 0, "arn:aws:iam::123456789012:role/dev");
}

static void no_width_is_too_small(void **state)
{
        (void)state;
        for (size_t width = 1; width < 12; width++)
                for (size_t hang = 0; hang < 12; hang++) {
                        cleanup_buf struct buf out = BUF_INIT(1u << 16);
                        size_t letters = 0;

                        assert_int_equal(wrap_text(&out, "  --opt  a b  c\nd e f\n", width, hang), 0);
                        for (size_t i = 0; i < out.n; i++)
                                letters += out.p[i] >= 'a' && out.p[i] <= 'f';
                        assert_int_equal(letters, 6);
                }
}

static void memory_that_runs_out_is_said(void **state)
{
        char text[4096];
        int r = 0;

        (void)state;
        for (size_t i = 0; i < sizeof text - 1; i++)
                text[i] = i % 5 == 4 ? ' ' : 'x';
        text[sizeof text - 1] = 0;
        for (size_t max = 0; max < 4096; max += 512) {
                cleanup_buf struct buf out = BUF_INIT(max);

                assert_int_equal(wrap_text(&out, text, 40, 0), -EMSGSIZE);
        }
        cleanup_buf struct buf out = BUF_INIT(1u << 16);
        FAULT_EACH(50, r = wrap_text(&out, text, 40, 0))
        {
                assert_int_equal(r, -ENOMEM);
                buf_deinit(&out);
                out = BUF_INIT(1u << 16);
        }
        assert_int_equal(r, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_fits_is_as_it_was),
                cmocka_unit_test(sentences_go_on_below),
                cmocka_unit_test(an_option_is_told_in_its_column),
                cmocka_unit_test(a_word_stays_whole),
                cmocka_unit_test(no_width_is_too_small),
                cmocka_unit_test(memory_that_runs_out_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
