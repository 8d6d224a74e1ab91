// SPDX-License-Identifier: Apache-2.0
//
// The rotation schedule against the refresh windows of the SDKs it has to outlive.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "schedule.h"

#include <stdlib.h>
#include <string.h>

#define MIN INT64_C(60000)

// What botocore (dynamic table, legacy IMDS with its extension), Java and .NET want left, in milliseconds.
static int64_t largest_window(int64_t lifetime)
{
        if (lifetime >= 90 * MIN)
                return 60 * MIN;
        return lifetime > 50 * MIN ? 25 * MIN : lifetime / 2;
}

static void what_is_served_outlives_every_sdk_window(void **state)
{
        (void)state;
        for (int64_t life = 1000; life <= 12 * 60 * MIN; life += life < 10 * MIN ? 997 : 30011) {
                for (unsigned j = 0; j < 4; j++) {
                        uint32_t jitter = j == 3 ? UINT32_MAX : j * 0x40000000u;
                        int64_t at = schedule_rotate_in_ms(life, jitter);

                        assert_true(at > 0);
                        assert_true(at < life);
                        if (life >= 60 * MIN)
                                assert_true(life - at - schedule_understate_ms(life) >= largest_window(life));
                }
        }
        assert_int_equal(schedule_rotate_in_ms(12 * 60 * MIN, 0), (12 * 60 - 70) * MIN);
        assert_int_equal(schedule_rotate_in_ms(90 * MIN, 0), 20 * MIN);
        assert_int_equal(schedule_rotate_in_ms(60 * MIN, 0), 30 * MIN);
        assert_int_equal(schedule_rotate_in_ms(15 * MIN, 0), 15 * MIN / 2);
        assert_int_equal(schedule_rotate_in_ms(3000, 0), 1500);
        assert_int_equal(schedule_rotate_in_ms(0, 0), 0);
        assert_int_equal(schedule_rotate_in_ms(-5, 7), 0);
}

// ---- a thousand hosts that signed in within ten seconds

#define HOSTS     1000
#define ROTATIONS 6
#define FLEETS    40

static uint32_t dice(uint64_t *seed)
{
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(*seed >> 32);
}

static int by_time(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return x < y ? -1 : x > y;
}

// The most that fall into any one second, wherever it begins.
static unsigned most_in_a_second(int64_t *at_ms, size_t n)
{
        unsigned most = 0;

        qsort(at_ms, n, sizeof *at_ms, by_time);
        for (size_t first = 0, i = 0; i < n; i++) {
                while (at_ms[i] - at_ms[first] >= 1000)
                        first++;
                if (i - first + 1 > most)
                        most = (unsigned)(i - first + 1);
        }
        return most;
}

// Lives a fleet: each host signs in somewhere in the ten seconds, or all at their very beginning, and rotates.
static unsigned live(int64_t life, bool together, uint64_t seed, unsigned *ret_first)
{
        static int64_t all[HOSTS * ROTATIONS], first[HOSTS];
        size_t n = 0;

        for (size_t host = 0; host < HOSTS; host++) {
                int64_t now = together ? 0 : dice(&seed) % 10000;

                for (unsigned i = 0; i < ROTATIONS; i++) {
                        now += schedule_rotate_in_ms(life, dice(&seed));
                        all[n++] = now;
                        if (i == 0)
                                first[host] = now;
                }
        }
        *ret_first = most_in_a_second(first, HOSTS);
        return most_in_a_second(all, n);
}

// No second of the next rotation, nor of any after it, holds more than 2 % of them.
static void a_thousand_hosts_do_not_meet_again(void **state)
{
        static const int64_t lives[] = {15 * MIN, 30 * MIN, 60 * MIN, 90 * MIN, 120 * MIN, 720 * MIN};

        (void)state;
        for (size_t k = 0; k < sizeof lives / sizeof *lives; k++) {
                for (uint64_t fleet = 0; fleet < FLEETS; fleet++) {
                        unsigned first, all = live(lives[k], fleet % 2, 42 + fleet * 7919, &first);

                        assert_in_range(first, 3, HOSTS / 50);
                        assert_in_range(all, first, HOSTS / 50);
                }
        }
}

static void backoff_grows_to_a_bound_and_fits_into_the_life_that_is_left(void **state)
{
        (void)state;
        for (unsigned n = 1; n < 40; n++) {
                int64_t least = schedule_backoff_ms(n, true, 0, 0), most;

                most = schedule_backoff_ms(n, true, 0, UINT32_MAX);
                assert_true(least >= 125);
                assert_true(most <= 60000);
                assert_true(most > least);
                assert_true(schedule_backoff_ms(n, true, 2000, UINT32_MAX) <= 500);
                assert_true(schedule_backoff_ms(n, false, 0, 0) >= 5000);
                assert_true(schedule_backoff_ms(n, false, 0, UINT32_MAX) <= 300000);
        }
        assert_true(schedule_backoff_ms(1, true, 0, UINT32_MAX) <= 1000);
        assert_true(schedule_backoff_ms(7, true, 0, 0) == 30000);
        assert_true(schedule_backoff_ms(UINT32_MAX, false, 0, 0) == 150000);
}

static void expiry_is_understated_but_never_by_much_of_a_short_life(void **state)
{
        (void)state;
        assert_int_equal(schedule_understate_ms(60 * MIN), 120000);
        assert_int_equal(schedule_understate_ms(15 * MIN), 120000);
        assert_int_equal(schedule_understate_ms(15 * MIN - 1), 89999);
        assert_int_equal(schedule_understate_ms(3000), 300);
        assert_int_equal(schedule_understate_ms(0), 0);
        assert_int_equal(schedule_understate_ms(-1), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_served_outlives_every_sdk_window),
                cmocka_unit_test(a_thousand_hosts_do_not_meet_again),
                cmocka_unit_test(backoff_grows_to_a_bound_and_fits_into_the_life_that_is_left),
                cmocka_unit_test(expiry_is_understated_but_never_by_much_of_a_short_life),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
