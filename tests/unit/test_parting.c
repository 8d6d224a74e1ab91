// SPDX-License-Identifier: Apache-2.0
//
// Signing out, with a provider that answers when it is told to: everything is wiped at once, each grant is ended by its
// newest refresh token and none by another's sign-out, and after two seconds nobody is waited for.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "parting.h"

#define NOW INT64_C(1800000000)

// ---- the provider

struct provider_op {
        provider_done_fn done;
        void *arg;
        bool revokes;
        char sent[32];
};

static struct provider_op *flights[32];
static unsigned n_revocations, n_refreshes;

static int start(
        struct provider_op **ret, const struct secret *token, bool revokes, provider_done_fn done, void *arg)
{
        struct provider_op *op = calloc(1, sizeof *op);

        if (!op)
                return -ENOMEM;
        *op = (struct provider_op){.done = done, .arg = arg, .revokes = revokes};
        strncpy(op->sent, secret_str(token), sizeof op->sent - 1);
        for (size_t i = 0; i < ARRAY_SIZE(flights); i++)
                if (!flights[i]) {
                        flights[i] = op;
                        break;
                }
        n_revocations += revokes;
        n_refreshes += !revokes;
        *ret = op;
        return 0;
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

int provider_refresh_start(struct provider_op **ret, struct provider *p, const struct secret *token,
        const char *expect_subject, provider_done_fn done, void *arg)
{
        (void)p, (void)expect_subject;
        return start(ret, token, false, done, arg);
}

int provider_revoke_start(struct provider_op **ret, struct provider *p, const struct secret *token,
        provider_done_fn done, void *arg)
{
        (void)p;
        return start(ret, token, true, done, arg);
}

void provider_op_redirect(struct provider_op *op, provider_done_fn done, void *arg)
{
        op->done = done;
        op->arg = arg;
}

void provider_op_on_rotated(struct provider_op *op, provider_rotated_fn rotated)
{
        (void)op, (void)rotated;
}

struct provider_op *provider_op_free(struct provider_op *op)
{
        for (size_t i = 0; op && i < ARRAY_SIZE(flights); i++)
                if (flights[i] == op)
                        flights[i] = NULL;
        free(op);
        return NULL;
}

static struct provider_op *flight(bool revokes, const char *sent)
{
        for (size_t i = 0; i < ARRAY_SIZE(flights); i++)
                if (flights[i] && flights[i]->revokes == revokes && strcmp(flights[i]->sent, sent) == 0)
                        return flights[i];
        return NULL;
}

static void finish(struct provider_op *op, enum outcome o, const char *refresh_token)
{
        struct provider_result r = {.outcome = o};

        assert_non_null(op);
        if (o != OUTCOME_OK)
                err_set(&r.err, "the provider says no");
        if (refresh_token)
                assert_int_equal(secret_new_str(&r.tokens.refresh_token, refresh_token), 0);
        op->done(op->arg, &r);
        oidc_tokens_deinit(&r.tokens);
}

// ---- the rest of the world

static struct clock_fake clk;
static struct loop *l;
static struct keeper *k;
static struct parting *p;
static struct parting_waiter *w;
static unsigned n_done;

static const struct config_identity conf = {.name = (char[]){"corp"},
        .type = SOURCE_OIDC,
        .issuer = (char[]){"https://idp.example"},
        .client_id = (char[]){"valetkey"}};

static void on_granted(struct keeper *keeper, bool same_person, void *arg)
{
        (void)keeper, (void)same_person, (void)arg;
}

static void on_ended(struct keeper *keeper, bool signed_out, void *arg)
{
        (void)keeper, (void)arg;
        assert_true(signed_out);
}

static const struct parting_ways revoking = {.revoke = true}, wiping = {.why = "it is configured so"};

static void make_grant(struct grant *g, const char *refresh_token)
{
        *g = (struct grant){.type = SOURCE_OIDC, .id_token_exp_s = NOW + 300, .signed_in_at_s = NOW};
        g->identity = strdup("corp");
        g->issuer = strdup(conf.issuer);
        g->client_id = strdup("valetkey");
        g->subject = strdup("s1");
        g->display = strdup("alice");
        assert_int_equal(secret_new_str(&g->id_token, "t1"), 0);
        if (refresh_token)
                assert_int_equal(secret_new_str(&g->refresh_token, refresh_token), 0);
}

static void put(const char *refresh_token)
{
        struct grant g;

        make_grant(&g, refresh_token);
        keeper_put(k, &g);
        grant_deinit(&g);
}

static void on_done(void *arg)
{
        (void)arg;
        assert_false(parting_is_busy(p));
        n_done++;
        w = parting_waiter_free(w);
}

static void leave(const struct parting_ways *ways)
{
        unsigned before = n_done;

        parting_begin(p, ways);
        assert_null(keeper_get_grant(k)); // whatever comes of the rest
        if (!w)
                assert_int_equal(parting_wait_start(&w, p, on_done, NULL), 0);
        assert_int_equal(n_done, before); // never from inside
}

static void on_token(void *arg, const struct keeper_token *t)
{
        (void)arg, (void)t;
}

// Has the keeper refresh its grant now.
static struct keeper_waiter *refresh(void)
{
        struct keeper_waiter *waiter;

        clock_fake_advance_ms(&clk, 290000);
        assert_int_equal(keeper_token_start(&waiter, k, 0, on_token, NULL), 0);
        loop_turn(l, &clk, 1);
        return waiter;
}

static int setup(void **state)
{
        static const struct keeper_events events = {.granted = on_granted, .ended = on_ended};

        (void)state;
        n_done = n_revocations = n_refreshes = 0;
        clock_fake_init(&clk, NOW);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(keeper_new(&k, l, NULL, NULL, &conf, &events, NULL), 0);
        assert_int_equal(parting_new(&p, k, NULL), 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        w = parting_waiter_free(w);
        p = parting_free(p);
        k = keeper_free(k);
        for (size_t i = 0; i < ARRAY_SIZE(flights); i++)
                assert_null(flights[i]);
        l = loop_free(l);
        return 0;
}

static void a_grant_is_revoked(void **state)
{
        (void)state;
        put("r1");
        leave(&revoking);
        loop_turn(l, &clk, 500);
        assert_int_equal(n_done, 0);
        finish(flight(true, "r1"), OUTCOME_OK, NULL);
        loop_turn(l, &clk, 1);
        assert_int_equal(n_done, 1);
        assert_true(parting_get_report(p)->had && parting_get_report(p)->revoked);
}

static void wiped_only_says_why(void **state)
{
        const struct parting_report *r = parting_get_report(p);

        (void)state;
        put("r1");
        leave(&wiping);
        loop_turn(l, &clk, 1);
        assert_int_equal(n_done, 1);
        assert_int_equal(n_revocations, 0);
        assert_true(r->had && !r->revoked);
        assert_string_equal(r->why.text, "it is configured so");

        put(NULL);
        leave(&revoking);
        loop_turn(l, &clk, 1);
        assert_true(r->had && !r->revoked);
        assert_string_equal(r->why.text, "the sign-in had no refresh token");

        put("r2");
        leave(&revoking);
        finish(flight(true, "r2"), OUTCOME_MISCONFIGURED, NULL);
        loop_turn(l, &clk, 1);
        assert_true(r->had && !r->revoked);
        assert_string_equal(r->why.text, "the provider says no");

        leave(&revoking); // nobody is signed in any more
        loop_turn(l, &clk, 1);
        assert_false(r->had);
        assert_int_equal(n_done, 4);
}

static void one_sign_out_does_not_cut_off_another(void **state)
{
        (void)state;
        put("r1");
        leave(&revoking);
        put("r2"); // signed in and out again while the provider is slow
        leave(&revoking);
        leave(&revoking);
        assert_int_equal(n_revocations, 2);
        finish(flight(true, "r2"), OUTCOME_OK, NULL);
        loop_turn(l, &clk, 1);
        assert_int_equal(n_done, 0);
        finish(flight(true, "r1"), OUTCOME_UNREACHABLE, NULL);
        loop_turn(l, &clk, 1);
        assert_int_equal(n_done, 1);
        assert_false(parting_get_report(p)->revoked); // not all of it
}

static void a_flood_is_wiped_and_bounded(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 20; i++) {
                put("r1");
                leave(&revoking);
        }
        assert_int_equal(n_revocations, 16);
        assert_string_equal(parting_get_report(p)->why.text, "too many sign-outs at once");
        for (size_t i = 0; i < 16; i++)
                finish(flight(true, "r1"), OUTCOME_OK, NULL);
        loop_turn(l, &clk, 1);
        assert_int_equal(n_done, 1);
}

static void during_a_refresh_the_newest_token_is_revoked(void **state)
{
        struct keeper_waiter *waiter;

        (void)state;
        put("r1");
        waiter = refresh();
        assert_int_equal(n_refreshes, 1);
        leave(&revoking);
        assert_non_null(flight(false, "r1")); // it is not cut off: its successor would be lost
        assert_int_equal(n_revocations, 0);
        finish(flight(false, "r1"), OUTCOME_OK, "r2");
        assert_int_equal(n_revocations, 1);
        assert_null(keeper_get_grant(k)); // nobody is signed in by what came
        finish(flight(true, "r2"), OUTCOME_OK, NULL);
        loop_turn(l, &clk, 1);
        assert_int_equal(n_done, 1);
        assert_true(parting_get_report(p)->revoked);
        keeper_waiter_free(waiter);
}

static void a_provider_that_does_not_rotate(void **state)
{
        struct keeper_waiter *waiter;

        (void)state;
        put("r1");
        waiter = refresh();
        leave(&revoking);
        finish(flight(false, "r1"), OUTCOME_OK, NULL);
        finish(flight(true, "r1"), OUTCOME_OK, NULL);
        loop_turn(l, &clk, 1);
        assert_true(parting_get_report(p)->revoked);
        keeper_waiter_free(waiter);
}

// "invalid_grant": there is nothing left to revoke. A new token that came with a refused ID token is the newest all the same.
static void refreshes_that_fail_meanwhile(void **state)
{
        struct keeper_waiter *waiter;

        (void)state;
        put("r1");
        waiter = refresh();
        leave(&revoking);
        finish(flight(false, "r1"), OUTCOME_NEEDS_LOGIN, NULL);
        loop_turn(l, &clk, 1);
        assert_int_equal(n_revocations, 0);
        assert_true(parting_get_report(p)->revoked);
        keeper_waiter_free(waiter);

        put("r3");
        waiter = refresh();
        leave(&revoking);
        finish(flight(false, "r3"), OUTCOME_TOKEN_REJECTED, "r4");
        finish(flight(true, "r4"), OUTCOME_OK, NULL);
        loop_turn(l, &clk, 1);
        assert_true(parting_get_report(p)->revoked);
        keeper_waiter_free(waiter);
}

static void two_seconds_are_the_bound_refresh_included(void **state)
{
        struct keeper_waiter *waiter;

        (void)state;
        put("r1");
        waiter = refresh();
        leave(&revoking);
        loop_turn(l, &clk, 1200);
        finish(flight(false, "r1"), OUTCOME_OK, "r2");
        loop_turn(l, &clk, 700);
        assert_int_equal(n_done, 0);
        loop_turn(l, &clk, 200);
        assert_int_equal(n_done, 1);
        assert_null(flight(true, "r2"));
        assert_false(parting_get_report(p)->revoked);
        assert_non_null(strstr(parting_get_report(p)->why.text, "within 2 seconds"));
        keeper_waiter_free(waiter);
}

static void a_closed_identity_takes_nothing(void **state)
{
        struct grant g;

        (void)state;
        put("r1");
        parting_close(p);
        leave(&revoking);
        put("r2"); // a sign-in that was finished a moment too late
        assert_null(keeper_get_grant(k));
        make_grant(&g, "r3");
        assert_true(parting_takes(p, &g)); // claimed, and valetkeyd has forgotten it
        grant_deinit(&g);
        finish(flight(true, "r1"), OUTCOME_OK, NULL);
        finish(flight(true, "r3"), OUTCOME_OK, NULL);
        loop_turn(l, &clk, 1);
        assert_int_equal(n_done, 1);
}

static void a_grant_of_nobody_who_left_is_kept(void **state)
{
        struct grant g;

        (void)state;
        make_grant(&g, "r1");
        assert_false(parting_takes(p, &g));
        grant_deinit(&g);
}

static void memory_that_runs_out_wipes_all_the_same(void **state)
{
        (void)state;
        for (unsigned n = 1; n < 8; n++) {
                put("r1");
                fault_fail_nth(n);
                parting_begin(p, &revoking);
                fault_fail_nth(0);
                assert_null(keeper_get_grant(k));
                if (flight(true, "r1"))
                        finish(flight(true, "r1"), OUTCOME_OK, NULL);
                else
                        assert_true(parting_get_report(p)->why.text[0]);
                loop_turn(l, &clk, 1);
                assert_false(parting_is_busy(p));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
                T(a_grant_is_revoked),
                T(wiped_only_says_why),
                T(one_sign_out_does_not_cut_off_another),
                T(a_flood_is_wiped_and_bounded),
                T(during_a_refresh_the_newest_token_is_revoked),
                T(a_provider_that_does_not_rotate),
                T(refreshes_that_fail_meanwhile),
                T(two_seconds_are_the_bound_refresh_included),
                T(a_closed_identity_takes_nothing),
                T(a_grant_of_nobody_who_left_is_kept),
                T(memory_that_runs_out_wipes_all_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
