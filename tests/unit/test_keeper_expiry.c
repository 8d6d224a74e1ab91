// SPDX-License-Identifier: Apache-2.0
//
// When a grant ends by itself, on a clock that is turned by hand: the provider's end, which moves while it is only the limit
// on idle sessions, ours, which does not, and one warning before either.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "keeper.h"

#define NOW    INT64_C(1800000000)
#define MINUTE INT64_C(60000)

// ---- a provider that answers every refresh at once, by a rule

struct provider_op {
        struct timer *timer;
        provider_done_fn done;
        void *arg;
};

static struct clock_fake clk;
static struct loop *l;
static struct keeper *k;
static unsigned refreshes, warnings, ended, ended_with_sessions, stores;
static int64_t idle_s, max_s; // a refresh token's life; the session's: whichever is less is told. 0: none
static int64_t last_refresh_ms, longest_gap_ms;
static bool down, silent_about_life, no_id_token;

static int64_t told_life_s(void)
{
        int64_t left = max_s ? NOW + max_s - clock_wall_s(&clk.clock) : idle_s;

        return left < idle_s ? left : idle_s;
}

static void on_answer(void *arg)
{
        struct provider_op *op = arg;
        struct provider_result r = {.outcome = down ? OUTCOME_UNREACHABLE : OUTCOME_OK};
        int64_t now = clk.boot_now_ms;

        if (!down && idle_s && (now - last_refresh_ms > idle_s * 1000 || told_life_s() <= 0))
                r.outcome = OUTCOME_NEEDS_LOGIN;
        if (r.outcome == OUTCOME_OK) {
                if (now - last_refresh_ms > longest_gap_ms)
                        longest_gap_ms = now - last_refresh_ms;
                last_refresh_ms = now;
                assert_int_equal(secret_new_str(&r.tokens.refresh_token, "r"), 0);
                if (!no_id_token)
                        assert_int_equal(secret_new_str(&r.tokens.id_token, "t"), 0);
                r.tokens.refresh_expires_in_s = silent_about_life ? 0 : told_life_s();
                r.claims.exp = clock_wall_s(&clk.clock) + 300;
        }
        op->done(op->arg, &r);
        oidc_tokens_deinit(&r.tokens);
}

int provider_new(struct provider **ret, struct http *h, const struct provider_options *o)
{
        (void)h, (void)o;
        *ret = malloc(1);
        return *ret ? 0 : -ENOMEM;
}

struct provider *provider_free(struct provider *p)
{
        free(p);
        return NULL;
}

int64_t provider_skew_s(const struct provider *p)
{
        (void)p;
        return 0;
}

bool provider_tells_time(const struct provider *p)
{
        assert_non_null(p);
        return false;
}

int provider_refresh_start(struct provider_op **ret, struct provider *p, const struct secret *refresh_token,
        const char *expect_subject, provider_done_fn done, void *arg)
{
        struct provider_op *op = calloc(1, sizeof *op);

        (void)p, (void)refresh_token, (void)expect_subject;
        assert_non_null(op);
        *op = (struct provider_op){.done = done, .arg = arg};
        assert_int_equal(timer_new(&op->timer, l, on_answer, op), 0);
        timer_arm_in(op->timer, 100);
        refreshes++;
        *ret = op;
        return 0;
}

void provider_op_on_rotated(struct provider_op *op, provider_rotated_fn rotated)
{
        (void)op, (void)rotated;
}

struct provider_op *provider_op_free(struct provider_op *op)
{
        if (op)
                timer_free(op->timer);
        free(op);
        return NULL;
}

// ---- the rest of the world

static struct config_identity conf = {.name = (char[]){"corp"},
        .type = SOURCE_OIDC,
        .issuer = (char[]){"https://idp.example"},
        .client_id = (char[]){"valetkey"}};

static void on_granted(struct keeper *keeper, bool same_person, void *arg)
{
        (void)keeper, (void)same_person, (void)arg;
}

static void on_ended(struct keeper *keeper, bool sessions_too, void *arg)
{
        (void)keeper, (void)arg;
        ended++;
        ended_with_sessions += sessions_too;
}

static void on_ends_soon(struct keeper *keeper, void *arg)
{
        (void)arg;
        assert_ptr_equal(keeper, k);
        assert_true(keeper_get_ends_s(k) > 0);
        warnings++;
}

static void on_store(struct keeper *keeper, void *arg)
{
        (void)keeper, (void)arg;
        stores++;
}

static const struct keeper_events events = {
        .granted = on_granted, .ended = on_ended, .ends_soon = on_ends_soon, .store = on_store};

static int setup(void **state)
{
        (void)state;
        refreshes = warnings = ended = ended_with_sessions = stores = 0;
        idle_s = max_s = longest_gap_ms = 0;
        down = silent_about_life = no_id_token = false;
        conf.max_grant_age_s = 0;
        clock_fake_init(&clk, NOW);
        last_refresh_ms = clk.boot_now_ms;
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(keeper_new(&k, l, NULL, NULL, &conf, &events, NULL), 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        k = keeper_free(k);
        l = loop_free(l);
        return 0;
}

static void make_grant(struct grant *g, int64_t signed_in_at_s, bool refreshable)
{
        *g = (struct grant){.type = SOURCE_OIDC,
                .id_token_exp_s = clock_wall_s(&clk.clock) + 300,
                .signed_in_at_s = signed_in_at_s,
                .refresh_exp_s = idle_s && refreshable ? clock_wall_s(&clk.clock) + told_life_s() : 0};
        g->identity = strdup("corp");
        g->issuer = strdup(conf.issuer);
        g->client_id = strdup("valetkey");
        g->subject = strdup("s1");
        g->display = strdup("alice");
        assert_int_equal(secret_new_str(&g->id_token, "t"), 0);
        if (refreshable)
                assert_int_equal(secret_new_str(&g->refresh_token, "r"), 0);
}

static void sign_in_at(int64_t signed_in_at_s, bool refreshable)
{
        struct grant g;

        make_grant(&g, signed_in_at_s, refreshable);
        keeper_put(k, &g);
        grant_deinit(&g);
}

static void sign_in(void)
{
        sign_in_at(NOW, true);
}

static bool is_signed_in(void)
{
        return keeper_get_state(k) == KEEPER_SIGNED_IN;
}

static int64_t left_s(void)
{
        return keeper_get_ends_s(k) - clock_wall_s(&clk.clock);
}

// An idle limit of a minute, a role session of five minutes, another role first asked for at minute 4.
static void on_token(void *arg, const struct keeper_token *t)
{
        *(enum outcome *)arg = t->outcome;
}

static void an_idle_limit_of_a_minute_is_never_reached(void **state)
{
        enum outcome o = OUTCOME_INTERNAL;
        struct keeper_waiter *w;

        (void)state;
        idle_s = 60;
        sign_in();
        loop_turn(l, &clk, 4 * MINUTE);
        assert_true(is_signed_in());
        assert_in_range(longest_gap_ms, 1, 31 * 1000);
        assert_in_range(refreshes, 8, 10); // and no more than is needed
        assert_int_equal(keeper_token_start(&w, k, 0, on_token, &o), 0);
        loop_turn(l, &clk, 200);
        assert_int_equal(o, OUTCOME_OK);
        loop_turn(l, &clk, 600 * MINUTE);
        assert_true(is_signed_in());
        assert_int_equal(warnings, 0); // of an end that does not come
        keeper_waiter_free(w);
}

// Keycloak: 30 minutes idle, 10 hours in all.
static void one_warning_fifteen_minutes_before_the_providers_end(void **state)
{
        (void)state;
        idle_s = 30 * 60;
        max_s = 10 * 3600;
        sign_in();
        loop_turn(l, &clk, (10 * 60 - 16) * MINUTE);
        assert_int_equal(warnings, 0);
        assert_in_range(left_s(), 16 * 60 - 60, 16 * 60 + 60);
        loop_turn(l, &clk, 6 * MINUTE); // at 15, or with the refresh that shows that this end does not move
        assert_int_equal(warnings, 1);
        loop_turn(l, &clk, 20 * MINUTE);
        assert_int_equal(warnings, 1);
        assert_false(is_signed_in());
        assert_int_equal(keeper_get_state(k), KEEPER_NEEDS_LOGIN);
        assert_int_equal(ended_with_sessions, 0);
}

static void a_provider_that_is_down_is_worth_one_warning(void **state)
{
        (void)state;
        idle_s = 3600;
        sign_in();
        loop_turn(l, &clk, 20 * MINUTE);
        down = true;
        loop_turn(l, &clk, 22 * MINUTE);
        assert_int_equal(warnings, 0); // it may come back
        loop_turn(l, &clk, 8 * MINUTE);
        assert_int_equal(warnings, 1);
        down = false;
        loop_turn(l, &clk, 5 * MINUTE);
        assert_true(is_signed_in());
        assert_true(left_s() > 50 * 60);
        loop_turn(l, &clk, 600 * MINUTE);
        assert_int_equal(warnings, 1);
}

static void who_says_nothing_of_an_end_has_none(void **state)
{
        (void)state;
        silent_about_life = true;
        sign_in();
        assert_int_equal(keeper_get_ends_s(k), 0);
        loop_turn(l, &clk, 48 * 60 * MINUTE);
        assert_int_equal(warnings, 0);
        assert_true(is_signed_in());
}

static void max_grant_age_ends_it_however_well_it_is_refreshed(void **state)
{
        (void)state;
        conf.max_grant_age_s = 8 * 3600;
        idle_s = 1800;
        sign_in();
        assert_int_equal(left_s(), 1800); // whichever is first
        loop_turn(l, &clk, (8 * 60 - 15) * MINUTE - 1000);
        assert_int_equal(warnings, 0);
        loop_turn(l, &clk, 2000);
        assert_int_equal(warnings, 1);
        assert_int_equal(left_s(), 15 * 60 - 1);
        loop_turn(l, &clk, 15 * MINUTE - 2000);
        assert_true(is_signed_in());
        loop_turn(l, &clk, 2000);
        assert_int_equal(keeper_get_state(k), KEEPER_NEEDS_LOGIN);
        assert_non_null(strstr(keeper_get_reason(k), "older than max_grant_age (28800 s)"));
        assert_int_equal(ended, 1);
        assert_int_equal(ended_with_sessions, 1);
        assert_int_equal(warnings, 1);
        sign_in_at(clock_wall_s(&clk.clock), true); // and again
        assert_true(is_signed_in());
        loop_turn(l, &clk, (8 * 60 - 10) * MINUTE);
        assert_int_equal(warnings, 2);
}

static void age_is_counted_from_the_sign_in_not_from_the_claim(void **state)
{
        (void)state;
        conf.max_grant_age_s = 3600;
        sign_in_at(NOW - 600, true); // it waited at valetkeyd
        loop_turn(l, &clk, 50 * MINUTE - 1000);
        assert_true(is_signed_in());
        loop_turn(l, &clk, 2000);
        assert_false(is_signed_in());
        sign_in_at(clock_wall_s(&clk.clock) + 86400, true); // from the future: as one of now
        loop_turn(l, &clk, 61 * MINUTE);
        assert_false(is_signed_in());
        sign_in_at(clock_wall_s(&clk.clock) - 86400, true); // too old when it comes
        loop_turn(l, &clk, 1000);
        assert_false(is_signed_in());
}

// Whoever sets the wall clock makes no sign-in older or younger.
static void the_wall_clock_does_not_count(void **state)
{
        (void)state;
        conf.max_grant_age_s = 3600;
        silent_about_life = true;
        sign_in();
        loop_turn(l, &clk, 10 * MINUTE);
        clock_fake_step_wall_ms(&clk, INT64_C(365) * 86400000);
        loop_turn(l, &clk, MINUTE);
        assert_true(is_signed_in());
        clock_fake_step_wall_ms(&clk, -INT64_C(730) * 86400000);
        loop_turn(l, &clk, 48 * MINUTE);
        assert_true(is_signed_in());
        assert_int_equal(left_s(), 60);
        loop_turn(l, &clk, 2 * MINUTE);
        assert_false(is_signed_in());
}

static void a_short_life_is_warned_of_in_its_last_quarter(void **state)
{
        (void)state;
        conf.max_grant_age_s = 60;
        sign_in();
        loop_turn(l, &clk, 44000);
        assert_int_equal(warnings, 0);
        loop_turn(l, &clk, 2000);
        assert_int_equal(warnings, 1);
}

static void without_a_refresh_token_the_id_tokens_end_is_its_end(void **state)
{
        (void)state;
        sign_in_at(NOW, false);
        assert_int_equal(left_s(), 300);
        loop_turn(l, &clk, 224000);
        assert_int_equal(warnings, 0);
        loop_turn(l, &clk, 2000);
        assert_int_equal(warnings, 1);
}

// What is stored and taken again keeps its age, and is not warned of twice.
static void a_broker_anew_goes_on_counting(void **state)
{
        struct keeper_memory m;
        struct grant g;

        (void)state;
        conf.max_grant_age_s = 3600;
        sign_in();
        loop_turn(l, &clk, 46 * MINUTE);
        assert_int_equal(warnings, 1);
        assert_true(stores >= 2); // one of them for the warning
        m = keeper_get_memory(k);
        keeper_free(k);
        assert_int_equal(keeper_new(&k, l, NULL, NULL, &conf, &events, NULL), 0);
        clock_fake_step_wall_ms(&clk, -600000);
        make_grant(&g, NOW, true);
        keeper_restore(k, &g, &m);
        assert_int_equal(left_s(), 14 * 60);
        loop_turn(l, &clk, 13 * MINUTE);
        assert_true(is_signed_in());
        loop_turn(l, &clk, 2 * MINUTE);
        assert_false(is_signed_in());
        assert_int_equal(warnings, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
                T(an_idle_limit_of_a_minute_is_never_reached),
                T(one_warning_fifteen_minutes_before_the_providers_end),
                T(a_provider_that_is_down_is_worth_one_warning),
                T(who_says_nothing_of_an_end_has_none),
                T(max_grant_age_ends_it_however_well_it_is_refreshed),
                T(age_is_counted_from_the_sign_in_not_from_the_claim),
                T(the_wall_clock_does_not_count),
                T(a_short_life_is_warned_of_in_its_last_quarter),
                T(without_a_refresh_token_the_id_tokens_end_is_its_end),
                T(a_broker_anew_goes_on_counting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
