// SPDX-License-Identifier: Apache-2.0
//
// Jitter needs no secrecy, but the generator is there and has no state of ours.
#include "backoff.h"

#include "random.h"

int64_t backoff_ms(unsigned attempt, int64_t base_ms, int64_t max_ms)
{
        int64_t whole = base_ms;
        uint32_t dice = 0;

        while (attempt-- > 0 && whole < max_ms)
                whole *= 2;
        if (whole > max_ms)
                whole = max_ms;
        if (random_bytes(&dice, sizeof dice) < 0)
                return whole; // no randomness: the longest wait is the safe one
        return whole - (int64_t)(dice % (uint64_t)(whole / 2 + 1));
}
