// SPDX-License-Identifier: Apache-2.0
//
// The grant keeper, on a clock that is turned by hand and with a provider that answers when it is told to: the
// provider_* functions it calls are defined here.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "keeper.h"

#define NOW INT64_C(1800000000)

// ---- the provider

struct provider_op {
        provider_done_fn done;
        provider_rotated_fn rotated;
        void *arg;
        char sent[64], subject[64];
};

static struct provider_op *flight;
static unsigned refreshes, cancelled;
static int64_t skew_s;
static int start_result;

int provider_new(struct provider **ret, struct http *h, const struct provider_options *o)
{
        (void)h;
        assert_string_equal(o->issuer, "https://idp.example");
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
        assert_non_null(p);
        return skew_s;
}

bool provider_tells_time(const struct provider *p)
{
        assert_non_null(p);
        return skew_s != 0;
}

int provider_refresh_start(struct provider_op **ret, struct provider *p, const struct secret *refresh_token,
        const char *expect_subject, provider_done_fn done, void *arg)
{
        struct provider_op *op;

        assert_non_null(p);
        assert_null(flight); // one refresher
        if (start_result < 0)
                return start_result;
        op = calloc(1, sizeof *op);
        if (!op)
                return -ENOMEM;
        *op = (struct provider_op){.done = done, .arg = arg};
        strncpy(op->sent, secret_str(refresh_token), sizeof op->sent - 1);
        strncpy(op->subject, expect_subject, sizeof op->subject - 1);
        flight = *ret = op;
        refreshes++;
        return 0;
}

struct provider_op *provider_op_free(struct provider_op *op)
{
        if (op && op == flight) {
                flight = NULL;
                cancelled++;
        }
        if (op)
                explicit_bzero(op, sizeof *op);
        free(op);
        return NULL;
}

void provider_op_on_rotated(struct provider_op *op, provider_rotated_fn rotated)
{
        op->rotated = rotated;
}

static bool grant_stands; // what the next failure says

// Ends the refresh under way. The names of new tokens, or NULL where the provider sends none.
static void finish_with_life(enum outcome o, const char *text, const char *id_token,
        const char *refresh_token, int64_t life_s, int64_t refresh_life_s)
{
        struct provider_result r = {
                .outcome = o, .grant_stands = grant_stands, .tokens.refresh_expires_in_s = refresh_life_s};
        struct provider_op op;

        assert_non_null(flight);
        op = *flight;
        flight = NULL;
        err_set(&r.err, "%s", text);
        if (id_token)
                assert_int_equal(secret_new_str(&r.tokens.id_token, id_token), 0);
        if (refresh_token)
                assert_int_equal(secret_new_str(&r.tokens.refresh_token, refresh_token), 0);
        r.claims.exp = NOW + life_s;
        if (refresh_token)
                op.rotated(op.arg, &r.tokens);
        op.done(op.arg, &r);
        oidc_tokens_deinit(&r.tokens);
}

static void finish(
        enum outcome o, const char *text, const char *id_token, const char *refresh_token, int64_t life_s)
{
        finish_with_life(o, text, id_token, refresh_token, life_s, 0);
}

// ---- the rest of the world

static struct clock_fake clk;
static struct loop *l;
static struct keeper *k;
static unsigned n_granted, n_others, n_ended, n_signed_out;
static char corp[] = "corp", issuer[] = "https://idp.example", client[] = "valetkey";
static const struct config_identity conf = {
        .name = corp, .type = SOURCE_OIDC, .issuer = issuer, .client_id = client};

static void on_granted(struct keeper *keeper, bool same_person, void *arg)
{
        (void)keeper, (void)arg;
        n_granted++;
        n_others += !same_person;
}

static void on_ended(struct keeper *keeper, bool signed_out, void *arg)
{
        (void)keeper, (void)arg;
        n_ended++;
        n_signed_out += signed_out;
}

static char stored[16]; // the refresh token that was stored last

static void on_store(struct keeper *keeper, void *arg)
{
        const struct grant *g = keeper_get_grant(keeper);

        (void)arg;
        snprintf(stored, sizeof stored, "%s", g && g->refresh_token ? secret_str(g->refresh_token) : "");
}

static const struct keeper_events events = {.granted = on_granted, .ended = on_ended, .store = on_store};

static bool no_memory_for_the_name;

static void put(const char *subject, const char *id_token, const char *refresh_token, int64_t exp_s)
{
        struct grant g = {.type = SOURCE_OIDC, .id_token_exp_s = exp_s, .signed_in_at_s = NOW};

        g.identity = strdup(corp);
        g.issuer = strdup(issuer);
        g.client_id = strdup(client);
        g.subject = strdup(subject);
        g.display = strdup("alice");
        assert_int_equal(secret_new_str(&g.id_token, id_token), 0);
        if (refresh_token)
                assert_int_equal(secret_new_str(&g.refresh_token, refresh_token), 0);
        fault_fail_nth(no_memory_for_the_name);
        keeper_put(k, &g);
        fault_fail_nth(0);
        no_memory_for_the_name = false;
        assert_null(g.id_token);
        grant_deinit(&g);
}

struct asker {
        struct keeper_waiter *w;
        unsigned answers;
        enum outcome outcome;
        char token[64], text[ERR_MAX];
        uint64_t serial;
};

static void on_answer(void *arg, const struct keeper_token *t)
{
        struct asker *a = arg;

        a->answers++;
        a->outcome = t->outcome;
        a->serial = t->serial;
        assert_true((t->outcome == OUTCOME_OK) == (t->grant != NULL));
        if (t->grant)
                strncpy(a->token, secret_str(t->grant->id_token), sizeof a->token - 1);
        memcpy(a->text, t->err.text, sizeof a->text);
        a->w = keeper_waiter_free(a->w);
}

static void ask(struct asker *a, uint64_t rejected)
{
        *a = (struct asker){0};
        assert_int_equal(keeper_token_start(&a->w, k, rejected, on_answer, a), 0);
        assert_int_equal(a->answers, 0); // never from inside
        loop_turn(l, &clk, 1);
}

static int setup(void **state)
{
        (void)state;
        n_granted = n_others = n_ended = n_signed_out = refreshes = cancelled = 0;
        skew_s = 0;
        start_result = 0;
        grant_stands = false;
        clock_fake_init(&clk, NOW);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(keeper_new(&k, l, NULL, NULL, &conf, &events, NULL), 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        k = keeper_free(k);
        assert_null(flight);
        l = loop_free(l);
        return 0;
}

static void nobody_is_signed_in(void **state)
{
        struct asker a;

        (void)state;
        ask(&a, 0);
        assert_int_equal(a.outcome, OUTCOME_NEEDS_LOGIN);
        assert_non_null(strstr(a.text, "identity corp"));
        assert_non_null(strstr(a.text, "valetkey login"));
        assert_int_equal(keeper_get_state(k), KEEPER_SIGNED_OUT);
}

static void a_living_token_is_given_as_it_is(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        ask(&a, 0);
        assert_int_equal(a.outcome, OUTCOME_OK);
        assert_string_equal(a.token, "t1");
        assert_int_equal(refreshes, 0);
        assert_int_equal(keeper_get_state(k), KEEPER_SIGNED_IN);
}

static void one_refresh_for_all_who_ask_and_the_rotated_token_is_kept(void **state)
{
        struct asker a[50], b;

        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        clock_fake_advance_ms(&clk, 245000); // 55 s left
        for (size_t i = 0; i < 50; i++)
                ask(&a[i], 0);
        assert_int_equal(refreshes, 1);
        assert_string_equal(flight->sent, "r1");
        assert_string_equal(flight->subject, "s1");
        keeper_waiter_free(a[7].w); // one goes away
        a[7].w = NULL;
        finish(OUTCOME_OK, "", "t2", "r2", 600);
        loop_turn(l, &clk, 1);
        for (size_t i = 0; i < 50; i++) {
                assert_int_equal(a[i].answers, i == 7 ? 0 : 1);
                if (i != 7)
                        assert_string_equal(a[i].token, "t2");
        }
        clock_fake_advance_ms(&clk, 400000);
        ask(&b, 0);
        assert_string_equal(flight->sent, "r2"); // the new one, the old is spent
        finish(OUTCOME_OK, "", "t3", NULL, 1200);
        loop_turn(l, &clk, 1);
        assert_string_equal(b.token, "t3");
        clock_fake_advance_ms(&clk, 900000);
        ask(&b, 0);
        assert_string_equal(flight->sent, "r2"); // the provider did not rotate: it stays good
        finish(OUTCOME_OK, "", "t4", "r3", 3000);
        loop_turn(l, &clk, 1);
}

// To verify what came with it a key may have to be fetched: a crash meanwhile must not cost the sign-in.
static void a_rotated_token_is_stored_before_it_is_verified(void **state)
{
        struct oidc_tokens t = {.refresh_expires_in_s = 1800};
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        clock_fake_advance_ms(&clk, 301000);
        ask(&a, 0);
        assert_string_equal(stored, "r1");
        assert_int_equal(secret_new_str(&t.refresh_token, "r2"), 0);
        flight->rotated(flight->arg, &t);
        oidc_tokens_deinit(&t);
        assert_string_equal(stored, "r2");
        assert_int_equal(keeper_get_grant(k)->refresh_exp_s, NOW + 301 + 1800);
        assert_int_equal(a.answers, 0);
        finish(OUTCOME_OK, "", "t2", NULL, 900);
        loop_turn(l, &clk, 1);
        assert_string_equal(a.token, "t2");
        assert_int_equal(keeper_get_grant(k)->refresh_exp_s, NOW + 301 + 1800);
}

static void a_rejected_token_is_not_given_again(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 3000);
        ask(&a, 0);
        assert_string_equal(a.token, "t1");
        ask(&a, a.serial);
        assert_int_equal(refreshes, 1);
        // The new one is given even where its expiry seems past: a clock is wrong, STS shall judge.
        finish(OUTCOME_OK, "", "t2", NULL, -100);
        loop_turn(l, &clk, 1);
        assert_int_equal(a.outcome, OUTCOME_OK);
        assert_string_equal(a.token, "t2");
}

static void no_id_token_on_refresh_is_used_up_and_then_named(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        clock_fake_advance_ms(&clk, 250000);
        ask(&a, 0);
        finish(OUTCOME_OK, "", NULL, "r2", 0);
        loop_turn(l, &clk, 1);
        assert_int_equal(a.outcome, OUTCOME_OK);
        assert_string_equal(a.token, "t1"); // it still lives
        clock_fake_advance_ms(&clk, 60000);
        ask(&a, 0);
        assert_int_equal(refreshes, 1); // another would be in vain
        assert_int_equal(a.outcome, OUTCOME_NEEDS_LOGIN);
        assert_non_null(strstr(a.text, "no new one on refresh"));
        assert_int_equal(keeper_get_state(k), KEEPER_NEEDS_LOGIN);
        assert_int_equal(n_ended, 1);
        assert_int_equal(n_signed_out, 0);
}

static void without_a_refresh_token_it_lasts_as_long_as_the_id_token(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", NULL, NOW + 300);
        clock_fake_advance_ms(&clk, 299000);
        ask(&a, 0);
        assert_int_equal(a.outcome, OUTCOME_OK);
        clock_fake_advance_ms(&clk, 2000);
        ask(&a, 0);
        assert_int_equal(a.outcome, OUTCOME_NEEDS_LOGIN);
        assert_non_null(strstr(a.text, "offline_access"));
}

// Without a refresh token there is nothing that could bring a sign-in back, so no clock that is set ends it.
static void a_set_clock_neither_ends_a_sign_in_nor_prolongs_it(void **state)
{
        static const int64_t steps_ms[] = {86400000, -2 * 86400000};
        struct grant kept = {.type = SOURCE_OIDC, .id_token_exp_s = NOW + 300};
        struct keeper_memory m;
        struct asker a;

        (void)state;
        put("s1", "t1", NULL, NOW + 300);
        for (size_t i = 0; i < 2; i++) {
                clock_fake_step_wall_ms(&clk, steps_ms[i]);
                clock_fake_advance_ms(&clk, 100000);
                ask(&a, 0);
                assert_int_equal(a.outcome, OUTCOME_OK);
        }
        m = keeper_get_memory(k);
        assert_in_range(m.token_ends_boot_ms, clk.boot_now_ms + 99000, clk.boot_now_ms + 100000);
        clock_fake_advance_ms(&clk, 101000);
        ask(&a, 0);
        assert_int_equal(a.outcome, OUTCOME_NEEDS_LOGIN);
        // Nor does one that is set while no broker runs: the boot clock's word is stored.
        kept.identity = strdup(corp);
        kept.issuer = strdup(issuer);
        kept.client_id = strdup(client);
        kept.subject = strdup("s1");
        kept.display = strdup("alice");
        assert_int_equal(secret_new_str(&kept.id_token, "t1"), 0);
        m.token_ends_boot_ms = clk.boot_now_ms + 50000;
        keeper_restore(k, &kept, &m);
        ask(&a, 0);
        assert_int_equal(a.outcome, OUTCOME_OK);
        clock_fake_advance_ms(&clk, 51000);
        ask(&a, 0);
        assert_int_equal(a.outcome, OUTCOME_NEEDS_LOGIN);
}

// The idle limit of a refresh token is counted by the boot clock too: no step has it refreshed too late.
static void a_set_clock_does_not_delay_the_refresh(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        clock_fake_advance_ms(&clk, 299000);
        ask(&a, 0);
        finish_with_life(OUTCOME_OK, "", "t2", "r2", 3600, 60);
        clock_fake_step_wall_ms(&clk, -86400000);
        loop_turn(l, &clk, 31000);
        assert_int_equal(refreshes, 2);
        finish_with_life(OUTCOME_OK, "", "t3", "r3", 3600, 60);
}

static void a_provider_that_cannot_be_reached_ends_nothing(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        clock_fake_advance_ms(&clk, 250000);
        ask(&a, 0);
        finish(OUTCOME_UNREACHABLE, "cannot connect", NULL, NULL, 0);
        loop_turn(l, &clk, 1);
        assert_int_equal(a.outcome, OUTCOME_OK); // what lives is used
        clock_fake_advance_ms(&clk, 60000);
        ask(&a, 0);
        finish(OUTCOME_UNREACHABLE, "cannot connect", NULL, NULL, 0);
        loop_turn(l, &clk, 1);
        assert_int_equal(a.outcome, OUTCOME_UNREACHABLE);
        assert_non_null(strstr(a.text, "cannot connect"));
        for (unsigned i = 0; i < 100; i++) {
                ask(&a, 0);
                assert_int_equal(a.outcome, OUTCOME_UNREACHABLE);
        }
        assert_int_equal(refreshes, 2); // remembered
        assert_int_equal(n_ended, 0);
        clock_fake_advance_ms(&clk, 60000);
        ask(&a, 0);
        finish(OUTCOME_OK, "", "t2", "r2", 900);
        loop_turn(l, &clk, 1);
        assert_string_equal(a.token, "t2");
}

static void a_grant_nobody_uses_is_kept_alive(void **state)
{
        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        loop_turn(l, &clk, 13 * 60 * 1000); // up to a tenth early
        assert_int_equal(refreshes, 0);
        loop_turn(l, &clk, 2 * 60 * 1000 + 1000);
        assert_int_equal(refreshes, 1);
        assert_string_equal(flight->sent, "r1");
        finish(OUTCOME_OK, "", "t2", "r2", 1200);
        loop_turn(l, &clk, 15 * 60 * 1000 + 1000);
        assert_int_equal(refreshes, 2);
        assert_string_equal(flight->sent, "r2");
        finish(OUTCOME_NEEDS_LOGIN, "invalid_grant", NULL, NULL, 0);
        loop_turn(l, &clk, 3600 * 1000); // a grant that has ended is left in peace
        assert_int_equal(refreshes, 2);
        assert_int_equal(keeper_get_state(k), KEEPER_NEEDS_LOGIN);
}

// A provider that ends idle sessions after 60 s, and a role that is first asked for in minute 4.
static void an_idle_limit_of_a_minute_is_outlived(void **state)
{
        int64_t last_ms, end_ms;
        struct asker a;
        unsigned n = 0;

        (void)state;
        put("s1", "t0", "r0", NOW + 50);
        loop_turn(l, &clk, 15 * 60 * 1000 + 1000);
        finish_with_life(OUTCOME_OK, "", "t", "r", clk.wall_now_ms / 1000 - NOW + 50, 60);
        last_ms = clk.boot_now_ms;
        end_ms = last_ms + 240 * 1000;
        while (clk.boot_now_ms < end_ms) {
                loop_turn(l, &clk, 1000);
                if (!flight)
                        continue;
                assert_true(clk.boot_now_ms - last_ms <= 31 * 1000); // half of what it lives
                last_ms = clk.boot_now_ms;
                n++;
                finish_with_life(OUTCOME_OK, "", "t", "r", clk.wall_now_ms / 1000 - NOW + 50, 60);
        }
        assert_true(n >= 7 && n <= 10);
        assert_int_equal(keeper_get_state(k), KEEPER_SIGNED_IN);
        ask(&a, 0);
        assert_int_equal(a.outcome, OUTCOME_OK);
}

static void a_failed_refresh_in_the_background_is_tried_again_in_time(void **state)
{
        (void)state;
        put("s1", "t1", "r1", NOW + 5000);
        loop_turn(l, &clk, 15 * 60 * 1000 + 1000);
        assert_int_equal(refreshes, 1);
        finish(OUTCOME_UNREACHABLE, "no route", NULL, NULL, 0);
        loop_turn(l, &clk, 3 * 60 * 1000); // by the backoff, not in a quarter of an hour
        assert_true(refreshes >= 2);
        finish(OUTCOME_OK, "", "t2", "r2", 9000);
        loop_turn(l, &clk, 1);
        assert_int_equal(keeper_get_state(k), KEEPER_SIGNED_IN);
}

static void what_the_provider_refuses_is_over(void **state)
{
        static const enum outcome outcomes[] = {
                OUTCOME_NEEDS_LOGIN, OUTCOME_TOKEN_REJECTED, OUTCOME_ACCESS_DENIED};
        struct asker a;

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                put("s1", "t1", "r1", clock_wall_s(&clk.clock) + 300);
                clock_fake_advance_ms(&clk, 299000);
                ask(&a, 0);
                finish(outcomes[i], "the provider says invalid_grant", NULL, NULL, 0);
                loop_turn(l, &clk, 1);
                assert_int_equal(a.outcome, OUTCOME_NEEDS_LOGIN);
                assert_non_null(strstr(a.text, "invalid_grant"));
                assert_null(keeper_get_grant(k));
                assert_int_equal(n_ended, i + 1);
        }
}

// The provider's keys lag behind its tokens, or a clock is wrong: that passes, and a sign-in is not thrown away for it.
static void a_token_that_cannot_be_checked_just_now_ends_nothing(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        clock_fake_advance_ms(&clk, 301000);
        ask(&a, 0);
        grant_stands = true;
        finish(OUTCOME_TOKEN_REJECTED, "no such key", NULL, "r2", 0);
        loop_turn(l, &clk, 1);
        assert_int_equal(a.outcome, OUTCOME_TOKEN_REJECTED);
        assert_non_null(strstr(a.text, "no such key"));
        assert_int_equal(n_ended, 0);
        for (unsigned i = 0; i < 10; i++)
                ask(&a, 0);
        assert_int_equal(refreshes, 1); // remembered
        clock_fake_advance_ms(&clk, 60000);
        ask(&a, 0);
        assert_string_equal(flight->sent, "r2"); // the old one was spent
        finish(OUTCOME_OK, "", "t2", "r3", 900);
        loop_turn(l, &clk, 1);
        assert_string_equal(a.token, "t2");
}

// Plays an hour second by second, each refresh ending so; returns how many there were.
static unsigned an_hour_of(enum outcome o)
{
        unsigned n = 0;

        for (unsigned i = 0; i < 3600; i++) {
                loop_turn(l, &clk, 1000);
                if (!flight)
                        continue;
                n++;
                finish(o, "so", o == OUTCOME_OK ? "t" : NULL, NULL, clk.wall_now_ms / 1000 - NOW + 50);
        }
        return n;
}

// The life the provider told has passed, and it did not tell another.
static void a_refresh_token_past_its_told_life_is_no_reason_to_hammer(void **state)
{
        (void)state;
        put("s1", "t", "r", NOW + 50);
        loop_turn(l, &clk, 15 * 60 * 1000 + 1000);
        finish_with_life(OUTCOME_OK, "", "t", "r", 950, 60);
        assert_in_range(an_hour_of(OUTCOME_OK), 4, 20); // it works all the same
        keeper_drop(k);
        put("s1", "t", "r", clk.wall_now_ms / 1000 + 50);
        loop_turn(l, &clk, 15 * 60 * 1000 + 1000);
        finish_with_life(OUTCOME_OK, "", "t", "r", clk.wall_now_ms / 1000 - NOW + 50, 60);
        assert_in_range(an_hour_of(OUTCOME_UNREACHABLE), 10, 150); // a try each half minute at most
}

static void whoever_follows_one_without_a_name_is_another_person(void **state)
{
        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        no_memory_for_the_name = true;
        put("s2", "t2", "r2", NOW + 300);
        assert_int_equal(n_others, 1);
        put("s3", "t3", "r3", NOW + 300);
        assert_int_equal(n_others, 2);
}

static void who_signs_in_after_a_restart_without_a_grant_is_another_person(void **state)
{
        (void)state;
        keeper_after_another(k);
        put("s1", "t1", "r1", NOW + 300);
        assert_int_equal(n_others, 1);
        put("s1", "t2", "r2", NOW + 300);
        assert_int_equal(n_others, 1);
}

static void a_second_sign_in_replaces_the_first(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 30);
        clock_fake_advance_ms(&clk, 29000);
        ask(&a, 0);
        assert_non_null(flight);
        put("s1", "t2", "r2", NOW + 300); // while the first is being refreshed
        assert_int_equal(cancelled, 1);
        loop_turn(l, &clk, 1);
        assert_int_equal(a.outcome, OUTCOME_OK);
        assert_string_equal(a.token, "t2");
        assert_int_equal(n_granted, 2);
        assert_int_equal(n_others, 0);
        put("s2", "t3", "r3", NOW + 300);
        assert_int_equal(n_others, 1);
        keeper_drop(k);
        put("s1", "t4", NULL, NOW + 300); // also after a sign-out it is another person
        assert_int_equal(n_others, 2);
}

static void sign_out_wipes_and_tells_who_waits(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 1);
        clock_fake_advance_ms(&clk, 2000);
        ask(&a, 0);
        assert_non_null(flight);
        keeper_drop(k);
        assert_int_equal(cancelled, 1);
        loop_turn(l, &clk, 1);
        assert_int_equal(a.answers, 1);
        assert_int_equal(a.outcome, OUTCOME_NEEDS_LOGIN);
        assert_int_equal(keeper_get_state(k), KEEPER_SIGNED_OUT);
        assert_int_equal(n_signed_out, 1);
}

static void the_providers_clock_counts(void **state)
{
        struct asker a;

        (void)state;
        put("s1", "t1", "r1", NOW + 300);
        skew_s = 280; // the provider is ahead: by its clock 20 s are left
        ask(&a, 0);
        assert_int_equal(refreshes, 1);
        finish(OUTCOME_OK, "", "t2", NULL, 600);
        loop_turn(l, &clk, 1);
        assert_string_equal(a.token, "t2");
}

static void memory_that_runs_out(void **state)
{
        struct asker a = {0};
        struct keeper *other = NULL;
        int r = 0;

        (void)state;
        FAULT_EACH(20, r = keeper_new(&other, l, NULL, NULL, &conf, &events, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(other);
        }
        assert_int_equal(r, 0);
        keeper_free(other);
        FAULT_EACH(20, r = keeper_token_start(&a.w, k, 0, on_answer, &a))
        {
                assert_int_equal(r, -ENOMEM);
        }
        loop_turn(l, &clk, 1);
        assert_int_equal(a.answers, 1);
        // A refresh that cannot start is a failure like another: said, remembered, tried again.
        put("s1", "t1", "r1", NOW);
        start_result = -ENOMEM;
        ask(&a, 0);
        assert_int_equal(a.outcome, OUTCOME_INTERNAL);
        start_result = 0;
        loop_turn(l, &clk, 60000);
        ask(&a, 0);
        finish(OUTCOME_OK, "", "t2", NULL, 600);
        loop_turn(l, &clk, 1);
        assert_string_equal(a.token, "t2");
}

static bool seen;

static void watch(const void *p, size_t n, void *arg)
{
        (void)arg;
        seen |= memmem(p, n, "SECRET", 6) != NULL;
}

static void tokens_do_not_outlive_their_grant(void **state)
{
        struct asker a;

        (void)state;
        seen = false;
        put("s1", "SECRET-id", "SECRET-refresh", NOW + 1);
        fault_watch_free(watch, NULL);
        clock_fake_advance_ms(&clk, 2000);
        ask(&a, 0);
        finish(OUTCOME_OK, "", "SECRET-id-2", "SECRET-refresh-2", 600);
        loop_turn(l, &clk, 1);
        keeper_drop(k);
        fault_watch_free(NULL, NULL);
        memset(&a, 0, sizeof a);
        assert_false(seen);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(nobody_is_signed_in),
                T(a_living_token_is_given_as_it_is),
                T(one_refresh_for_all_who_ask_and_the_rotated_token_is_kept),
                T(a_rotated_token_is_stored_before_it_is_verified),
                T(a_rejected_token_is_not_given_again),
                T(no_id_token_on_refresh_is_used_up_and_then_named),
                T(without_a_refresh_token_it_lasts_as_long_as_the_id_token),
                T(a_set_clock_neither_ends_a_sign_in_nor_prolongs_it),
                T(a_set_clock_does_not_delay_the_refresh),
                T(a_provider_that_cannot_be_reached_ends_nothing),
                T(a_grant_nobody_uses_is_kept_alive),
                T(an_idle_limit_of_a_minute_is_outlived),
                T(a_failed_refresh_in_the_background_is_tried_again_in_time),
                T(what_the_provider_refuses_is_over),
                T(a_token_that_cannot_be_checked_just_now_ends_nothing),
                T(a_refresh_token_past_its_told_life_is_no_reason_to_hammer),
                T(whoever_follows_one_without_a_name_is_another_person),
                T(who_signs_in_after_a_restart_without_a_grant_is_another_person),
                T(a_second_sign_in_replaces_the_first),
                T(sign_out_wipes_and_tells_who_waits),
                T(the_providers_clock_counts),
                T(memory_that_runs_out),
                T(tokens_do_not_outlive_their_grant),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
