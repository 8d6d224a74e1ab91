// SPDX-License-Identifier: Apache-2.0
//
// What the files of the loop share: loop.c (the base), timer.c (both clocks), timer_queue.c (the order timers are due in),
// watch.c, signal.c.
#pragma once

#include "loop.h"

#include <event2/event.h>

enum timer_clock {
        TIMER_BOOT,
        TIMER_WALL,
        TIMER_CLOCKS,
};

struct timer {
        struct loop *loop;
        void (*cb)(void *arg);
        void *arg;
        struct timer *next, **link; // among those that fire now; link NULL: it is not
        enum timer_clock clock;
        bool armed;
        int64_t due_ms;
        uint64_t seq;
        size_t at; // its place in the queue
};

// Armed timers of one clock; the descriptor is set to the first.
struct timer_queue {
        struct timer **heap; // heap[0] is due first
        size_t n, room;
        int fd; // timerfd; -1 with a fake clock
        struct event *event;
        int64_t set_to_ms; // what fd is set to; INT64_MAX: nothing
};

struct signal_entry {
        struct signal_entry *next;
        int signal;
        void (*cb)(int signal, void *arg);
        void *arg;
};

struct loop {
        struct event_base *base;
        const struct clock *clock;
        bool fake, quit;
        struct timer_queue queues[TIMER_CLOCKS];
        size_t n_timers;
        uint64_t timer_seq;   // orders timers that are due together
        struct timer *firing; // what was due when the loop looked, in order
        bool stepped;         // the wall clock was set: every wall timer fires
        int64_t wall_offset;  // wall - boot when last looked
        void (*on_time)(int64_t stepped_ms, void *arg);
        void *on_time_arg;
        struct event *due_now; // makes the loop run what is due already
        struct signal_entry *signals;
        int signal_fd;
        struct event *signal_event;
};

int timer_queue_reserve(struct timer_queue *q, size_t n); // 0 or -ENOMEM
void timer_queue_add(struct timer_queue *q, struct timer *t);
void timer_queue_remove(struct timer_queue *q, struct timer *t);
static inline struct timer *timer_queue_first(const struct timer_queue *q)
{
        return q->n ? q->heap[0] : NULL;
}

int timers_init(struct loop *l);
void timers_deinit(struct loop *l);
// Fires, once each, the timers that are due and were armed before this call; true when one fired.
bool timers_fire(struct loop *l);
// Boot milliseconds until the next timer, 0 when one is due, INT64_MAX when none is armed.
int64_t timers_wait_ms(const struct loop *l);
void signals_deinit(struct loop *l);
