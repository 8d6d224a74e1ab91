// SPDX-License-Identifier: Apache-2.0
//
// The system's clocks and the one that tests turn.
#include "clock.h"

#include "util.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
        struct timespec ts;

        clock_gettime(id, &ts);
        return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_wall_ms(const struct clock *c _unused_)
{
        return read_ms(CLOCK_REALTIME);
}

static int64_t system_boot_ms(const struct clock *c _unused_)
{
        return read_ms(CLOCK_BOOTTIME);
}

const struct clock clock_system = {.wall_ms = system_wall_ms, .boot_ms = system_boot_ms};

static int64_t fake_wall_ms(const struct clock *c)
{
        return container_of(c, const struct clock_fake, clock)->wall_now_ms;
}

static int64_t fake_boot_ms(const struct clock *c)
{
        return container_of(c, const struct clock_fake, clock)->boot_now_ms;
}

void clock_fake_init(struct clock_fake *c, int64_t wall_s)
{
        *c = (struct clock_fake){
                .clock = {.wall_ms = fake_wall_ms, .boot_ms = fake_boot_ms},
                .wall_now_ms = wall_s * 1000,
                .boot_now_ms = 1000,
        };
}

void clock_fake_advance_ms(struct clock_fake *c, int64_t ms)
{
        c->wall_now_ms += ms;
        c->boot_now_ms += ms;
}

void clock_fake_step_wall_ms(struct clock_fake *c, int64_t ms)
{
        c->wall_now_ms += ms;
}

void clock_remote_learn(struct clock_remote *r, const struct clock *c, int64_t date_s)
{
        *r = (struct clock_remote){.known = true, .ahead_of_boot_ms = date_s * 1000 - c->boot_ms(c)};
}

int64_t clock_remote_skew_s(const struct clock_remote *r, const struct clock *c)
{
        int64_t ms = r->known ? r->ahead_of_boot_ms + c->boot_ms(c) - c->wall_ms(c) : 0;

        // A Date is cut to whole seconds: half of one is put back, so that noise around a second stays nought.
        return (ms + (ms < 0 ? -500 : 500)) / 1000;
}
