// SPDX-License-Identifier: Apache-2.0
//
// Questions to a person, on a clock that is turned by hand and without a desktop: whom they go to, how long an answer holds, and
// that whatever goes wrong is no yes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "confirm.h"
#include "fault.h"

#include <stdio.h>

#define NOW INT64_C(1800000000)

static struct clock_fake clk;
static struct loop *l;
static struct confirm *c;
static char prod[] = "prod", arn[] = "arn:aws:iam::123456789012:role/prod";
static const struct config_role conf = {.name = prod,
                                        .role_arn = arn,
                                        .confirm = CONFIRM_ASK,
                                        .confirm_for_s = 900},
                                each = {.name = prod, .role_arn = arn, .confirm = CONFIRM_ASK};
static const struct caller aws = {.pid = 7, .exe = "/usr/bin/aws", .door = "socket"},
                           other = {.pid = 8, .exe = "/usr/bin/other", .door = "socket"},
                           app = {.pid = 9,
                                   .kind = CALLER_FLATPAK,
                                   .app = "org.example.App",
                                   .exe = "/app/bin/x",
                                   .door = "socket"};

static int setup(void **state)
{
        (void)state;
        setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
        clock_fake_init(&clk, NOW);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(confirm_new(&c, l), 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        confirm_free(c);
        loop_free(l);
        return 0;
}

struct asked {
        struct confirm_waiter *w;
        unsigned questions, answers;
        enum confirm_result result;
        int64_t a_while_s;
};

static void on_done(void *arg, enum confirm_result r)
{
        struct asked *x = arg;

        x->answers++;
        x->result = r;
        x->w = confirm_waiter_free(x->w);
}

static void on_question(void *arg, const struct confirm_question *q)
{
        struct asked *x = arg;

        x->questions++;
        x->a_while_s = q->a_while_s;
        assert_non_null(strstr(q->text, "prod"));
}

static const struct confirm_events terminal = {.done = on_done, .ask = on_question},
                                   desktop = {.done = on_done};

static void ask(struct asked *x, const struct config_role *r, const struct caller *who,
        const struct confirm_events *e)
{
        *x = (struct asked){.w = NULL};
        assert_int_equal(confirm_start(&x->w, c, r, who, e, x), 0);
}

static void a_yes_holds_for_that_program_and_that_long(void **state)
{
        struct asked x;

        (void)state;
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_UNKNOWN);
        ask(&x, &conf, &aws, &terminal);
        assert_int_equal(x.questions, 1);
        assert_int_equal(x.a_while_s, 900);
        confirm_say(x.w, CONFIRM_GRANTED, true);
        assert_int_equal(x.answers, 1);
        assert_int_equal(x.result, CONFIRM_GRANTED);
        confirm_use(c, &conf, &aws);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_GRANTED);
        assert_int_equal(confirm_recall(c, &conf, &other, false), CONFIRM_UNKNOWN);
        assert_int_equal(confirm_recall(c, &conf, &app, false), CONFIRM_UNKNOWN);
        loop_turn(l, &clk, 899000);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_GRANTED);
        loop_turn(l, &clk, 1000);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_UNKNOWN);
}

// The name of a claim's role may be another role's when the person has signed in again.
static void a_yes_is_for_the_role_that_was_shown(void **state)
{
        static char there[] = "arn:aws:iam::999988887777:role/prod";
        static const struct config_role moved = {
                .name = prod, .role_arn = there, .confirm = CONFIRM_ASK, .confirm_for_s = 900};
        struct asked x;

        (void)state;
        ask(&x, &conf, &aws, &terminal);
        confirm_say(x.w, CONFIRM_GRANTED, true);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_GRANTED);
        assert_int_equal(confirm_recall(c, &moved, &aws, false), CONFIRM_UNKNOWN);
}

static void one_app_does_not_take_all_the_questions(void **state)
{
        static char names[8][8];
        struct config_role roles[8];
        struct confirm_waiter *w[8] = {NULL}, *mine;
        struct asked x;
        size_t n = 0;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
                snprintf(names[i], sizeof names[i], "prod%zu", i);
                roles[i] = conf;
                roles[i].name = names[i];
        }
        while (n < ARRAY_SIZE(roles) && confirm_start(&w[n], c, &roles[n], &app, &desktop, &x) == 0)
                n++;
        assert_int_equal(n, 4);
        assert_int_equal(confirm_start(&mine, c, &conf, &aws, &desktop, &x), 0);
        confirm_waiter_free(mine);
        while (n > 0)
                confirm_waiter_free(w[--n]);
}

static void where_each_time_is_configured_a_while_is_once(void **state)
{
        struct asked x;

        (void)state;
        ask(&x, &each, &aws, &terminal);
        assert_int_equal(x.a_while_s, 0);
        confirm_say(x.w, CONFIRM_GRANTED, true);
        assert_int_equal(x.result, CONFIRM_GRANTED);
        assert_int_equal(confirm_recall(c, &each, &aws, false), CONFIRM_UNKNOWN);
}

static void a_no_holds_for_a_minute_but_not_at_the_terminal(void **state)
{
        struct asked x;

        (void)state;
        ask(&x, &conf, &aws, &terminal);
        confirm_say(x.w, CONFIRM_REFUSED, false);
        assert_int_equal(x.result, CONFIRM_REFUSED);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_REFUSED);
        assert_int_equal(confirm_recall(c, &conf, &aws, true), CONFIRM_UNKNOWN);
        loop_turn(l, &clk, 60000);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_UNKNOWN);
}

static void many_are_one_question_and_one_answer(void **state)
{
        struct asked x[100];
        unsigned questions = 0;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(x); i++)
                ask(&x[i], &conf, &aws, &terminal);
        for (size_t i = 0; i < ARRAY_SIZE(x); i++)
                questions += x[i].questions;
        assert_int_equal(questions, 1);
        confirm_say(x[50].w, CONFIRM_GRANTED, true); // who was not asked has nothing to say
        assert_int_equal(x[50].answers, 0);
        confirm_say(x[0].w, CONFIRM_GRANTED, false);
        for (size_t i = 0; i < ARRAY_SIZE(x); i++)
                assert_true(x[i].answers == 1 && x[i].result == CONFIRM_GRANTED);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_UNKNOWN); // it was for once
}

static void when_its_terminal_goes_it_is_put_to_the_next(void **state)
{
        struct asked first, second;

        (void)state;
        ask(&first, &conf, &aws, &terminal);
        ask(&second, &conf, &aws, &terminal);
        assert_int_equal(second.questions, 0);
        first.w = confirm_waiter_free(first.w);
        assert_int_equal(second.questions, 1);
        second.w = confirm_waiter_free(second.w);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_UNKNOWN);
        ask(&first, &conf, &aws, &terminal);
        assert_int_equal(first.questions, 1);
        first.w = confirm_waiter_free(first.w);
}

static void nobody_answers_in_a_minute(void **state)
{
        struct asked x;

        (void)state;
        ask(&x, &conf, &aws, &terminal);
        loop_turn(l, &clk, 59999);
        assert_int_equal(x.answers, 0);
        loop_turn(l, &clk, 1);
        assert_int_equal(x.answers, 1);
        assert_int_equal(x.result, CONFIRM_UNANSWERED);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_UNANSWERED);
}

static void without_a_desktop_it_is_no(void **state)
{
        struct asked x;
        struct err err = ERR_INIT;

        (void)state;
        ask(&x, &conf, &app, &desktop);
        assert_int_equal(x.answers, 0); // never from inside
        loop_turn(l, &clk, 0);
        loop_run_once(l, 0);
        assert_int_equal(x.answers, 1);
        assert_int_equal(x.result, CONFIRM_NOBODY);
        confirm_explain(&err, "prod", x.result);
        assert_non_null(strstr(err.text, "no desktop"));
        confirm_tell(c, &conf, &app); // and telling nobody is no fault
}

static void a_sign_out_forgets(void **state)
{
        struct asked x;

        (void)state;
        ask(&x, &conf, &aws, &terminal);
        confirm_say(x.w, CONFIRM_GRANTED, true);
        confirm_forget(c);
        assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_UNKNOWN);
}

static void questions_and_memory_are_bounded(void **state)
{
        struct asked x[16], more = {.w = NULL};
        struct caller who = aws;

        (void)state;
        for (size_t i = 0; i < 300; i++) { // answered ones make room
                snprintf(who.exe, sizeof who.exe, "/bin/%zu", i);
                ask(&more, &conf, &who, &terminal);
                confirm_say(more.w, CONFIRM_GRANTED, true);
        }
        assert_int_equal(confirm_recall(c, &conf, &who, false), CONFIRM_GRANTED);
        for (size_t i = 0; i < ARRAY_SIZE(x); i++) {
                snprintf(who.exe, sizeof who.exe, "/sbin/%zu", i);
                ask(&x[i], &conf, &who, &terminal);
        }
        assert_int_equal(confirm_start(&more.w, c, &conf, &other, &terminal, &more), -EBUSY);
        for (size_t i = 0; i < ARRAY_SIZE(x); i++)
                confirm_waiter_free(x[i].w);
}

static void memory_that_runs_out_is_no_yes(void **state)
{
        struct asked x = {.w = NULL};
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(50, r = confirm_start(&x.w, c, &conf, &aws, &terminal, &x))
        {
                assert_int_equal(r, -ENOMEM);
                assert_int_equal(confirm_recall(c, &conf, &aws, false), CONFIRM_UNKNOWN);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 1);
        confirm_waiter_free(x.w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_yes_holds_for_that_program_and_that_long, setup, teardown),
                cmocka_unit_test_setup_teardown(a_yes_is_for_the_role_that_was_shown, setup, teardown),
                cmocka_unit_test_setup_teardown(one_app_does_not_take_all_the_questions, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        where_each_time_is_configured_a_while_is_once, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_no_holds_for_a_minute_but_not_at_the_terminal, setup, teardown),
                cmocka_unit_test_setup_teardown(many_are_one_question_and_one_answer, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        when_its_terminal_goes_it_is_put_to_the_next, setup, teardown),
                cmocka_unit_test_setup_teardown(nobody_answers_in_a_minute, setup, teardown),
                cmocka_unit_test_setup_teardown(without_a_desktop_it_is_no, setup, teardown),
                cmocka_unit_test_setup_teardown(a_sign_out_forgets, setup, teardown),
                cmocka_unit_test_setup_teardown(questions_and_memory_are_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(memory_that_runs_out_is_no_yes, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
