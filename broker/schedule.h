// SPDX-License-Identifier: Apache-2.0
//
// When to rotate, when to try again, and what expiry to tell: pure arithmetic, so that it can be tried out
// against every SDK's refresh window without a clock. All durations are milliseconds of life, counted on the
// boot clock: a role session lives on while somebody sets the wall clock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_SHORT_S      900 // sessions this short are inside some SDK's refresh window all their life
#define SCHEDULE_UNDERSTATE_S 120 // how much earlier than the truth an expiry is told

// How long after it was obtained a role session of this life is to be replaced. jitter: any 32 random bits.
int64_t schedule_rotate_in_ms(int64_t lifetime_ms, uint32_t jitter);

// How long to wait after the n-th failure in a row (n ≥ 1) before STS is asked again. retry: the failure may
// pass by itself. left_ms: real life of what is still served (≤ 0: nothing is), so that short sessions are
// tried again while they still live.
int64_t schedule_backoff_ms(unsigned failures, bool retry, int64_t left_ms, uint32_t jitter);

// What to take off the real expiry on the credential_process door: some SDKs use credentials to the very
// second they expire, and a request takes its time.
int64_t schedule_understate_ms(int64_t lifetime_ms);
