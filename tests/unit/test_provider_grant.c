// SPDX-License-Identifier: Apache-2.0
//
// Refresh, revocation and the shape that every operation of the provider has: one done(), none after free, and memory that runs
// out at any point.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "provider_world.h"

// ---- refresh

static void refreshing(void **state _unused_)
{
        w.token[0] = (struct reply){.body = good_answer()};
        start_refresh("alice");
        assert_string_equal(got.sub, "alice");
        assert_string_equal(got.refresh, "rt-new");
        expect(OUTCOME_OK, "");
        assert_non_null(strstr(w.last_token, "grant_type=refresh_token"));
        assert_non_null(strstr(w.last_token, "refresh_token=rt-old"));
        w.token[1] = (struct reply){.body = "{\"access_token\":\"at\",\"token_type\":\"Bearer\"}"};
        start_refresh("alice"); // no id_token, not rotated
        assert_string_equal(got.sub, "");
        assert_string_equal(got.refresh, "");
        assert_true(got.access_token);
        expect(OUTCOME_OK, "");
        w.token[2] = (struct reply){.body = good_answer()};
        start_refresh("bob"); // somebody else's
        assert_string_equal(got.refresh, "");
        assert_false(got.id_token || got.access_token || got.grant_stands);
        expect(OUTCOME_TOKEN_REJECTED, "");
        w.token[3] =
                (struct reply){.body = answer_with(other_key, "k7",
                                       claims_text(server_url(s), "valetkey", "alice", NOW - 5, NOW + 300))};
        start_refresh("alice"); // a key that is not known here yet
        assert_string_equal(got.refresh, "rt-new");
        assert_false(got.id_token || got.access_token);
        assert_true(got.grant_stands);
        expect(OUTCOME_TOKEN_REJECTED, "key");
}

static void refusals_of_a_refresh(void **state _unused_)
{
        static const struct {
                struct reply token;
                enum outcome outcome;
        } rows[] = {
                {{.status = 400, .body = "{\"error\":\"invalid_grant\"}"}, OUTCOME_NEEDS_LOGIN},
                {{.status = 400, .body = "{\"error\":\"interaction_required\"}"}, OUTCOME_NEEDS_LOGIN},
                {{.status = 400, .body = "{\"error\":\"login_required\"}"}, OUTCOME_NEEDS_LOGIN},
                {{.status = 403, .body = ""}, OUTCOME_NEEDS_LOGIN}, // glewlwyd
                {{.status = 400, .body = "<html>"}, OUTCOME_BAD_ANSWER},
                {{.status = 401, .body = "{\"error\":\"invalid_client\"}"}, OUTCOME_MISCONFIGURED},
                {{.status = 429, .body = ""}, OUTCOME_THROTTLED},
                {{.status = 503, .body = ""}, OUTCOME_UNREACHABLE},
                {{.status = 400, .body = "{\"error\":\"server_error\"}"}, OUTCOME_UNREACHABLE},
                {{.body = "{\"access_token\":"}, OUTCOME_BAD_ANSWER},
                {{.act = ACT_CUT}, OUTCOME_BAD_ANSWER},
                {{.act = ACT_RESET}, OUTCOME_UNREACHABLE},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                w.n_token = 0;
                w.token[0] = rows[i].token;
                w.token[1] = (struct reply){.body = good_answer()};
                start_refresh("alice");
                assert_int_equal(got.n, 1);
                assert_int_equal(w.n_token, 1); // what was sent is never sent again
                assert_string_equal(got.refresh, "");
                if (got.outcome != rows[i].outcome)
                        fail_msg("row %zu: %s: %s", i, outcome_info(got.outcome)->id, got.err);
                expect(rows[i].outcome, "");
        }
}

static void a_refresh_that_cannot_leave_is_tried_again(void **state _unused_)
{
        start_discover();
        expect(OUTCOME_OK, "");
        s = server_free(s);
        start_refresh("alice");
        assert_int_equal(got.n, 0);
        assert_int_equal(op->attempt, 1);
        turn(4000);
        assert_int_equal(op->attempt, 2);
        turn(4000);
        expect(OUTCOME_UNREACHABLE, "cannot connect");
}

static void a_new_refresh_token_outlives_a_failed_check(void **state _unused_)
{
        start_discover();
        expect(OUTCOME_OK, "");
        w.jwks = (struct reply){.status = 404};
        w.token[0] = (struct reply){.body = answer_with(other_key, "k2",
                                            claims_text(server_url(s), "valetkey", "alice", NOW, NOW + 300))};
        start_refresh("alice"); // its key is new, and the keys are not to be had just now
        assert_string_equal(got.refresh, "rt-new");
        assert_false(got.id_token || got.access_token);
        expect(OUTCOME_MISCONFIGURED, "key set");
        w.date_s = NOW - 7200;
        w.token[1] = (struct reply){
                .body = answer_with(
                        key, "k1", claims_text(server_url(s), "valetkey", "alice", NOW - 7200, NOW - 6900))};
        start_refresh("alice");
        assert_string_equal(got.refresh, "rt-new");
        expect(OUTCOME_CLOCK_SKEW, "");
}

static char told[16];

static void on_rotated(void *arg, struct oidc_tokens *t)
{
        cleanup_secret struct secret *taken = NULL;

        (void)arg;
        assert_int_equal(got.n, 0);
        assert_int_equal(w.n_jwks, 1); // the key that is needed was not asked for yet
        secret_move(&taken, &t->refresh_token);
        snprintf(told, sizeof told, "%s", secret_str(taken));
}

static void a_new_refresh_token_is_told_before_keys_are_fetched(void **state _unused_)
{
        cleanup_secret struct secret *t = NULL;

        start_discover();
        expect(OUTCOME_OK, "");
        say_jwks(other_key, "k2");
        w.token[0] = (struct reply){.body = answer_with(other_key, "k2",
                                            claims_text(server_url(s), "valetkey", "alice", NOW, NOW + 300))};
        assert_int_equal(secret_new_str(&t, "rt-old"), 0);
        assert_int_equal(provider_refresh_start(&op, p, t, "alice", on_done, &op), 0);
        provider_op_on_rotated(op, on_rotated);
        idle();
        assert_string_equal(told, "rt-new");
        assert_int_equal(w.n_jwks, 2);
        assert_string_equal(got.refresh, ""); // it was taken
        expect(OUTCOME_OK, "");
}

// ---- revocation

static void revoking(void **state _unused_)
{
        start_revoke();
        idle();
        expect(OUTCOME_OK, "");
        w.revoke = (struct reply){.status = 401, .body = "{\"error\":\"invalid_client\"}"};
        start_revoke();
        idle();
        expect(OUTCOME_MISCONFIGURED, "invalid_client");
        w.revoke = (struct reply){.status = 503};
        start_revoke();
        idle();
        expect(OUTCOME_UNREACHABLE, "503");
        w.revoke = (struct reply){.act = ACT_HANG};
        w.n_revoke = 0;
        start_revoke();
        reach(&w.n_revoke, 1);
        loop_turn(l, &clk, 1999);
        assert_int_equal(got.n, 0);
        loop_turn(l, &clk, 1);
        expect(OUTCOME_TIMEOUT, "");
        w.no_revocation_endpoint = true;
        say_discovery();
        loop_turn(l, &clk, 3600 * 1000);
        start_revoke();
        idle();
        expect(OUTCOME_MISCONFIGURED, "no revocation");
}

// ---- the shape of every operation

static int start_kind(int kind)
{
        cleanup_secret struct secret *t = NULL;
        int r = secret_new_str(&t, "rt-old");

        if (r < 0)
                return r;
        switch (kind) {
        case 0:
                return provider_discover_start(&op, p, on_done, &op);
        case 1:
                return provider_device_start(&op, p, on_prompt, on_done, &op);
        case 2:
                return provider_refresh_start(&op, p, t, "alice", on_done, &op);
        default:
                return provider_revoke_start(&op, p, t, on_done, &op);
        }
}

static void no_callback_after_free_at_any_stage(void **state _unused_)
{
        for (int kind = 0; kind < 4; kind++) {
                bool ended = false;

                for (int steps = 0; !ended && steps < 300; steps++) {
                        memset(&got, 0, sizeof got);
                        w.n_token = 0;
                        w.token[0] = w.token[1] = PENDING;
                        w.token[2] = (struct reply){.body = good_answer()};
                        if (kind == 2)
                                w.token[0] = w.token[2];
                        n_kept--;                        // good_answer of this round
                        loop_turn(l, &clk, 3600 * 1000); // everything is fetched anew
                        clk.wall_now_ms = (int64_t)NOW * 1000;
                        loop_turn(l, &clk, 0);
                        assert_int_equal(start_kind(kind), 0);
                        for (int i = 0; i < steps && !got.n; i++) {
                                loop_run_once(l, 1);
                                if (kind == 1 && got.prompts)
                                        loop_turn(l, &clk, 500);
                        }
                        ended = got.n > 0;
                        op = provider_op_free(op);
                        for (int i = 0; i < 5; i++) {
                                loop_run_once(l, 1);
                                loop_turn(l, &clk, 700);
                        }
                        assert_int_equal(got.n, ended);
                        free(kept[n_kept]);
                }
                assert_true(ended); // the last round came to its end
        }
}

static void owners_may_free_from_inside(void **state _unused_)
{
        got.free_in_prompt = true;
        start_device();
        assert_null(op);
        assert_int_equal(got.prompts, 1);
        memset(&got, 0, sizeof got);
        got.free_in_done = true;
        assert_int_equal(provider_discover_start(&op, p, on_done, &op), 0);
        reach(&got.n, 1);
        assert_null(op);
        memset(&got, 0, sizeof got);
        got.free_in_done = got.free_all_in_done = true;
        loop_turn(l, &clk, 3600 * 1000);
        assert_int_equal(provider_discover_start(&op, p, on_done, &op), 0);
        reach(&got.n, 1);
        assert_null(p);
}

static void every_allocation_of_a_start_may_fail(void **state _unused_)
{
        for (int kind = 0; kind < 4; kind++) {
                unsigned failed = 0;
                int r = 0;

                FAULT_EACH(50, r = start_kind(kind))
                {
                        assert_int_equal(r, -ENOMEM);
                        assert_null(op);
                        failed++;
                }
                assert_int_equal(r, 0);
                assert_true(failed >= 2);
                op = provider_op_free(op);
        }
}

static void every_allocation_on_the_way_may_fail(void **state _unused_)
{
        unsigned n = 0;
        bool struck = true;

        // Any end is right but none, two, or a success without its token.
        while (struck && n < 400) {
                memset(&got, 0, sizeof got);
                w.n_token = 0;
                w.token[0] = (struct reply){.body = good_answer()};
                n_kept--;
                loop_turn(l, &clk, 3600 * 1000);
                clk.wall_now_ms = (int64_t)NOW * 1000;
                assert_int_equal(start_kind(2), 0);
                fault_fail_nth(++n);
                // Where it was the server's memory, the deadlines end it.
                for (int i = 0; i < 10 && !got.n; i++) {
                        int64_t deadline = real_ms() + 200;

                        loop_run_once(l, 0);
                        while (!got.n && !timer_is_armed(op->tick) && !timer_is_armed(p->fetch_again) &&
                                real_ms() < deadline)
                                loop_run_once(l, 50);
                        loop_turn(l, &clk, 4000);
                }
                struck = fault_struck();
                assert_int_equal(got.n, 1);
                if (got.outcome == OUTCOME_OK)
                        assert_string_equal(got.sub, "alice");
                op = provider_op_free(op);
                free(kept[n_kept]);
        }
        assert_false(struck);
        assert_true(n > 40);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(refreshing),
                T(refusals_of_a_refresh),
                T(a_refresh_that_cannot_leave_is_tried_again),
                T(a_new_refresh_token_outlives_a_failed_check),
                T(a_new_refresh_token_is_told_before_keys_are_fetched),
                T(revoking),
                T(no_callback_after_free_at_any_stage),
                T(owners_may_free_from_inside),
                T(every_allocation_of_a_start_may_fail),
                T(every_allocation_on_the_way_may_fail),
        };

        return cmocka_run_group_tests(tests, keys, end);
}
