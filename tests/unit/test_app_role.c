// SPDX-License-Identifier: Apache-2.0
//
// Role sessions of an app's own: one for each role and app, bounded in number, ended with the sign-in; from a source that
// answers when it is told to.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_role.h"
#include "fault.h"

#include <stdio.h>

#define NOW INT64_C(1800000000)

struct source_op {
        struct source_op *next;
        const struct config_role *role;
        source_done_fn done;
        void *arg;
};

static struct source_op *ops; // under way
static unsigned calls;
static char policy_seen[64], name_seen[64];

static int obtain(struct source_op **ret, struct source *s, const struct config_role *role,
        int64_t duration_s, source_done_fn done, void *arg)
{
        struct source_op *op = calloc(1, sizeof *op);

        (void)s, (void)duration_s;
        if (!op)
                return -ENOMEM;
        *op = (struct source_op){.next = ops, .role = role, .done = done, .arg = arg};
        ops = *ret = op;
        calls++;
        snprintf(policy_seen, sizeof policy_seen, "%s", role->session_policy ? role->session_policy : "-");
        snprintf(name_seen, sizeof name_seen, "%s", role->session_name ? role->session_name : "-");
        return 0;
}

static struct source_op *op_free(struct source_op *op)
{
        for (struct source_op **p = &ops; op && *p; p = &(*p)->next)
                if (*p == op) {
                        *p = op->next;
                        break;
                }
        free(op);
        return NULL;
}

static const struct source_ops source_ops = {.obtain = obtain, .op_free = op_free};
static struct source source = {.ops = &source_ops};
static const struct role_events none;
static struct clock_fake clk;
static struct loop *l;
static struct role *base;
static struct app_roles *all;
static char dev[] = "dev", arn[] = "arn:aws:iam::123456789012:role/dev", corp[] = "corp", tool[] = "tool",
            plain[] = "plain", path[] = "/policy.json", session[] = "the-tool";
static const struct config_role conf = {.name = dev, .role_arn = arn, .identity = corp, .duration_s = 3600};
static const struct config_app narrow = {.name = tool, .session_policy = path, .session_name = session},
                               wishless = {.name = plain};

static int setup(void **state)
{
        (void)state;
        clock_fake_init(&clk, NOW);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(role_new(&base, l, &conf, &source, &none, NULL), 0);
        assert_int_equal(app_roles_new(&all, l), 0);
        calls = 0;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        app_roles_free(all);
        role_free(base);
        loop_free(l);
        assert_null(ops);
        return 0;
}

struct asked {
        struct role_waiter *w;
        enum outcome outcome;
        unsigned answers;
        const struct config_app *again; // who asks in turn
};

// NULL: refused, with why in said.
static enum outcome said;
static struct role *get(const struct config_app *app)
{
        struct err err = ERR_INIT;
        struct role *r = NULL;

        said = app_roles_get(&r, all, base, app, &err);
        assert_true(said == OUTCOME_OK || said == OUTCOME_INTERNAL || err.text[0]);
        return said == OUTCOME_OK ? r : NULL;
}

static void on_answer(void *arg, const struct role_answer *a)
{
        struct asked *x = arg;

        x->answers++;
        x->outcome = a->outcome;
        x->w = role_waiter_free(x->w);
        if (x->again)
                get(x->again);
}

static void ask(struct asked *x, struct role *r)
{
        *x = (struct asked){.outcome = OUTCOME_MAX_};
        assert_int_equal(role_wait_start(&x->w, r, 0, 5000, on_answer, x), 0);
}

static void an_app_that_wants_nothing_of_its_own_shares(void **state)
{
        (void)state;
        assert_ptr_equal(get(&wishless), base);
}

static void one_session_for_a_role_and_an_app(void **state)
{
        struct role *r = get(&narrow);
        struct asked x;

        (void)state;
        assert_non_null(r);
        assert_ptr_not_equal(r, base);
        assert_ptr_equal(get(&narrow), r);
        assert_string_equal(role_get_config(r)->name, "dev");
        ask(&x, r);
        assert_int_equal(calls, 1);
        assert_string_equal(policy_seen, path);
        assert_string_equal(name_seen, session);
        role_waiter_free(x.w);
}

static void a_sign_out_is_told_and_ends_it(void **state)
{
        struct asked x;

        (void)state;
        ask(&x, get(&narrow));
        app_roles_end(all, "another");
        assert_int_equal(x.answers, 0);
        x.again = &narrow; // who is told asks again at once, and that one is not ended with the first
        app_roles_end(all, "corp");
        assert_int_equal(x.answers, 1);
        assert_int_equal(x.outcome, OUTCOME_NEEDS_LOGIN);
        assert_null(ops);
        assert_int_equal(role_get_state(get(&narrow)), ROLE_EMPTY);
}

static void a_role_that_goes_takes_them_along(void **state)
{
        struct asked x;

        (void)state;
        ask(&x, get(&narrow));
        app_roles_forget(all, base, false);
        assert_int_equal(x.answers, 1);
        assert_int_equal(x.outcome, OUTCOME_CANCELLED);
        assert_null(ops);
}

static void a_role_that_goes_with_its_person_needs_a_login(void **state)
{
        struct asked x;

        (void)state;
        ask(&x, get(&narrow));
        app_roles_forget(all, base, true);
        assert_int_equal(x.outcome, OUTCOME_NEEDS_LOGIN);
}

static struct config_app apps[2 * APP_ROLES_MAX];

static void fill(void)
{
        static char names[ARRAY_SIZE(apps)][16];

        for (size_t i = 0; i < ARRAY_SIZE(apps); i++) {
                snprintf(names[i], sizeof names[i], "app%zu", i);
                apps[i] = (struct config_app){.name = names[i], .session_name = names[i]};
        }
        for (size_t i = 0; i < APP_ROLES_MAX; i++)
                assert_non_null(get(&apps[i]));
}

static void there_are_not_more_than_so_many(void **state)
{
        struct asked x;

        (void)state;
        fill();
        ask(&x, get(&apps[0])); // waited for
        for (size_t i = 1; i < APP_ROLES_MAX; i++)
                get(&apps[i]);
        assert_non_null(get(&apps[APP_ROLES_MAX])); // in the place of one that nobody waits for
        assert_int_equal(x.answers, 0);
        assert_int_equal(role_get_state(get(&apps[0])), ROLE_FETCHING);
        assert_int_equal(role_refresh(get(&apps[2]), NULL), OUTCOME_OK);
        assert_int_equal(calls, 2);
        role_waiter_free(x.w);
}

// While its waiters are told, one of them asks for something else, and there is no room but its own.
static void a_role_that_is_telling_stays(void **state)
{
        struct asked x, waits[APP_ROLES_MAX];
        struct source_result failed = {.outcome = OUTCOME_UNREACHABLE};
        struct source_op *op;

        (void)state;
        fill();
        ask(&x, get(&apps[0]));
        op = ops;
        x.again = &apps[APP_ROLES_MAX];
        for (size_t i = 1; i < APP_ROLES_MAX; i++)
                ask(&waits[i], get(&apps[i]));
        op->done(op->arg, &failed);
        assert_int_equal(x.answers, 1);
        assert_int_equal(said, OUTCOME_BUSY);
        assert_int_equal(role_get_state(get(&apps[0])), ROLE_EMPTY);
        assert_non_null(get(&apps[APP_ROLES_MAX])); // now there is
        for (size_t i = 1; i < APP_ROLES_MAX; i++)
                role_waiter_free(waits[i].w);
}

// Each is fetched anew at STS when it comes again.
static void going_round_through_many_is_slowed_down(void **state)
{
        size_t n = 0;

        (void)state;
        fill();
        while (n < 1000 && get(&apps[(APP_ROLES_MAX + n) % ARRAY_SIZE(apps)]))
                n++;
        assert_true(n >= 50 && n <= 70);
        assert_int_equal(said, OUTCOME_THROTTLED);
        assert_non_null(get(&apps[APP_ROLES_MAX + n - 1])); // what is there is there
        clock_fake_advance_ms(&clk, 5000);
        assert_non_null(get(&apps[APP_ROLES_MAX + n]));
}

static void memory_that_runs_out_is_no_session(void **state)
{
        struct role *r = NULL;
        unsigned failed = 0;

        (void)state;
        FAULT_EACH(50, r = get(&narrow))
        {
                assert_null(r);
                failed++;
        }
        assert_non_null(r);
        assert_true(failed > 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_app_that_wants_nothing_of_its_own_shares, setup, teardown),
                cmocka_unit_test_setup_teardown(one_session_for_a_role_and_an_app, setup, teardown),
                cmocka_unit_test_setup_teardown(a_sign_out_is_told_and_ends_it, setup, teardown),
                cmocka_unit_test_setup_teardown(a_role_that_goes_takes_them_along, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_role_that_goes_with_its_person_needs_a_login, setup, teardown),
                cmocka_unit_test_setup_teardown(there_are_not_more_than_so_many, setup, teardown),
                cmocka_unit_test_setup_teardown(a_role_that_is_telling_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(going_round_through_many_is_slowed_down, setup, teardown),
                cmocka_unit_test_setup_teardown(memory_that_runs_out_is_no_session, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
