// SPDX-License-Identifier: Apache-2.0
//
// The loop itself. libevent waits; time is ours (timer.c), because libevent's own timers run on
// CLOCK_MONOTONIC, which stops in suspend and knows nothing of a clock that was set.
#include "loop.h"

#include "loop_internal.h"
#include "scrub.h"

// ret: freed by loop_free. clock is borrowed and outlives the loop. 0, -ENOMEM, -errno of timerfd_create.
int loop_new(struct loop **ret, const struct clock *clock)
{
        struct loop *l = calloc(1, sizeof *l);
        int r;

        if (!l)
                return -ENOMEM;
        l->clock = clock;
        l->fake = clock != &clock_system;
        l->signal_fd = -1;
        for (size_t i = 0; i < TIMER_CLOCKS; i++)
                l->queues[i] = (struct timer_queue){.fd = -1, .set_to_ms = INT64_MAX};
        l->base = event_base_new();
        r = l->base ? timers_init(l) : -ENOMEM;
        if (r < 0) {
                loop_free(l);
                return err_trace(r);
        }
        *ret = l;
        return 0;
}

// Timers, watches and operations on the loop are freed before it.
struct loop *loop_free(struct loop *l)
{
        if (!l)
                return NULL;
        signals_deinit(l);
        timers_deinit(l);
        if (l->base)
                event_base_free(l->base);
        free(l);
        return NULL;
}

struct event_base *loop_base(struct loop *l)
{
        return l->base;
}

const struct clock *loop_clock(struct loop *l)
{
        return l->clock;
}

// Runs until loop_quit(), also one that came before this call. 0, or -EIO when the kernel refuses to wait.
int loop_run(struct loop *l)
{
        int r = 0;

        while (!l->quit && r >= 0) {
                r = event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
                scrub_stack(); // before it waits again, with a token of this turn on it
        }
        l->quit = false;
        return r < 0 ? -EIO : 0;
}

static void wake_up(evutil_socket_t fd _unused_, short what _unused_, void *arg _unused_)
{
}

// Waits up to timeout_ms of real time for something to be ready (0: looks only) and handles it.
int loop_run_once(struct loop *l, int timeout_ms)
{
        struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
        struct event *limit = event_new(l->base, -1, 0, wake_up, NULL);
        int r;

        if (!limit || event_add(limit, &tv) < 0) {
                if (limit)
                        event_free(limit);
                return -ENOMEM;
        }
        r = event_base_loop(l->base, EVLOOP_ONCE | (timeout_ms ? 0 : EVLOOP_NONBLOCK));
        event_free(limit);
        return r < 0 ? -EIO : 0;
}

void loop_quit(struct loop *l)
{
        l->quit = true;
        event_base_loopbreak(l->base);
}

// Fires what is due at this moment, and what that makes due, but not for ever.
static void fire_moment(struct loop *l)
{
        for (int round = 0; round < 10000 && timers_fire(l); round++)
                ;
}

void loop_turn(struct loop *l, struct clock_fake *c, int64_t ms)
{
        int64_t end = c->boot_now_ms + ms;

        fire_moment(l);
        for (;;) {
                int64_t left = end - c->boot_now_ms, wait = timers_wait_ms(l);

                if (wait > left)
                        break;
                if (wait == 0 && left == 0)
                        break; // a timer that re-arms itself for this very moment for ever
                clock_fake_advance_ms(c, wait ? wait : 1);
                fire_moment(l);
        }
        clock_fake_advance_ms(c, end - c->boot_now_ms);
}
