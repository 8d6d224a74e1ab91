// SPDX-License-Identifier: Apache-2.0
//
// The rule: what is served must outlive the largest refresh window of any SDK, or that SDK asks on every
// call. The windows: 60 minutes for sessions of 90 minutes and more (botocore, Java, being rolled out), 15 +
// 10 minutes for an hour (botocore on IMDS), 15 minutes in .NET always. So: at least 70 minutes of life left
// where the session is that long, 30 where it is shorter, and half its life below that, which is the best one
// can do.
//
// Jitter only ever moves a rotation earlier: by up to half of the age at rotation, and five minutes at most. Of a thousand
// hosts that signed in within the same seconds five or fewer then meet at STS in any second on average, and chance
// hardly ever makes it twenty; each rotation draws anew, so they come further apart.
#include "schedule.h"

#define MINUTE_MS INT64_C(60000)

static int64_t share(int64_t of, uint32_t jitter)
{
        // of * jitter / 2^32 without overflow for any of below 2^62
        return (of >> 16) * (int64_t)(jitter >> 16) + (((of & 0xffff) * (int64_t)(jitter >> 16)) >> 16);
}

int64_t schedule_rotate_in_ms(int64_t lifetime_ms, uint32_t jitter)
{
        int64_t left, age, spread;

        if (lifetime_ms <= 0)
                return 0;
        if (lifetime_ms >= 90 * MINUTE_MS)
                left = 70 * MINUTE_MS;
        else if (lifetime_ms >= 60 * MINUTE_MS)
                left = 30 * MINUTE_MS;
        else
                left = lifetime_ms / 2;
        age = lifetime_ms - left;
        spread = age / 2;
        if (spread > 5 * MINUTE_MS)
                spread = 5 * MINUTE_MS;
        return age - share(spread, jitter);
}

int64_t schedule_backoff_ms(unsigned failures, bool retry, int64_t left_ms, uint32_t jitter)
{
        int64_t first = retry ? 1000 : 10000, most = retry ? 60000 : 300000, wait = first;

        for (unsigned i = 1; i < failures && wait < most; i++)
                wait *= 2;
        if (wait > most)
                wait = most;
        if (left_ms > 0 && wait > left_ms / 4)
                wait = left_ms / 4;
        if (wait < 250)
                wait = 250;
        return wait / 2 + share(wait / 2, jitter);
}

int64_t schedule_understate_ms(int64_t lifetime_ms)
{
        int64_t most = SCHEDULE_UNDERSTATE_S * 1000;

        if (lifetime_ms <= 0)
                return 0;
        // A tenth at most: a session of seconds must not be over before it began.
        return lifetime_ms < SCHEDULE_SHORT_S * 1000 && lifetime_ms / 10 < most ? lifetime_ms / 10 : most;
}
