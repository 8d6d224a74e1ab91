// SPDX-License-Identifier: Apache-2.0
//
// Providers end a session that nobody uses, often after half an hour, though a role session may live for hours. So
// the grant has a schedule of its own: it is refreshed when half of its refresh token's life is over, or every
// quarter of an hour where the provider does not say.
//
// Two rules about refresh tokens. A rotated one is stored before anything else happens with the answer, its verification
// included: the old one is spent the moment the provider sent the new. And nobody else ever sends one: providers that
// rotate end the whole family when they see one twice.
#include "keeper_internal.h"

#include "log.h"
#include "schedule.h"

#include <inttypes.h>

// How often a grant is refreshed where the provider does not say how long a refresh token lives: half of the
// shortest idle limit that is common (Keycloak's default is 30 minutes).
#define ALIVE_S (15 * 60)

bool keeper_can_refresh(const struct keeper *k)
{
        return k->has && k->grant.refresh_token && !k->refresh_is_useless;
}

// Plans the next refresh that nobody asked for; a little early, so that hosts signed in together come apart.
void keeper_plan_alive(struct keeper *k)
{
        int64_t left_s = keeper_refresh_token_left_s(k), wait_ms = ALIVE_S * 1000;

        if (!keeper_can_refresh(k)) {
                timer_disarm(k->alive);
                return;
        }
        if (k->refresh_ends_boot_ms)
                wait_ms = left_s > 0 ? left_s * 500 : 0;
        wait_ms -= (int64_t)(arc4random() % 1024) * wait_ms / 10240;
        // Sooner than the retry only where life is still told to be left: a provider that is down is not hammered.
        if (k->retry_boot_ms > keeper_boot_now(k) &&
                (left_s <= 0 || wait_ms > k->retry_boot_ms - keeper_boot_now(k)))
                wait_ms = k->retry_boot_ms - keeper_boot_now(k);
        timer_arm_in(k->alive, wait_ms > 1000 ? wait_ms : 1000);
}

static void refresh_failed(struct keeper *k, enum outcome o, bool grant_stands, const struct err *err)
{
        struct err why = ERR_INIT;

        if (o == OUTCOME_NEEDS_LOGIN || (o == OUTCOME_TOKEN_REJECTED && !grant_stands) ||
                o == OUTCOME_ACCESS_DENIED || o == OUTCOME_WRONG_SUBJECT) {
                if (k->events->refused && (o == OUTCOME_NEEDS_LOGIN || o == OUTCOME_ACCESS_DENIED))
                        k->events->refused(k, o, k->arg);
                err_set(&why, "the sign-in to identity %s has ended: %s", k->conf->name, err->text);
                keeper_end(k, why.text, false);
                return;
        }
        k->failures++;
        k->retry_boot_ms = keeper_boot_now(k) +
                           schedule_backoff_ms(k->failures, outcome_info(o)->retry, 0, arc4random());
        k->last_outcome = o;
        err_clear(&k->last_err);
        err_set(&k->last_err, "cannot refresh the sign-in to identity %s: %s", k->conf->name,
                err->text[0] ? err->text : outcome_info(o)->text);
        log_event(LOG_E_WARNING, "grant.refresh_failed", "identity=%s outcome=%s reason=%s", k->conf->name,
                outcome_info(o)->id, err->text);
        keeper_changed(k);
}

static void take_refresh_token(struct keeper *k, struct oidc_tokens *t)
{
        int64_t before_boot_ms = k->refresh_ends_boot_ms;

        if (t->refresh_token || t->refresh_expires_in_s > 0)
                k->grant.refresh_exp_s = t->refresh_expires_in_s > 0
                                                 ? clock_wall_s(loop_clock(k->loop)) + t->refresh_expires_in_s
                                                 : 0;
        if (t->refresh_token || t->refresh_expires_in_s > 0)
                keeper_refresh_token_begins(k);
        if (t->refresh_token)
                secret_move(&k->grant.refresh_token, &t->refresh_token);
        keeper_note_end(k, before_boot_ms);
}

static void on_rotated(void *arg, struct oidc_tokens *t)
{
        struct keeper *k = arg;

        take_refresh_token(k, t);
        k->rotated = true;
        keeper_store(k);
}

static void refreshed(struct keeper *k, struct provider_result *result)
{
        struct oidc_tokens *t = &result->tokens;
        bool is_new = false;

        if (!k->rotated)
                take_refresh_token(k, t);
        if (keeper_refresh_token_left_s(k) <= 0)
                k->grant.refresh_exp_s = k->refresh_ends_boot_ms =
                        0; // what the provider told was wrong: it still took the token
        if (t->access_token)
                secret_move(&k->grant.access_token, &t->access_token);
        k->failures = 0;
        k->retry_boot_ms = 0;
        k->last_outcome = OUTCOME_OK;
        err_clear(&k->last_err);
        if (t->id_token) {
                secret_move(&k->grant.id_token, &t->id_token);
                k->grant.id_token_exp_s = result->claims.exp;
                keeper_token_begins(k);
                k->serial++;
                k->refreshes++;
                is_new = true;
        } else {
                k->refresh_is_useless = true;
        }
        keeper_store(k);
        log_event(LOG_E_INFO, "grant.refreshed", "identity=%s id_token=%s expires=%" PRId64, k->conf->name,
                k->refresh_is_useless ? "none" : "new", k->grant.id_token_exp_s);
        if (is_new && k->events->renewed)
                k->events->renewed(k, k->arg);
        keeper_changed(k);
}

static void on_refreshed(void *arg, struct provider_result *result)
{
        struct keeper *k = arg;

        k->unanswered = result->outcome == OUTCOME_UNREACHABLE || result->outcome == OUTCOME_TIMEOUT;
        if (result->outcome == OUTCOME_OK) {
                refreshed(k, result);
        } else {
                refresh_failed(k, result->outcome, result->grant_stands, &result->err);
        }
        // A grant that ended has freed the operation already.
        k->refresh = provider_op_free(k->refresh);
        keeper_plan_alive(k);
        keeper_plan_expiry(k);
        keeper_kick(k);
}

bool keeper_look_again(struct keeper *k)
{
        if (k->refresh || k->retry_boot_ms == 0 || (!k->unanswered && k->last_outcome != OUTCOME_CLOCK_SKEW))
                return false;
        k->failures = 0;
        k->retry_boot_ms = 0;
        keeper_plan_alive(k);
        return true;
}

void keeper_refresh_start(struct keeper *k)
{
        struct err err = ERR_INIT;
        int r = provider_refresh_start(
                &k->refresh, k->provider, k->grant.refresh_token, k->grant.subject, on_refreshed, k);

        k->rotated = false;
        if (r == 0) {
                provider_op_on_rotated(k->refresh, on_rotated);
                return;
        }
        err_set(&err, "%s", strerror(-r));
        refresh_failed(k, OUTCOME_INTERNAL, true, &err);
        keeper_plan_alive(k);
        keeper_kick(k);
}

void keeper_on_alive(void *arg)
{
        struct keeper *k = arg;

        if (!k->refresh && keeper_can_refresh(k))
                keeper_refresh_start(k);
}
