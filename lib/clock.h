// SPDX-License-Identifier: Apache-2.0
//
// Time as an argument. Whatever decides by time is handed a struct clock, so a test can turn it. Two
// readings: wall time (expiry, tokens, signatures) and boot time (durations: it counts suspend,
// CLOCK_MONOTONIC does not).
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct clock {
        int64_t (*wall_ms)(const struct clock *c); // milliseconds since the Unix epoch
        int64_t (*boot_ms)(const struct clock *c); // milliseconds since boot, suspend included
};

extern const struct clock clock_system;

// A clock that stands still until it is turned.
struct clock_fake {
        struct clock clock; // first member: a pointer to it is what consumers take
        int64_t wall_now_ms;
        int64_t boot_now_ms;
};

void clock_fake_init(struct clock_fake *c, int64_t wall_s);
void clock_fake_advance_ms(struct clock_fake *c, int64_t ms);   // both readings move
void clock_fake_step_wall_ms(struct clock_fake *c, int64_t ms); // somebody set the clock

// Another machine's clock, learnt from its answers (the Date header) and carried on by the boot clock: whoever sets this
// machine's clock changes nothing about it. All zero is one that is not known.
struct clock_remote {
        bool known;
        int64_t ahead_of_boot_ms;
};
void clock_remote_learn(struct clock_remote *r, const struct clock *c, int64_t date_s);
// How far it is ahead of this machine's wall clock at this moment, in seconds; 0 while it is not known.
int64_t clock_remote_skew_s(const struct clock_remote *r, const struct clock *c);

static inline int64_t clock_wall_s(const struct clock *c)
{
        return c->wall_ms(c) / 1000;
}
