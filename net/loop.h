// SPDX-License-Identifier: Apache-2.0
//
// The event loop of a daemon (libevent underneath) with what every asynchronous thing needs: timers that see
// suspend and clock steps, signals, and "later" (never call back from inside the call that started
// something).
#pragma once

#include "clock.h"
#include "util.h"

#include <sys/types.h>

struct event_base;
struct loop;

// clock: clock_system, or a clock_fake's; with a fake one time moves only in loop_turn(). What is due without
// moving it (a wait of 0: "later") fires from the running loop too.
int loop_new(struct loop **ret, const struct clock *clock) _must_check_;
struct loop *loop_free(struct loop *l);
DEFINE_CLEANUP(struct loop *, loop_free);
struct event_base *loop_base(struct loop *l);
const struct clock *loop_clock(struct loop *l);
int loop_run(struct loop *l);                      // until loop_quit(); 0 or -errno
int loop_run_once(struct loop *l, int timeout_ms); // handles what is ready; for tests
void loop_quit(struct loop *l);
// Tests: turns the fake clock forward in steps, firing each timer at its moment.
void loop_turn(struct loop *l, struct clock_fake *c, int64_t ms);

// ---- timers: one-shot, re-armable from their own callback
struct timer;
int timer_new(struct timer **ret, struct loop *l, void (*cb)(void *arg), void *arg) _must_check_;
struct timer *timer_free(struct timer *t);
void timer_arm_in(struct timer *t, int64_t ms); // CLOCK_BOOTTIME: counts suspend
// At a wall-clock moment; also fires (early) whenever the wall clock is stepped, so that its owner looks
// again.
void timer_arm_at(struct timer *t, int64_t wall_ms);
void timer_disarm(struct timer *t);
bool timer_is_armed(const struct timer *t);

// Somebody set the wall clock (by stepped_ms), or the machine slept and is awake again (0): the kernel tells both, also
// where no timer is armed. One listener.
void loop_on_time(struct loop *l, void (*cb)(int64_t stepped_ms, void *arg), void *arg);

// ---- file descriptors and signals
struct watch;
enum {
        WATCH_READ = 1 << 0,
        WATCH_WRITE = 1 << 1,
};
int watch_new(struct watch **ret, struct loop *l, int fd, unsigned what,
        void (*cb)(unsigned ready, void *arg),
        void *arg) _must_check_; // level-triggered; fd is borrowed
void watch_set(struct watch *w, unsigned what);
struct watch *watch_free(struct watch *w); // before closing the fd
// The signal must be blocked (loop_block_signals) before any thread starts.
int loop_block_signals(const int *signals, size_t n) _must_check_;
int loop_on_signal(struct loop *l, int signal, void (*cb)(int signal, void *arg), void *arg) _must_check_;

// ---- the shape of every asynchronous operation
//
// x_start(&op, …, done, arg): exactly one done(), never from inside start. x_free(op) before that cancels: no
// callback comes after free. Inside done() the op is still alive; done() (or somebody later) frees it.
