// SPDX-License-Identifier: Apache-2.0
//
// The file with an identity's ID token, on a clock that is turned by hand; the keeper_* functions it calls are defined here.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "id_token_file.h"

#include <stdio.h>

#define NOW INT64_C(1800000000)

static struct clock_fake clk;
static struct loop *l;
static struct grant grant;
static struct keeper_memory memory;
static char corp[] = "corp", dir[] = "/tmp/id-token-XXXXXX", path[64];
static const struct config_identity conf = {.name = corp};
static unsigned asked;

// ---- the keeper: it answers at once, with what it has

struct keeper {
        struct timer *answer;
};
struct keeper_waiter {
        keeper_done_fn done;
        void *arg;
};
static struct keeper k;
static struct keeper_waiter waiter;

const struct grant *keeper_get_grant(const struct keeper *x)
{
        assert_ptr_equal(x, &k);
        return grant.id_token ? &grant : NULL;
}

struct keeper_memory keeper_get_memory(const struct keeper *x)
{
        assert_ptr_equal(x, &k);
        return memory;
}

const struct config_identity *keeper_get_config(const struct keeper *x)
{
        assert_ptr_equal(x, &k);
        return &conf;
}

struct loop *keeper_get_loop(struct keeper *x)
{
        assert_ptr_equal(x, &k);
        return l;
}

int keeper_token_start(
        struct keeper_waiter **ret, struct keeper *x, uint64_t rejected, keeper_done_fn done, void *arg)
{
        assert_int_equal(rejected, 0);
        waiter = (struct keeper_waiter){.done = done, .arg = arg};
        asked++;
        timer_arm_in(x->answer, 0);
        *ret = &waiter;
        return 0;
}

struct keeper_waiter *keeper_waiter_free(struct keeper_waiter *w)
{
        if (w)
                timer_disarm(k.answer);
        return NULL;
}

static void on_answer(void *arg)
{
        struct keeper_token t = {.outcome = OUTCOME_OK, .grant = &grant};

        (void)arg;
        waiter.done(waiter.arg, &t);
}

// ---- tests

static int setup(void **state)
{
        (void)state;
        strcpy(dir + strlen(dir) - 6, "XXXXXX");
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/id-token", dir);
        clock_fake_init(&clk, NOW);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(timer_new(&k.answer, l, on_answer, NULL), 0);
        assert_int_equal(secret_new_str(&grant.id_token, "t1"), 0);
        grant.id_token_exp_s = NOW + 600;
        memory = (struct keeper_memory){
                .token_since_s = NOW, .token_ends_boot_ms = clk.clock.boot_ms(&clk.clock) + 600000};
        asked = 0;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        timer_free(k.answer);
        loop_free(l);
        grant.id_token = secret_free(grant.id_token);
        assert_int_equal(rmdir(dir), 0);
        return 0;
}

static bool is_there(void)
{
        return access(path, F_OK) == 0;
}

static void play(unsigned s)
{
        for (unsigned i = 0; i < s; i++)
                loop_turn(l, &clk, 1000);
}

// A provider that is down, or gives no refresh token, has the keeper give the old one as long as it lives.
static void a_token_that_is_not_replaced_is_asked_for_now_and_then(void **state)
{
        struct id_token_file *f = NULL;

        (void)state;
        assert_int_equal(id_token_file_new(&f, &k, dir), 0);
        play(540);
        assert_int_equal(asked, 0);
        play(2);
        assert_int_equal(asked, 1);
        for (unsigned i = 0; i < 100; i++)
                loop_turn(l, &clk, 0); // however often the loop turns
        assert_int_equal(asked, 1);
        play(57);
        assert_true(is_there());
        assert_true(asked > 2 && asked < 10);
        play(2);
        assert_false(is_there());
        id_token_file_free(f);
}

static void whoever_sets_the_clock_changes_nothing(void **state)
{
        struct id_token_file *f = NULL;

        (void)state;
        assert_int_equal(id_token_file_new(&f, &k, dir), 0);
        clock_fake_step_wall_ms(&clk, 7200 * 1000);
        play(300);
        id_token_file_look(f, &k);
        assert_true(is_there());
        clock_fake_step_wall_ms(&clk, -14400 * 1000);
        play(302);
        assert_false(is_there());
        id_token_file_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        a_token_that_is_not_replaced_is_asked_for_now_and_then, setup, teardown),
                cmocka_unit_test_setup_teardown(whoever_sets_the_clock_changes_nothing, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
