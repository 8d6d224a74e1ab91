// SPDX-License-Identifier: Apache-2.0
//
// The floor of lib/: secrets that vanish, buffers that end, errors that keep their origin, clocks that turn.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "buf.h"
#include "clock.h"
#include "err.h"
#include "fault.h"
#include "secret.h"
#include "zalloc.h"

struct seen {
        const void *block;
        bool found, dirty;
};

static void watch(const void *p, size_t n, void *arg)
{
        struct seen *s = arg;

        if (p != s->block)
                return;
        s->found = true;
        for (size_t i = 0; i < n; i++)
                s->dirty |= ((const char *)p)[i] != 0;
}

static void secret_is_cleared_to_its_last_byte(void **state)
{
        char text[100];
        struct seen seen = {0};
        struct secret *s;

        (void)state;
        memset(text, 'x', sizeof text);
        for (size_t n = 0; n <= sizeof text; n++) {
                assert_int_equal(secret_new(&s, text, n), 0);
                seen = (struct seen){.block = s};
                // What malloc gave beyond the request is not ours; fill what is.
                fault_watch_free(watch, &seen);
                assert_null(secret_free(s));
                fault_watch_free(NULL, NULL);
                assert_true(seen.found);
                assert_false(seen.dirty);
        }
}

static void secret_take_clears_the_source(void **state)
{
        char *p = strdup("token");
        struct seen seen = {.block = p};
        struct secret *s = NULL;

        (void)state;
        fault_watch_free(watch, &seen);
        assert_int_equal(secret_new_take(&s, &p, 5), 0);
        fault_watch_free(NULL, NULL);
        assert_null(p);
        assert_true(seen.found);
        // The first five bytes are gone; the rest of the block never held any.
        assert_string_equal(secret_str(s), "token");
        assert_true(secret_eq_bytes(s, "token", 5));
        assert_false(secret_eq_bytes(s, "token", 4));
        assert_false(secret_eq(NULL, NULL));
        secret_free(s);
}

static void buffer_stops_at_its_maximum_and_stays_stopped(void **state)
{
        struct buf b = BUF_INIT(10);
        char *s = NULL;

        (void)state;
        assert_int_equal(buf_append_str(&b, "0123456789"), 0);
        assert_int_equal(buf_append_char(&b, 'x'), -EMSGSIZE);
        assert_int_equal(buf_append(&b, "", 0), -EMSGSIZE);
        assert_int_equal(buf_take_str(&b, &s), -EMSGSIZE);
        buf_reset(&b);
        assert_int_equal(buf_printf(&b, "%d", 42), 0);
        assert_string_equal(buf_str(&b), "42");
        assert_int_equal(buf_take_str(&b, &s), 0);
        assert_string_equal(s, "42");
        free(s);
        buf_deinit(&b);
        buf_deinit(&b);
}

static void buffer_leaves_nothing_behind_when_it_grows(void **state)
{
        struct buf b = BUF_INIT(1 << 20);
        struct seen seen;

        (void)state;
        buf_append_str(&b, "secret-secret");
        for (int i = 0; i < 12; i++) {
                const char *old = b.p;

                seen = (struct seen){.block = old};
                fault_watch_free(watch, &seen);
                while (b.p == old)
                        buf_append_str(&b, "secret-secret");
                fault_watch_free(NULL, NULL);
                assert_true(seen.found);
                assert_false(seen.dirty);
        }
        seen = (struct seen){.block = b.p};
        fault_watch_free(watch, &seen);
        buf_deinit(&b);
        fault_watch_free(NULL, NULL);
        assert_true(seen.found);
        assert_false(seen.dirty);
}

static int build(struct secret **ret)
{
        cleanup_buf struct buf b = BUF_INIT(4096);

        for (int i = 0; i < 100; i++)
                buf_printf(&b, "%d,", i);
        return buf_take_secret(&b, ret);
}

static void every_allocation_may_fail(void **state)
{
        struct secret *s = NULL;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(100, r = build(&s))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(s);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 4);
        secret_free(s);
}

static void zrealloc_clears_what_it_leaves(void **state)
{
        char *p = malloc(100);
        struct seen seen = {.block = p};

        (void)state;
        memset(p, 's', 100);
        memset(p, 's', 100);
        fault_watch_free(watch, &seen);
        p = zrealloc(p, 5000);
        fault_watch_free(NULL, NULL);
        assert_true(seen.found);
        assert_false(seen.dirty);
        assert_int_equal(p[99], 's');
        zfree(p);
}

static void the_first_error_text_is_kept(void **state)
{
        struct err e = ERR_INIT;

        (void)state;
        err_set(&e, "line %d is wrong", 7);
        err_set(&e, "something failed");
        assert_string_equal(e.text, "line 7 is wrong");
        err_prefix(&e, "%s: ", "valetkey.conf");
        assert_string_equal(e.text, "valetkey.conf: line 7 is wrong");
        for (int i = 0; i < 100; i++)
                err_prefix(&e, "%s", "0123456789");
        assert_int_equal(strlen(e.text), ERR_MAX - 1);
        err_set(NULL, "nobody listens");
}

static void foreign_text_cannot_command_a_terminal(void **state)
{
        char out[64];

        (void)state;
        err_sanitise(out, sizeof out, "a\033[2Jb\nc\x9b", 8);
        assert_string_equal(out, "a?[2Jb?c");
        assert_string_equal(err_sanitise(out, sizeof out, "Gr\xc3\xbc\xc3\x9f", 6), "Gr\xc3\xbc\xc3\x9f");
        assert_string_equal(err_sanitise(out, sizeof out, "x\xe2\x80\xaey", 5), "x?y"); // bidi override
        assert_string_equal(
                err_sanitise(out, sizeof out, "\xc0\xaf\xed\xa0\x80", 5), "?????"); // overlong, surrogate
        assert_string_equal(err_sanitise(out, 4, "abcdef", 6), "abc");
        assert_string_equal(err_sanitise(out, 3, "a\xc3\xbc", 3), "a"); // never half a character
}

static void a_fake_clock_turns(void **state)
{
        struct clock_fake c;

        (void)state;
        clock_fake_init(&c, 1000);
        clock_fake_advance_ms(&c, 1500);
        assert_int_equal(clock_wall_s(&c.clock), 1001);
        clock_fake_step_wall_ms(&c, -1000);
        assert_int_equal(c.clock.wall_ms(&c.clock), 1000500);
        assert_int_equal(c.clock.boot_ms(&c.clock), 2500);
        assert_true(clock_wall_s(&clock_system) > 1700000000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(secret_is_cleared_to_its_last_byte),
                cmocka_unit_test(secret_take_clears_the_source),
                cmocka_unit_test(buffer_stops_at_its_maximum_and_stays_stopped),
                cmocka_unit_test(buffer_leaves_nothing_behind_when_it_grows),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(zrealloc_clears_what_it_leaves),
                cmocka_unit_test(the_first_error_text_is_kept),
                cmocka_unit_test(foreign_text_cannot_command_a_terminal),
                cmocka_unit_test(a_fake_clock_turns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
