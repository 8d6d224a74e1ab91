// SPDX-License-Identifier: Apache-2.0
//
// How many sign-ins begin within a minute.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pace.h"

#include <stdio.h>

static struct clock_fake now;
static struct pace *l;

static int up(void **state)
{
        (void)state;
        clock_fake_init(&now, 1800000000);
        return pace_new(&l, &now.clock);
}

static int down(void **state)
{
        (void)state;
        l = pace_free(l);
        return 0;
}

static void of_one_user_and_of_one_host(void **state)
{
        const struct config_signin c = {.max_starts_per_user = 2, .max_starts_per_rhost = 3};

        (void)state;
        assert_true(pace_allows(l, &c, 0, "alice", "h1"));
        clock_fake_advance_ms(&now, 30000);
        assert_true(pace_allows(l, &c, 0, "alice", "h1"));
        assert_false(pace_allows(l, &c, 0, "alice", "h2"));
        assert_false(pace_allows(l, &c, 0, "alice", NULL));
        assert_true(pace_allows(l, &c, 0, "alic", "h1"));
        assert_false(pace_allows(l, &c, 0, "bob", "h1"));
        assert_true(pace_allows(l, &c, 0, "bob", "h"));
        clock_fake_advance_ms(&now, 29999);
        assert_false(pace_allows(l, &c, 0, "alice", "h2"));
        clock_fake_advance_ms(&now, 1); // the first one's minute is over
        assert_true(pace_allows(l, &c, 0, "alice", "h1"));
        assert_false(pace_allows(l, &c, 0, "alice", "h2"));
}

// A refusal is not counted: who goes on trying is not kept out by it.
static void a_refusal_is_no_start(void **state)
{
        const struct config_signin c = {.max_starts_per_user = 1, .max_starts_per_rhost = 1};

        (void)state;
        assert_true(pace_allows(l, &c, 0, "alice", "h"));
        for (int i = 0; i < 59; i++) {
                clock_fake_advance_ms(&now, 1000);
                assert_false(pace_allows(l, &c, 0, "alice", "h"));
        }
        clock_fake_advance_ms(&now, 1000);
        assert_true(pace_allows(l, &c, 0, "alice", "h"));
}

// Who is somebody else does not use up what one may begin.
static void each_kind_is_counted_for_itself(void **state)
{
        const struct config_signin c = {.max_starts_per_user = 1, .max_starts_per_rhost = 9};

        (void)state;
        for (unsigned kind = 0; kind < 3; kind++) {
                assert_true(pace_allows(l, &c, kind, "alice", "h"));
                assert_false(pace_allows(l, &c, kind, "alice", "h"));
        }
}

static void at_the_machine_itself_no_host_is_counted(void **state)
{
        const struct config_signin c = {.max_starts_per_user = 5, .max_starts_per_rhost = 1};

        (void)state;
        for (int i = 0; i < 5; i++)
                assert_true(pace_allows(l, &c, 0, "alice", NULL));
        assert_false(pace_allows(l, &c, 0, "alice", NULL));
        assert_true(pace_allows(l, &c, 0, "bob", NULL));
}

static void in_all(void **state)
{
        const struct config_signin c = {
                .max_starts_per_user = CONFIG_STARTS_MAX, .max_starts_per_rhost = CONFIG_STARTS_MAX};
        char user[32];

        (void)state;
        for (unsigned i = 0; i < CONFIG_STARTS_MAX; i++) {
                snprintf(user, sizeof user, "u%u", i);
                assert_true(pace_allows(l, &c, 0, user, user));
                clock_fake_advance_ms(&now, 10);
        }
        assert_false(pace_allows(l, &c, 0, "one more", "one more"));
        clock_fake_advance_ms(&now, 60000 - 10 * (int64_t)CONFIG_STARTS_MAX);
        assert_true(pace_allows(l, &c, 0, "one more", "one more"));
        assert_false(pace_allows(l, &c, 0, "one more", "one more"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
                T(of_one_user_and_of_one_host),
                T(a_refusal_is_no_start),
                T(at_the_machine_itself_no_host_is_counted),
                T(each_kind_is_counted_for_itself),
                T(in_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
