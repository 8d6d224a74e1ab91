// SPDX-License-Identifier: Apache-2.0
//
// What is kept of a body: in memory and in a file it is the same, it can be read again, and what does not fit is said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "sigv4_canon.h"
#include "spool.h"

#define BLOCKS_MAX 20

static char block[100000], all[BLOCKS_MAX * sizeof block], back[BLOCKS_MAX * sizeof block];

static void is_what_went_in(size_t blocks)
{
        struct spool *s = NULL;
        char sha[65], want[65];
        ssize_t n;

        assert_int_equal(spool_new(&s, 1u << 30), 0);
        for (size_t i = 0; i < blocks; i++) {
                memset(block, (int)('a' + i), sizeof block);
                memcpy(all + i * sizeof block, block, sizeof block);
                assert_int_equal(spool_add(s, block, sizeof block), 0);
        }
        assert_int_equal(spool_end(s, sha), 0);
        assert_int_equal(sigv4_sha256_hex(want, all, blocks * sizeof block), 0);
        assert_string_equal(sha, want);
        assert_int_equal(spool_size(s), blocks * sizeof block);
        for (int again = 0; again < 2; again++) {
                size_t at = 0;

                while ((n = spool_read(s, back + at, 7777)) > 0)
                        at += (size_t)n;
                assert_int_equal(n, 0);
                assert_int_equal(at, blocks * sizeof block);
                assert_memory_equal(back, all, at);
                spool_rewind(s);
        }
        spool_free(s);
}

static void in_memory_and_in_a_file(void **state)
{
        (void)state;
        is_what_went_in(0);
        is_what_went_in(1);
        is_what_went_in(2);
        is_what_went_in(3); // more than a quarter of a megabyte
        is_what_went_in(20);
}

static void a_limit(void **state)
{
        struct spool *s = NULL;

        (void)state;
        assert_int_equal(spool_new(&s, 10), 0);
        assert_int_equal(spool_add(s, "0123456789", 10), 0);
        assert_int_equal(spool_add(s, "", 0), 0);
        assert_int_equal(spool_add(s, "x", 1), -EFBIG);
        assert_int_equal(spool_size(s), 10);
        assert_null(spool_free(s));
        assert_null(spool_free(NULL));
}

static void a_folder_that_takes_nothing(void **state)
{
        struct spool *s = NULL;

        (void)state;
        setenv("TMPDIR", "/proc", 1);
        assert_int_equal(spool_new(&s, 1u << 30), 0);
        assert_int_equal(spool_add(s, block, sizeof block), 0);
        assert_int_equal(spool_add(s, block, sizeof block), 0);
        assert_true(spool_add(s, block, sizeof block) < 0);
        spool_free(s);
        unsetenv("TMPDIR");
}

static void no_memory(void **state)
{
        struct spool *s = NULL;
        int r = 0;

        (void)state;
        FAULT_EACH(20, r = spool_new(&s, 10))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(spool_add(s, "x", 1), 0);
        spool_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(in_memory_and_in_a_file),
                cmocka_unit_test(a_limit),
                cmocka_unit_test(a_folder_that_takes_nothing),
                cmocka_unit_test(no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
