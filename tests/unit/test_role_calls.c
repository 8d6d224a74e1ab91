// SPDX-License-Identifier: Apache-2.0
//
// What becomes a call and what does not: durations that a role does not give, and programs that want everything anew.
#include "role_world.h"

#define DAY_MS (INT64_C(86400) * 1000)

static void refuse_duration(void)
{
        struct source_result r = {.outcome = OUTCOME_MISCONFIGURED, .duration_refused = true};

        err_set(&r.err, "role dev: DurationSeconds exceeds the MaxSessionDuration set for this role.");
        finish(&r);
}

static void a_duration_above_the_roles_maximum_is_asked_for_once(void **state)
{
        struct caller c;

        (void)state;
        conf.duration_s = 43200;
        ask(&c, 0);
        assert_int_equal(src.duration_s, 43200);
        refuse_duration();
        assert_int_equal(src.duration_s, 3600); // at once, and the caller has noticed nothing
        assert_int_equal(c.answers, 0);
        succeed(3600);
        assert_int_equal(c.a.outcome, OUTCOME_OK);
        assert_int_equal(n_refused, 0);
        assert_int_equal(n_shortened, 1);
        assert_int_equal(role_get_duration_s(role), 3600);
        assert_int_equal(role_get_lifetime_s(role), 3600);
        // Remembered over rotations, for a day; then the maximum may have been raised.
        for (unsigned minute = 0; minute < 23 * 60; minute++) {
                loop_turn(l, &clk, 60000);
                if (!src.op)
                        continue;
                assert_int_equal(src.duration_s, 3600);
                succeed(3600);
        }
        for (unsigned minute = 0; minute < 120 && !(src.op && src.duration_s == 43200); minute++) {
                if (src.op)
                        succeed(3600);
                loop_turn(l, &clk, 60000);
        }
        assert_int_equal(src.duration_s, 43200);
        succeed(43200);
        assert_int_equal(role_get_lifetime_s(role), 43200);
        assert_int_equal(n_shortened, 1);
}

static void a_refresh_tries_the_whole_duration_again(void **state)
{
        struct caller c;

        (void)state;
        conf.duration_s = 7200;
        ask(&c, 0);
        refuse_duration();
        succeed(3600);
        assert_int_equal(role_refresh(role, NULL), OUTCOME_OK);
        assert_int_equal(src.duration_s, 7200);
        refuse_duration();
        assert_int_equal(src.duration_s, 3600);
        succeed(3600);
        assert_int_equal(n_shortened, 2);
}

static void an_hour_that_is_refused_is_a_failure(void **state)
{
        struct caller c;

        (void)state;
        ask(&c, 0);
        refuse_duration();
        assert_int_equal(c.a.outcome, OUTCOME_MISCONFIGURED);
        assert_int_equal(src.calls, 1);
        assert_int_equal(n_shortened, 0);
        // And where STS refuses the hour as well, it is asked twice, not for ever.
        conf.duration_s = 7200;
        role_drop(role, true, NULL);
        ask(&c, 0);
        refuse_duration();
        refuse_duration();
        assert_int_equal(c.a.outcome, OUTCOME_MISCONFIGURED);
        assert_int_equal(src.calls, 3);
}

static void a_shortened_session_is_recalled_after_a_restart(void **state)
{
        struct sts_credentials k = {.access_key_id = strdup("ASIAOLD"), .expiration_s = NOW + 1800};
        const struct role_times t = {.lifetime_ms = 3600000,
                .expires_boot_ms = clk.boot_now_ms + 1800000,
                .next_try_boot_ms = clk.boot_now_ms + 1000};

        (void)state;
        conf.duration_s = 43200;
        assert_int_equal(secret_new_str(&k.secret_access_key, "secret"), 0);
        assert_int_equal(secret_new_str(&k.session_token, "token"), 0);
        assert_true(role_restore(role, &k, &t));
        loop_turn(l, &clk, 2000);
        assert_int_equal(src.duration_s, 3600);
        succeed(3600);
}

// A program that calls Refresh, or Drop, or asks for nearly all of a session's life, in a loop.
static void programs_do_not_make_a_loop_at_sts(void **state)
{
        struct err err = ERR_INIT;
        struct role_answer a;
        struct caller c;
        unsigned ok = 0, calls;

        (void)state;
        ask(&c, 0);
        succeed(3600);
        for (unsigned i = 0; i < 900; i++) {
                err_clear(&err);
                if (role_refresh(role, &err) == OUTCOME_OK) {
                        ok++;
                        succeed(3600);
                } else {
                        assert_non_null(strstr(err.text, "role dev"));
                }
                loop_turn(l, &clk, 10);
        }
        assert_int_equal(ok, 5);
        assert_int_equal(src.calls, 1 + ok);
        // What is dropped too often stays.
        assert_int_equal(role_drop(role, false, &err), OUTCOME_THROTTLED);
        assert_true(role_peek(role, 0, &a));
        // One every ten seconds goes on, whichever way.
        loop_turn(l, &clk, 60 * 1000);
        calls = src.calls;
        for (unsigned i = 0; i < 600; i++) {
                if (!role_peek(role, 3479, &a)) {
                        ask(&c, 3479);
                        succeed(3600);
                        assert_int_equal(c.a.outcome, OUTCOME_OK);
                } else if (a.outcome != OUTCOME_OK) {
                        assert_int_equal(a.outcome, OUTCOME_THROTTLED);
                        assert_non_null(strstr(a.message, "role dev"));
                }
                assert_true(role_peek(role, 60, &a)); // everybody else is served
                assert_int_equal(a.outcome, OUTCOME_OK);
                loop_turn(l, &clk, 100);
        }
        assert_in_range(src.calls - calls, 6, 12);
        // A person who signs out is not held up.
        assert_int_equal(role_drop(role, true, NULL), OUTCOME_OK);
        assert_null(role_get_credentials(role));
}

static void a_refresh_does_not_overrule_sts_that_asks_for_patience(void **state)
{
        struct err err = ERR_INIT;
        struct caller c;

        (void)state;
        ask(&c, 0);
        fail_with(OUTCOME_THROTTLED, "role dev: STS says Throttling");
        assert_int_equal(role_refresh(role, &err), OUTCOME_THROTTLED);
        assert_string_equal(err.text, "role dev: STS says Throttling");
        assert_int_equal(src.calls, 1);
        // A refusal is another matter: somebody may have put the trust policy right.
        loop_turn(l, &clk, 60 * 1000);
        ask(&c, 0);
        fail_with(OUTCOME_ACCESS_DENIED, "role dev: refused");
        assert_int_equal(role_refresh(role, NULL), OUTCOME_OK);
        succeed(3600);
}

static void fail_unanswered(void)
{
        struct source_result r = {.outcome = OUTCOME_UNREACHABLE, .unanswered = true};

        err_set(&r.err, "role dev: STS cannot be reached");
        finish(&r);
}

static void what_nobody_answered_is_tried_again_when_the_network_is_back(void **state)
{
        struct role_answer a;
        struct caller c;

        (void)state;
        assert_false(role_look_again(role, 300)); // nobody has asked
        for (unsigned i = 0; i < 6; i++) {
                ask(&c, 0);
                fail_unanswered();
        }
        assert_true(role_peek(role, 0, &a));
        assert_int_equal(a.outcome, OUTCOME_UNREACHABLE);
        assert_true(role_look_again(role, 300));
        loop_turn(l, &clk, 299);
        assert_int_equal(src.calls, 6);
        loop_turn(l, &clk, 1);
        assert_int_equal(src.calls, 7);
        // One that is under way is hurried, not doubled.
        assert_true(role_look_again(role, 300));
        assert_int_equal(src.hurried, 1);
        // What fails again fails for the first time: its next try is a second away, not a minute.
        fail_unanswered();
        loop_turn(l, &clk, 1001);
        assert_false(role_peek(role, 0, &a));
        ask(&c, 0);
        succeed(3600);
        assert_false(role_look_again(role, 300));
}

static void what_was_answered_is_left_alone_when_the_network_is_back(void **state)
{
        static const enum outcome outcomes[] = {OUTCOME_THROTTLED, OUTCOME_ACCESS_DENIED,
                OUTCOME_MISCONFIGURED, OUTCOME_UNREACHABLE, OUTCOME_NEEDS_LOGIN, OUTCOME_BAD_ANSWER};
        struct caller c;

        (void)state;
        for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
                unsigned calls;

                role_drop(role, true, NULL);
                ask(&c, 0);
                fail_with(outcomes[i], "role dev: refused"); // UNREACHABLE: STS itself said 503
                calls = src.calls;
                assert_false(role_look_again(role, 300));
                loop_turn(l, &clk, 400);
                assert_int_equal(src.calls, calls);
        }
        // A wrong clock is what may have been put right.
        role_drop(role, true, NULL);
        ask(&c, 0);
        fail_with(OUTCOME_CLOCK_SKEW, "role dev: this machine's clock is wrong");
        assert_true(role_look_again(role, 300));
        loop_turn(l, &clk, 300);
        succeed(3600);
}

static void what_is_served_is_served_on_while_the_network_comes_and_goes(void **state)
{
        struct role_answer a;
        struct caller c;

        (void)state;
        ask(&c, 0);
        succeed(3600);
        loop_turn(l, &clk, 31 * 60000);
        for (unsigned i = 0; i < 20; i++) {
                if (src.op)
                        fail_unanswered();
                assert_true(role_peek(role, 0, &a));
                assert_int_equal(a.outcome, OUTCOME_OK);
                assert_true(role_look_again(role, 200));
                loop_turn(l, &clk, 200);
        }
        succeed(3600);
        assert_int_equal(role_get_state(role), ROLE_VALID);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_duration_above_the_roles_maximum_is_asked_for_once),
                T(a_refresh_tries_the_whole_duration_again),
                T(an_hour_that_is_refused_is_a_failure),
                T(a_shortened_session_is_recalled_after_a_restart),
                T(programs_do_not_make_a_loop_at_sts),
                T(what_nobody_answered_is_tried_again_when_the_network_is_back),
                T(what_was_answered_is_left_alone_when_the_network_is_back),
                T(what_is_served_is_served_on_while_the_network_comes_and_goes),
                T(a_refresh_does_not_overrule_sts_that_asks_for_patience),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
