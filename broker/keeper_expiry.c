// SPDX-License-Identifier: Apache-2.0
//
// When the grant itself ends, and the one warning before. There are two ends. Ours is max_grant_age, counted on the boot
// clock, which nobody sets. The provider's is where its refresh token's life ends; but that end moves with every refresh as
// long as it is the limit on idle sessions, and a person is not to be warned of an end that will not come. So the moment of
// the warning is a quarter of that life before it: the refresh is due at half, and when it has not moved the end by then, it
// will not. An end that a refresh did not move is fixed, and its life is the grant's.
#include "keeper_internal.h"

#include "log.h"

#include <inttypes.h>

#define WARN_MS  (INT64_C(15) * 60 * 1000)
#define NOISE_MS INT64_C(60000) // two ends closer than this are one

struct end {
        int64_t at_boot_ms, life_ms;
};

static bool our_end(const struct keeper *k, struct end *ret)
{
        *ret = (struct end){.life_ms = k->conf->max_grant_age_s * 1000};
        ret->at_boot_ms = k->began_boot_ms + ret->life_ms;
        return k->has && ret->life_ms > 0;
}

static bool providers_end(const struct keeper *k, struct end *ret)
{
        bool refreshable = keeper_can_refresh(k);
        int64_t at = refreshable ? k->refresh_ends_boot_ms : keeper_token_ends_boot_ms(k);
        bool moves = refreshable && !k->end_is_fixed;

        *ret = (struct end){.at_boot_ms = at};
        ret->life_ms = ret->at_boot_ms - (moves ? k->end_told_boot_ms : k->began_boot_ms);
        return k->has && at > 0;
}

static bool next_end(const struct keeper *k, struct end *ret)
{
        struct end ours, theirs;
        bool a = our_end(k, &ours), b = providers_end(k, &theirs);

        if (a && (!b || ours.at_boot_ms <= theirs.at_boot_ms))
                *ret = ours;
        else if (b)
                *ret = theirs;
        return a || b;
}

static int64_t warn_boot_ms(const struct end *e)
{
        int64_t before = e->life_ms / 4 < WARN_MS ? e->life_ms / 4 : WARN_MS;

        return e->at_boot_ms - (before > 0 ? before : 0);
}

static bool is_warned_of(const struct keeper *k, const struct end *e)
{
        return k->warned_end_boot_ms && e->at_boot_ms <= k->warned_end_boot_ms + NOISE_MS;
}

int64_t keeper_get_ends_s(const struct keeper *k)
{
        const struct clock *c = loop_clock(k->loop);
        struct end e;

        return next_end(k, &e) ? (c->wall_ms(c) + e.at_boot_ms - keeper_boot_now(k)) / 1000 : 0;
}

void keeper_plan_expiry(struct keeper *k)
{
        int64_t now = keeper_boot_now(k), at = INT64_MAX;
        struct end e;

        if (next_end(k, &e) && !is_warned_of(k, &e))
                at = warn_boot_ms(&e);
        if (our_end(k, &e) && e.at_boot_ms < at)
                at = e.at_boot_ms;
        if (at == INT64_MAX)
                timer_disarm(k->expiry);
        else
                timer_arm_in(k->expiry, at > now ? at - now : 0);
}

static void warn(struct keeper *k, const struct end *e)
{
        k->warned_end_boot_ms = e->at_boot_ms;
        log_event(LOG_E_WARNING, "grant.ends_soon", "identity=%s ends=%" PRId64 " left=%" PRId64 " hint=%s",
                k->conf->name, keeper_get_ends_s(k), (e->at_boot_ms - keeper_boot_now(k)) / 1000,
                "valetkey login");
        keeper_store(k); // a broker that starts anew does not warn again
        if (k->events->ends_soon)
                k->events->ends_soon(k, k->arg);
}

void keeper_on_expiry(void *arg)
{
        struct keeper *k = arg;
        int64_t now = keeper_boot_now(k);
        struct err why = ERR_INIT;
        struct end e;

        if (our_end(k, &e) && now >= e.at_boot_ms) {
                err_set(&why,
                        "the sign-in to identity %s has ended: it is older than max_grant_age (%" PRId64
                        " s)",
                        k->conf->name, k->conf->max_grant_age_s);
                keeper_end(k, why.text, true);
                return;
        }
        if (next_end(k, &e) && !is_warned_of(k, &e) && now >= warn_boot_ms(&e))
                warn(k, &e);
        keeper_plan_expiry(k);
}

void keeper_begin_expiry(struct keeper *k)
{
        int64_t now = keeper_boot_now(k), wall_s = clock_wall_s(loop_clock(k->loop));
        int64_t since_s = k->grant.signed_in_at_s;

        // It may have waited at valetkeyd for minutes. A sign-in in the future is one of now.
        k->began_boot_ms = since_s > 0 && since_s < wall_s ? now - (wall_s - since_s) * 1000 : now;
        k->end_told_boot_ms = now;
        k->end_is_fixed = false;
        k->warned_end_boot_ms = 0;
}

void keeper_note_end(struct keeper *k, int64_t before_boot_ms)
{
        int64_t after = k->refresh_ends_boot_ms, now = keeper_boot_now(k),
                since_ms = now - k->end_told_boot_ms;

        k->end_is_fixed =
                before_boot_ms > 0 && after > 0 && since_ms >= 1000 && after - before_boot_ms < since_ms / 2;
        k->end_told_boot_ms = now;
}
