// SPDX-License-Identifier: Apache-2.0
//
// Session tokens that are remembered nowhere: good until they end, and not good when anything about them is another.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "imds_token.h"

#define NOW INT64_C(1000000)

static struct secret *key_of(const char *text)
{
        struct secret *s;

        assert_int_equal(secret_new_str(&s, text), 0);
        return s;
}

static void a_token_lives_as_long_as_it_says(void **state)
{
        cleanup_secret struct secret *key = key_of("the key of a test");
        char t[IMDS_TOKEN_LEN + 1];

        (void)state;
        assert_int_equal(imds_token_make(t, key, NOW + 60000), 0);
        assert_int_equal(strlen(t), IMDS_TOKEN_LEN);
        assert_true(imds_token_is_good(t, IMDS_TOKEN_LEN, key, NOW));
        assert_true(imds_token_is_good(t, IMDS_TOKEN_LEN, key, NOW + 59999));
        assert_false(imds_token_is_good(t, IMDS_TOKEN_LEN, key, NOW + 60000));
        // one of before the machine was started, by a clock that began again
        assert_false(imds_token_is_good(t, IMDS_TOKEN_LEN, key, NOW - 7 * 3600 * 1000));
}

static void no_changed_byte_no_cut_no_other_key(void **state)
{
        cleanup_secret struct secret *key = key_of("the key of a test"), *other = key_of("the key of a tesu");
        char t[IMDS_TOKEN_LEN + 1], more[IMDS_TOKEN_LEN + 2];

        (void)state;
        assert_int_equal(imds_token_make(t, key, NOW + 60000), 0);
        assert_false(imds_token_is_good(t, IMDS_TOKEN_LEN, other, NOW));
        for (size_t n = 0; n < IMDS_TOKEN_LEN; n++)
                assert_false(imds_token_is_good(t, n, key, NOW));
        memcpy(more, t, IMDS_TOKEN_LEN);
        more[IMDS_TOKEN_LEN] = 'A';
        assert_false(imds_token_is_good(more, IMDS_TOKEN_LEN + 1, key, NOW));
        for (size_t i = 0; i < IMDS_TOKEN_LEN; i++)
                for (unsigned c = 0; c < 256; c++) {
                        memcpy(more, t, IMDS_TOKEN_LEN);
                        more[i] = (char)c;
                        assert_int_equal(imds_token_is_good(more, IMDS_TOKEN_LEN, key, NOW), more[i] == t[i]);
                }
}

static void lifetimes(void **state)
{
        static const char *const bad[] = {
                "", "0", "00000", "21601", "99999", "100000", "-1", "+1", " 1", "1 ", "1.0", "x"};
        uint32_t s;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(imds_token_ttl(bad[i], strlen(bad[i]), &s));
        assert_true(imds_token_ttl("1", 1, &s));
        assert_int_equal(s, 1);
        assert_true(imds_token_ttl("21600", 5, &s));
        assert_int_equal(s, 21600);
}

static void out_of_memory_is_no_yes(void **state)
{
        cleanup_secret struct secret *key = key_of("the key of a test");
        char t[IMDS_TOKEN_LEN + 1];
        bool good = true;
        int r = 0;

        (void)state;
        FAULT_EACH(20, r = imds_token_make(t, key, NOW + 60000))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
        FAULT_EACH(20, good = imds_token_is_good(t, IMDS_TOKEN_LEN, key, NOW))
        assert_false(good);
        assert_true(good);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_token_lives_as_long_as_it_says),
                cmocka_unit_test(no_changed_byte_no_cut_no_other_key),
                cmocka_unit_test(lifetimes),
                cmocka_unit_test(out_of_memory_is_no_yes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
