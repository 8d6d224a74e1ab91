// SPDX-License-Identifier: Apache-2.0
//
// Everything goes through keeper_advance(): it looks at what there is (a grant, a living token, a refresh under way,
// a claim under way) and at who waits, and does the next thing. It runs from a timer of zero, so no caller is
// ever called back from inside its own call.
#include "keeper_internal.h"

// An ID token this close to its end is refreshed before use; a quarter of its life where it is short-lived.
#define MARGIN_S 60

static int64_t token_margin_s(const struct keeper *k)
{
        int64_t quarter = (k->grant.id_token_exp_s - k->token_since_s) / 4;

        return quarter < 0 ? 0 : quarter < MARGIN_S ? quarter : MARGIN_S;
}

static void waiter_unlink(struct keeper_waiter *w)
{
        if (!w->link)
                return;
        *w->link = w->next;
        if (w->next)
                w->next->link = w->link;
        w->link = NULL;
}

static void answer(struct keeper_waiter *w, enum outcome o, const struct err *err)
{
        struct keeper *k = w->keeper;
        struct keeper_token t = {.outcome = o, .serial = k->serial};

        if (o == OUTCOME_OK)
                t.grant = &k->grant;
        else
                t.err = *err;
        t.unanswered = o != OUTCOME_OK && o != OUTCOME_NEEDS_LOGIN && k->unanswered;
        waiter_unlink(w);
        w->done(w->arg, &t); // may free w, or any other
}

static void needs_login(struct keeper_waiter *w)
{
        const struct keeper *k = w->keeper;
        struct err err = ERR_INIT;

        if (k->claims && claims_get_refusal(k->claims)[0])
                err_set(&err,
                        "not signed in to identity %s: the sign-in of this login was refused: %s. Run: "
                        "valetkey login",
                        k->conf->name, claims_get_refusal(k->claims));
        else if (k->reason.text[0])
                err_set(&err, "%s. Run: valetkey login", k->reason.text);
        else
                err_set(&err, "not signed in to identity %s. Run: valetkey login", k->conf->name);
        answer(w, OUTCOME_NEEDS_LOGIN, &err);
}

enum want {
        WANT_NOTHING, // answered
        WANT_REFRESH,
        WANT_LOOK,
        WANT_END, // the token is over and cannot be replaced
};

static enum want look_at(struct keeper_waiter *w)
{
        struct keeper *k = w->keeper;
        bool rejected = w->rejected == k->serial, alive, fresh;

        if (!k->has) {
                if (w->looked || !k->claims) {
                        needs_login(w);
                        return WANT_NOTHING;
                }
                return WANT_LOOK;
        }
        alive = !rejected && keeper_token_left_s(k) > 0;
        fresh = alive && keeper_token_left_s(k) > token_margin_s(k);
        if (fresh || (!rejected && k->refreshes > w->refreshes)) {
                answer(w, OUTCOME_OK, NULL);
                return WANT_NOTHING;
        }
        if (!k->grant.refresh_token || k->refresh_is_useless) {
                if (!alive)
                        return WANT_END;
                answer(w, OUTCOME_OK, NULL);
                return WANT_NOTHING;
        }
        if (keeper_boot_now(k) >= k->retry_boot_ms)
                return WANT_REFRESH;
        if (alive)
                answer(w, OUTCOME_OK, NULL);
        else
                answer(w, k->last_outcome, &k->last_err);
        return WANT_NOTHING;
}

static void on_looked(void *arg)
{
        struct keeper *k = arg;

        k->look = claims_waiter_free(k->look);
        for (struct keeper_waiter *w = k->waiters; w; w = w->next)
                w->looked |= w->looking;
        keeper_kick(k);
}

static void end_for_want_of_refresh(struct keeper *k)
{
        struct err why = ERR_INIT;

        if (k->refresh_is_useless)
                err_set(&why,
                        "the sign-in to identity %s has ended: its ID token has expired, and the provider "
                        "sends no "
                        "new one on refresh",
                        k->conf->name);
        else
                err_set(&why,
                        "the sign-in to identity %s has ended: its ID token has expired, and the provider "
                        "gave no "
                        "refresh token (scope offline_access?)",
                        k->conf->name);
        keeper_end(k, why.text, false);
}

static void start_look(struct keeper *k)
{
        int r = claims_wait_start(&k->look, k->claims, on_looked, k);

        for (struct keeper_waiter *w = k->waiters; w; w = w->next) {
                w->looking = true;
                w->looked |= r < 0; // no memory to ask: what is known here has to do
        }
}

void keeper_advance(void *arg)
{
        struct keeper *k = arg;
        struct keeper_waiter *w;

        while ((w = k->waiters) && !k->refresh && !k->look) {
                switch (look_at(w)) {
                case WANT_NOTHING:
                        break;
                case WANT_REFRESH:
                        keeper_refresh_start(k);
                        break;
                case WANT_LOOK:
                        start_look(k);
                        break;
                case WANT_END:
                        end_for_want_of_refresh(k);
                        break;
                }
        }
}

int keeper_token_start(
        struct keeper_waiter **ret, struct keeper *k, uint64_t rejected, keeper_done_fn done, void *arg)
{
        struct keeper_waiter *w = calloc(1, sizeof *w);

        if (!w)
                return -ENOMEM;
        *w = (struct keeper_waiter){.keeper = k,
                .rejected = rejected,
                .refreshes = k->refreshes,
                .done = done,
                .arg = arg,
                .next = k->waiters};
        w->link = &k->waiters;
        if (w->next)
                w->next->link = &w->next;
        k->waiters = w;
        keeper_kick(k);
        *ret = w;
        return 0;
}

struct keeper_waiter *keeper_waiter_free(struct keeper_waiter *w)
{
        if (w)
                waiter_unlink(w);
        free(w);
        return NULL;
}
