// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>

#include "fault.h"
#include "fdio.h"

static int pair[2];

static int setup(void **state)
{
        (void)state;
        return pipe2(pair, O_CLOEXEC);
}

static int teardown(void **state)
{
        (void)state;
        close(pair[0]);
        if (pair[1] >= 0)
                close(pair[1]);
        return 0;
}

static void what_is_written_is_read(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(60000);
        char text[50000];

        (void)state;
        memset(text, 'x', sizeof text);
        assert_int_equal(fdio_write(pair[1], text, sizeof text), 0);
        close(pair[1]);
        pair[1] = -1;
        assert_int_equal(fdio_read(&b, pair[0]), 0);
        assert_int_equal(b.n, sizeof text);
        assert_memory_equal(b.p, text, sizeof text);
        assert_int_equal(fdio_read(&b, pair[0]), 0); // the end again
        assert_int_equal(b.n, sizeof text);
}

static void more_than_there_is_room_for_is_refused(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(4);

        (void)state;
        assert_int_equal(fdio_write(pair[1], "12345", 5), 0);
        assert_int_equal(fdio_read(&b, pair[0]), -EMSGSIZE);
}

static void a_descriptor_that_cannot_says_why(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(4);

        (void)state;
        assert_int_equal(fdio_read(&b, pair[1]), -EBADF);
        assert_int_equal(fdio_write(pair[0], "x", 1), -EBADF);
        assert_int_equal(fdio_write(pair[0], "", 0), 0);
        assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(fdio_read(&b, pair[0]), -EAGAIN);
}

static void memory_that_runs_out_is_said(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(100);

        (void)state;
        assert_int_equal(fdio_write(pair[1], "x", 1), 0);
        int r = 0;

        fault_fail_nth(1);
        r = fdio_read(&b, pair[0]);
        assert_true(fault_struck());
        assert_int_equal(r, -ENOMEM);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
                cmocka_unit_test_setup_teardown(more_than_there_is_room_for_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(a_descriptor_that_cannot_says_why, setup, teardown),
                cmocka_unit_test_setup_teardown(memory_that_runs_out_is_said, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
