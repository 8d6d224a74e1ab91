// SPDX-License-Identifier: Apache-2.0
//
// How long the tokens of a grant live. The provider tells it in wall-clock time; when the tokens come, that is turned into
// moments of the boot clock, with what is known of the provider's own clock then. From there on nobody who sets this
// machine's clock ends a sign-in, or has a dead one look alive. Once the provider has told its own time that counts: it is
// carried on by the boot clock as well.
#include "keeper_internal.h"

#define TOO_LATE 1 // 0 is for what is not known

static int64_t now_there_s(const struct keeper *k)
{
        return clock_wall_s(loop_clock(k->loop)) + provider_skew_s(k->provider);
}

static int64_t boot_moment(const struct keeper *k, int64_t left_s)
{
        int64_t at = keeper_boot_now(k) + left_s * 1000;

        return at > TOO_LATE ? at : TOO_LATE;
}

void keeper_token_begins(struct keeper *k)
{
        k->token_since_s = clock_wall_s(loop_clock(k->loop));
        k->token_ends_boot_ms = boot_moment(k, k->grant.id_token_exp_s - now_there_s(k));
}

void keeper_refresh_token_begins(struct keeper *k)
{
        int64_t left_s = k->grant.refresh_exp_s - clock_wall_s(loop_clock(k->loop));

        k->refresh_ends_boot_ms = k->grant.refresh_exp_s > 0 ? boot_moment(k, left_s) : 0;
}

int64_t keeper_token_ends_boot_ms(const struct keeper *k)
{
        if (provider_tells_time(k->provider))
                return boot_moment(k, k->grant.id_token_exp_s - now_there_s(k));
        return k->token_ends_boot_ms;
}

int64_t keeper_token_left_s(const struct keeper *k)
{
        return (keeper_token_ends_boot_ms(k) - keeper_boot_now(k)) / 1000;
}

int64_t keeper_refresh_token_left_s(const struct keeper *k)
{
        return k->refresh_ends_boot_ms ? (k->refresh_ends_boot_ms - keeper_boot_now(k)) / 1000 : 0;
}
