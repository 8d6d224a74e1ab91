// SPDX-License-Identifier: Apache-2.0
//
// The rotation of one role, on a clock that is turned by hand and a source that answers when it is told to.
#include "role_world.h"

#include "schedule.h"

static void nothing_is_fetched_before_somebody_asks(void **state)
{
        struct role_answer a;

        (void)state;
        assert_false(role_peek(role, 0, &a));
        loop_turn(l, &clk, 86400 * 1000);
        assert_int_equal(src.calls, 0);
        assert_int_equal(role_get_state(role), ROLE_EMPTY);
        assert_int_equal(role_get_expiration_s(role), 0);
}

static void a_thousand_callers_are_one_call_and_a_thousand_answers(void **state)
{
        static struct caller callers[1000];
        struct role_answer a;

        (void)state;
        for (size_t i = 0; i < 1000; i++)
                ask(&callers[i], 0);
        assert_int_equal(role_get_state(role), ROLE_FETCHING);
        // Some go away before the answer.
        for (size_t i = 0; i < 1000; i += 100)
                callers[i].w = role_waiter_free(callers[i].w);
        succeed(3600);
        for (size_t i = 0; i < 1000; i++) {
                assert_int_equal(callers[i].answers, i % 100 ? 1 : 0);
                if (i % 100)
                        assert_string_equal(callers[i].key, "ASIA1");
        }
        assert_int_equal(src.calls, 1);
        assert_int_equal(n_obtained, 1);
        assert_int_equal(role_get_state(role), ROLE_VALID);
        assert_true(role_peek(role, 0, &a));
        assert_int_equal(a.expiration_s, NOW + 3600);
        assert_int_equal(a.reported_expiration_s, NOW + 3600 - 120);
        assert_int_equal(a.lifetime_s, 3600);
        assert_ptr_equal(a.role_arn, role_get_config(role)->role_arn);
}

static void it_rotates_ahead_of_every_sdk_for_days(void **state)
{
        struct role_answer a;
        struct caller c;

        (void)state;
        ask(&c, 0);
        succeed(3600);
        for (unsigned minute = 0; minute < 3 * 24 * 60; minute++) {
                loop_turn(l, &clk, 60000);
                if (src.op)
                        succeed(3600);
                assert_true(role_peek(role, 25 * 60, &a));
                assert_true(a.expiration_s - clock_wall_s(&clk.clock) >= 29 * 60);
        }
        // Every 25.5 to 30 minutes.
        assert_in_range(src.calls, 3 * 24 * 2, 3 * 24 * 60 / 25);
}

static void sessions_of_seconds_stay_usable(void **state)
{
        struct role_answer a;
        struct caller c;

        (void)state;
        ask(&c, 0);
        succeed(3);
        for (unsigned i = 0; i < 100; i++) {
                loop_turn(l, &clk, 100);
                if (src.op)
                        succeed(3);
                assert_true(role_peek(role, 0, &a));
                assert_int_equal(a.outcome, OUTCOME_OK);
                assert_true(a.reported_expiration_s > clock_wall_s(&clk.clock));
                assert_true(a.reported_expiration_s <= a.expiration_s);
        }
        assert_in_range(src.calls, 7, 14); // one in 0.75 to 1.5 seconds
}

static void while_it_lives_it_is_served_and_then_never_again(void **state)
{
        struct role_answer a;
        struct caller c;
        unsigned calls = 0;

        (void)state;
        ask(&c, 0);
        succeed(3600);
        for (unsigned s = 0; s < 3600; s++) {
                assert_true(role_peek(role, 0, &a));
                assert_int_equal(a.outcome, OUTCOME_OK);
                assert_true(a.reported_expiration_s > clock_wall_s(&clk.clock));
                loop_turn(l, &clk, 1000);
                if (src.op) {
                        calls++;
                        fail_with(OUTCOME_UNREACHABLE, "role dev: STS cannot be reached");
                }
        }
        assert_in_range(calls, 30, 90); // backed off: not one a second
        assert_int_equal(role_get_state(role), ROLE_EXPIRED);
        assert_null(role_get_credentials(role));
        if (!role_peek(role, 0, &a)) {
                ask(&c, 0);
                fail_with(OUTCOME_UNREACHABLE, "role dev: STS cannot be reached");
                assert_int_equal(c.answers, 1);
                assert_true(role_peek(role, 0, &a));
        }
        assert_int_equal(a.outcome, OUTCOME_UNREACHABLE);
        assert_null(a.credentials);
        assert_string_equal(a.message, "role dev: STS cannot be reached");
        // And it goes on trying: when the network is back, so are the credentials.
        for (unsigned s = 0; s < 61 && !src.op; s++)
                loop_turn(l, &clk, 1000);
        succeed(3600);
        assert_int_equal(role_get_state(role), ROLE_VALID);
}

static void failures_are_remembered_so_that_callers_do_not_become_calls(void **state)
{
        struct role_answer a;
        struct caller c;

        (void)state;
        ask(&c, 0);
        fail_with(OUTCOME_ACCESS_DENIED, "role dev: STS refused");
        assert_int_equal(c.answers, 1);
        assert_int_equal(c.a.outcome, OUTCOME_ACCESS_DENIED);
        assert_string_equal(c.message, "role dev: STS refused");
        for (unsigned i = 0; i < 1000; i++) {
                assert_true(role_peek(role, 0, &a));
                assert_int_equal(a.outcome, OUTCOME_ACCESS_DENIED);
                assert_string_equal(a.request_id, "req-1");
        }
        assert_int_equal(src.calls, 1);
        assert_int_equal(n_refused, 1);
        // A refusal is not asked again by itself, only by the next caller after a while.
        loop_turn(l, &clk, 3600 * 1000);
        assert_int_equal(src.calls, 1);
        assert_int_equal(role_get_state(role), ROLE_EMPTY);
        assert_false(role_peek(role, 0, &a));
        // Longer each time.
        for (unsigned i = 0; i < 6; i++) {
                ask(&c, 0);
                fail_with(OUTCOME_ACCESS_DENIED, "role dev: STS refused");
        }
        loop_turn(l, &clk, 100 * 1000);
        assert_true(role_peek(role, 0, &a));
        loop_turn(l, &clk, 300 * 1000);
        assert_false(role_peek(role, 0, &a));
}

static void needs_login_is_never_remembered(void **state)
{
        struct role_answer a;
        struct caller c;

        (void)state;
        ask(&c, 0);
        fail_with(OUTCOME_NEEDS_LOGIN, "role dev: not signed in");
        assert_int_equal(role_get_state(role), ROLE_NEEDS_LOGIN);
        assert_false(role_peek(role, 0, &a));
        // Somebody signs in: what was asked for once is fetched at once.
        role_grant_new(role, true);
        assert_non_null(src.op);
        succeed(3600);
        assert_true(role_peek(role, 0, &a));
        // The grant ends: served on until the real expiry, then needs-login.
        loop_turn(l, &clk, 31 * 60000);
        fail_with(OUTCOME_NEEDS_LOGIN, "role dev: the sign-in has ended");
        assert_int_equal(role_get_state(role), ROLE_VALID);
        assert_true(role_peek(role, 0, &a));
        loop_turn(l, &clk, 30 * 60000);
        assert_int_equal(role_get_state(role), ROLE_NEEDS_LOGIN);
        assert_false(role_peek(role, 0, &a));
        assert_int_equal(src.calls, 3);
}

static void clock_steps_change_nothing_that_is_served(void **state)
{
        static const int64_t steps[] = {-86400 * 1000, 86400 * 1000 * 2, -3600 * 1000};
        struct role_answer a;
        struct caller c;

        (void)state;
        ask(&c, 0);
        succeed(3600);
        for (size_t i = 0; i < 3; i++) {
                clock_fake_step_wall_ms(&clk, steps[i]);
                loop_turn(l, &clk, 60000);
                assert_true(role_peek(role, 0, &a));
                assert_int_equal(a.outcome, OUTCOME_OK);
                // Told in the clock that the callers look at.
                assert_int_equal(a.expiration_s - clock_wall_s(&clk.clock), 3600 - 60 * ((int64_t)i + 1));
        }
        loop_turn(l, &clk, 30 * 60000);
        assert_int_equal(src.calls, 2); // and the rotation came when it was due
        succeed(3600);
        // A suspend beyond the expiry: nothing stale afterwards.
        clock_fake_advance_ms(&clk, 5 * 3600 * 1000);
        assert_null(role_get_credentials(role));
        assert_false(role_peek(role, 0, &a));
        loop_turn(l, &clk, 1);
        assert_int_equal(src.calls, 3);
}

static void the_servers_clock_counts_where_ours_is_wrong(void **state)
{
        struct role_answer a;
        struct caller c;

        (void)state;
        ask(&c, 0);
        succeed_with_skew(3600, 7200); // we are two hours behind
        assert_true(role_peek(role, 0, &a));
        assert_int_equal(a.expiration_s, NOW + 3600);
        assert_int_equal(role_refresh(role, NULL), OUTCOME_OK);
        succeed_with_skew(3600, -7200); // two hours ahead: by our clock it expired before it came
        assert_true(role_peek(role, 0, &a));
        assert_int_equal(a.outcome, OUTCOME_OK);
        assert_int_equal(a.expiration_s, NOW + 3600);
}

static void what_has_expired_on_arrival_is_an_error(void **state)
{
        struct caller c;

        (void)state;
        ask(&c, 0);
        succeed(-10);
        assert_int_equal(c.a.outcome, OUTCOME_CLOCK_SKEW);
        assert_non_null(strstr(c.message, "clock"));
        assert_null(role_get_credentials(role));
}

static void min_ttl_brings_a_fresh_session_or_a_reason(void **state)
{
        struct role_answer a;
        struct caller c;

        (void)state;
        ask(&c, 0);
        succeed(3600);
        loop_turn(l, &clk, 20 * 60000);
        assert_true(role_peek(role, 30 * 60, &a));
        assert_false(role_peek(role, 50 * 60, &a));
        ask(&c, 50 * 60);
        assert_int_equal(role_get_state(role), ROLE_REFRESHING);
        assert_true(role_peek(role, 0, &a)); // everybody else is served meanwhile
        succeed(3600);
        assert_int_equal(c.a.outcome, OUTCOME_OK);
        assert_string_equal(c.key, "ASIA2");
        assert_true(role_peek(role, 7200, &a)); // no call can help, so none is made
        assert_int_equal(a.outcome, OUTCOME_MISCONFIGURED);
        assert_non_null(strstr(a.message, "3600 seconds"));
        role_drop(role, true, NULL);
        ask(&c, 7200);
        succeed(3600);
        assert_int_equal(c.a.outcome, OUTCOME_MISCONFIGURED);
        assert_int_equal(src.calls, 3);
}

static void a_waiter_is_answered_by_its_deadline_and_the_flight_goes_on(void **state)
{
        struct caller c, later;
        struct role_answer a;

        (void)state;
        ask(&c, 0);
        loop_turn(l, &clk, 2000);
        ask(&later, 0);
        loop_turn(l, &clk, 1500);
        assert_int_equal(c.answers, 1);
        assert_int_equal(c.a.outcome, OUTCOME_TIMEOUT);
        assert_non_null(strstr(c.message, "role dev"));
        assert_int_equal(later.answers, 0);
        loop_turn(l, &clk, 2000);
        assert_int_equal(later.answers, 1);
        assert_int_equal(later.a.outcome, OUTCOME_TIMEOUT);
        assert_non_null(src.op);
        succeed(3600);
        assert_true(role_peek(role, 0, &a));
        assert_int_equal(src.calls, 1);
        assert_int_equal(src.cancelled, 0);
}

static void another_person_never_gets_the_old_session(void **state)
{
        struct role_answer a;
        struct caller c;

        (void)state;
        ask(&c, 0);
        succeed(3600);
        role_grant_new(role, true); // the same person again: nothing changes
        assert_null(src.op);
        assert_true(role_peek(role, 0, &a));
        role_grant_new(role, false);
        assert_false(role_peek(role, 0, &a));
        assert_non_null(src.op);
        // Also not when the flight of the first was still under way.
        ask(&c, 0);
        role_grant_new(role, false);
        assert_int_equal(src.cancelled, 1);
        assert_int_equal(c.answers, 0);
        succeed(3600);
        assert_int_equal(c.answers, 1);
        assert_string_equal(c.key, "ASIA3");
}

static void drop_wipes_and_tells_those_who_wait(void **state)
{
        struct caller c;

        (void)state;
        ask(&c, 0);
        succeed(3600);
        assert_int_equal(role_refresh(role, NULL), OUTCOME_OK);
        ask(&c, 3599);
        role_drop(role, true, NULL);
        assert_int_equal(c.answers, 1);
        assert_int_equal(c.a.outcome, OUTCOME_NEEDS_LOGIN);
        assert_non_null(strstr(c.message, "valetkey login"));
        assert_int_equal(src.cancelled, 1);
        assert_null(role_get_credentials(role));
        assert_int_equal(role_get_state(role), ROLE_EMPTY);
        loop_turn(l, &clk, 7200 * 1000);
        assert_int_equal(src.calls, 2);
        role_grant_new(role, true); // nobody has asked since: nothing is fetched
        assert_int_equal(src.calls, 2);
}

static bool secret_freed;

static void watch_secret(const void *p, size_t n, void *arg)
{
        (void)arg;
        secret_freed |= memmem(p, n, "secret", 6) != NULL || memmem(p, n, "token", 5) != NULL;
}

static void no_secret_survives_in_freed_memory(void **state)
{
        struct caller c;

        (void)state;
        secret_freed = false;
        fault_watch_free(watch_secret, NULL);
        ask(&c, 0);
        succeed(3600);
        assert_int_equal(role_refresh(role, NULL), OUTCOME_OK);
        succeed(3600); // the first is replaced
        role_drop(role, true, NULL);
        ask(&c, 0);
        succeed(2);
        loop_turn(l, &clk, 3000); // and the last expires
        fault_watch_free(NULL, NULL);
        assert_false(secret_freed);
}

static void who_waits_while_a_program_drops_the_role_is_not_told_of_a_logout(void **state)
{
        struct caller c;

        (void)state;
        ask(&c, 0);
        role_drop(role, false, NULL);
        assert_int_equal(c.answers, 1);
        assert_int_equal(c.a.outcome, OUTCOME_CANCELLED);
        assert_null(strstr(c.message, "valetkey login"));
        ask(&c, 0); // and it is fetched anew
        succeed(3600);
        assert_int_equal(c.a.outcome, OUTCOME_OK);
}

static void memory_that_runs_out_is_an_error_like_others(void **state)
{
        struct caller c = {0};
        int r = 0;

        (void)state;
        FAULT_EACH(20, r = role_wait_start(&c.w, role, 0, 3500, on_answer, &c))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(c.w);
                assert_null(src.op);
        }
        assert_int_equal(r, 0);
        succeed(3600);
        // A rotation that cannot start is tried again, and the old one served.
        src.start_result = -ENOMEM;
        loop_turn(l, &clk, 31 * 60000);
        assert_int_equal(src.calls, 1);
        assert_non_null(role_get_credentials(role));
        assert_true(n_refused > 0);
        src.start_result = 0;
        loop_turn(l, &clk, 300000);
        assert_int_equal(src.calls, 2);
        succeed(3600);
        assert_int_equal(role_get_state(role), ROLE_VALID);
}

static void a_role_that_cannot_be_made_leaves_nothing(void **state)
{
        struct role *r = NULL;
        int e = 0;

        (void)state;
        FAULT_EACH(20, e = role_new(&r, l, &conf, &src.source, &events, NULL))
        {
                assert_int_equal(e, -ENOMEM);
                assert_null(r);
        }
        assert_int_equal(e, 0);
        role_free(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(nothing_is_fetched_before_somebody_asks),
                T(a_thousand_callers_are_one_call_and_a_thousand_answers),
                T(it_rotates_ahead_of_every_sdk_for_days),
                T(sessions_of_seconds_stay_usable),
                T(while_it_lives_it_is_served_and_then_never_again),
                T(failures_are_remembered_so_that_callers_do_not_become_calls),
                T(needs_login_is_never_remembered),
                T(clock_steps_change_nothing_that_is_served),
                T(the_servers_clock_counts_where_ours_is_wrong),
                T(what_has_expired_on_arrival_is_an_error),
                T(min_ttl_brings_a_fresh_session_or_a_reason),
                T(a_waiter_is_answered_by_its_deadline_and_the_flight_goes_on),
                T(another_person_never_gets_the_old_session),
                T(drop_wipes_and_tells_those_who_wait),
                T(no_secret_survives_in_freed_memory),
                T(who_waits_while_a_program_drops_the_role_is_not_told_of_a_logout),
                T(memory_that_runs_out_is_an_error_like_others),
                T(a_role_that_cannot_be_made_leaves_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
