// SPDX-License-Identifier: Apache-2.0
//
// A role whose maximum at AWS is shorter than the duration configured here. STS refuses the call rather than give less,
// so it is asked once more for the hour that every role gives, and for no more than that for a day, or until somebody
// has the role refreshed: then the maximum may have been raised.
#include "role_internal.h"

#define EVERY_ROLE_GIVES_S STS_DURATION_CHAINED_S // the least that MaxSessionDuration can be
#define REMEMBER_MS        (INT64_C(86400) * 1000)
#define ABOUT_S            60

int64_t role_get_duration_s(const struct role *r)
{
        return role_boot_now(r) < r->short_until_boot_ms ? EVERY_ROLE_GIVES_S : r->conf->duration_s;
}

int64_t role_get_lifetime_s(const struct role *r)
{
        int64_t lived_s = (r->lifetime_ms + 500) / 1000, asked_s = role_get_duration_s(r);

        if (role_left_ms(r) <= 0)
                return 0;
        // Expiries have whole seconds: what is this near was given as asked.
        return lived_s >= asked_s - SKEW_NOISE_S && lived_s <= asked_s + SKEW_NOISE_S ? asked_s : lived_s;
}

bool role_shorten(struct role *r)
{
        if (role_get_duration_s(r) <= EVERY_ROLE_GIVES_S)
                return false;
        r->short_until_boot_ms = role_boot_now(r) + REMEMBER_MS;
        if (r->events->shortened)
                r->events->shortened(r, r->arg);
        return true;
}

void role_recall_duration(struct role *r)
{
        int64_t lived_s = (r->lifetime_ms + 500) / 1000;

        if (r->conf->duration_s > EVERY_ROLE_GIVES_S + ABOUT_S && lived_s <= EVERY_ROLE_GIVES_S &&
                lived_s > EVERY_ROLE_GIVES_S - ABOUT_S)
                r->short_until_boot_ms = role_boot_now(r) + REMEMBER_MS;
}
