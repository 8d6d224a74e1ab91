// SPDX-License-Identifier: Apache-2.0
//
// Timers. The loop has two queues, one a clock, each with one timerfd set to its first timer, so that arming
// cannot fail and a hundred roles cost no hundred descriptors:
//
//   CLOCK_BOOTTIME   waits ("in 5 s"); suspend counts.
//   CLOCK_REALTIME   moments ("when the token expires"), with TFD_TIMER_CANCEL_ON_SET: when somebody sets
//                    the clock the kernel says ECANCELED, and every timer of this queue fires, for each
//                    owner's calculation rests on a clock that was wrong. The kernel says the same when the
//                    machine wakes up from suspend, so whoever listens for either keeps this descriptor set.
//
// With a fake clock there are no timerfds: loop_turn() moves the clock from timer to timer, and what is due
// without moving it (a wait of 0) fires from the running loop too.
#include "loop_internal.h"

#include <sys/timerfd.h>

#define FAR_MS        (INT64_C(1) << 43) // beyond anybody's clock, within the kernel's
#define STEP_NOISE_MS 500                // less is no step: suspend leaves the clocks a moment apart

static const clockid_t clock_ids[TIMER_CLOCKS] = {CLOCK_BOOTTIME, CLOCK_REALTIME};

static int64_t now_ms(const struct loop *l, enum timer_clock c)
{
        return c == TIMER_BOOT ? l->clock->boot_ms(l->clock) : l->clock->wall_ms(l->clock);
}

// A due moment of 0 or before would disarm the descriptor, so it is set to the first nanosecond instead.
static void set_fd(struct loop *l, enum timer_clock c, int64_t due_ms)
{
        struct timer_queue *q = &l->queues[c];
        struct itimerspec t = {0};
        int flags = TFD_TIMER_ABSTIME | (c == TIMER_WALL ? TFD_TIMER_CANCEL_ON_SET : 0);

        q->set_to_ms = due_ms;
        if (due_ms != INT64_MAX) {
                t.it_value.tv_sec = due_ms > 0 ? due_ms / 1000 : 0;
                t.it_value.tv_nsec = due_ms > 0 ? due_ms % 1000 * 1000000 : 1;
        }
        if (timerfd_settime(q->fd, flags, &t, NULL) == 0)
                return;
        // ECANCELED: set all the same, and the clock was stepped since the last look. Nothing else can
        // happen to a descriptor and a time of ours.
        if (errno != ECANCELED)
                abort();
        if (q->n || l->on_time) {
                l->stepped = true;
                set_fd(l, c, 0);
        }
}

// Makes the loop look at the right moment.
static void queue_set(struct loop *l, enum timer_clock c)
{
        struct timer_queue *q = &l->queues[c];
        const struct timer *first = timer_queue_first(q);
        int64_t due = first ? first->due_ms : c == TIMER_WALL && l->on_time ? FAR_MS : INT64_MAX;

        if (l->fake) {
                if (first && due <= now_ms(l, c))
                        event_active(l->due_now, EV_TIMEOUT, 1);
                return;
        }
        // What is due needs no descriptor: setting one costs more than all the rest of a turn. (libevent's timer of 0
        // fires after the next look at the descriptors, so one that re-arms itself starves nobody.)
        if (c == TIMER_BOOT && first && due <= now_ms(l, c)) {
                event_add(l->due_now, &(struct timeval){0});
                return;
        }
        // Too early is mended when it fires: then it looks again. The wall queue is set always, or it would not hear of
        // a step.
        if (c == TIMER_BOOT && q->set_to_ms <= due)
                return;
        if (due != q->set_to_ms && !(l->stepped && c == TIMER_WALL))
                set_fd(l, c, due);
}

static void unlink_timer(struct timer *t)
{
        if (t->link) {
                *t->link = t->next;
                if (t->next)
                        t->next->link = t->link;
                t->link = NULL;
        } else {
                timer_queue_remove(&t->loop->queues[t->clock], t);
        }
        t->armed = false;
}

static void arm(struct timer *t, enum timer_clock c, int64_t due_ms)
{
        timer_disarm(t);
        t->clock = c;
        t->due_ms = due_ms;
        t->seq = ++t->loop->timer_seq;
        t->armed = true;
        timer_queue_add(&t->loop->queues[c], t);
        queue_set(t->loop, c);
}

// Takes those that are due out of the queues, so that one which is armed meanwhile, for now even, has to wait its turn.
static void collect_due(struct loop *l)
{
        struct timer **link = &l->firing;

        for (size_t c = 0; c < TIMER_CLOCKS; c++) {
                int64_t now = now_ms(l, (enum timer_clock)c);
                struct timer *t;

                while ((t = timer_queue_first(&l->queues[c])) &&
                        (t->due_ms <= now || (c == TIMER_WALL && l->stepped))) {
                        timer_queue_remove(&l->queues[c], t);
                        t->next = NULL;
                        t->link = link;
                        *link = t;
                        link = &t->next;
                }
        }
}

static int64_t wall_offset(const struct loop *l)
{
        return now_ms(l, TIMER_WALL) - now_ms(l, TIMER_BOOT);
}

// With a fake clock nobody tells: one looks.
static void look_for_step(struct loop *l)
{
        if (l->fake && wall_offset(l) != l->wall_offset)
                l->stepped = true;
}

static void tell_step(struct loop *l)
{
        int64_t before = l->wall_offset, by;

        l->wall_offset = wall_offset(l);
        by = l->wall_offset - before;
        if (l->on_time)
                l->on_time(by > STEP_NOISE_MS || by < -STEP_NOISE_MS ? by : 0, l->on_time_arg);
}

void loop_on_time(struct loop *l, void (*cb)(int64_t stepped_ms, void *arg), void *arg)
{
        l->on_time = cb;
        l->on_time_arg = arg;
        queue_set(l, TIMER_WALL);
}

bool timers_fire(struct loop *l)
{
        bool fired = false, stepped;
        struct timer *t;

        look_for_step(l);
        stepped = l->stepped;
        collect_due(l);
        while ((t = l->firing)) {
                unlink_timer(t);
                fired = true;
                t->cb(t->arg); // may free t, or any other
        }
        if (stepped) {
                l->stepped = false; // one that came meanwhile stays, and the descriptor is set to fire
                tell_step(l);
        }
        for (size_t c = 0; c < TIMER_CLOCKS; c++)
                queue_set(l, (enum timer_clock)c);
        return fired;
}

int64_t timers_wait_ms(const struct loop *l)
{
        int64_t wait = INT64_MAX;

        for (size_t c = 0; c < TIMER_CLOCKS; c++) {
                const struct timer *t = timer_queue_first(&l->queues[c]);
                int64_t left = t ? t->due_ms - now_ms(l, (enum timer_clock)c) : INT64_MAX;

                if (left < wait)
                        wait = left < 0 ? 0 : left;
        }
        return wait;
}

static void on_timerfd(evutil_socket_t fd, short what _unused_, void *arg)
{
        struct loop *l = arg;
        uint64_t ticks;

        for (size_t c = 0; c < TIMER_CLOCKS; c++)
                if (l->queues[c].fd == fd)
                        l->queues[c].set_to_ms = INT64_MAX; // it fires once
        if (read(fd, &ticks, sizeof ticks) < 0 && errno == ECANCELED)
                l->stepped = true;
        timers_fire(l);
}

static void on_due_now(evutil_socket_t fd _unused_, short what _unused_, void *arg)
{
        timers_fire(arg);
}

static int queue_open(struct loop *l, enum timer_clock c)
{
        struct timer_queue *q = &l->queues[c];

        q->fd = timerfd_create(clock_ids[c], TFD_NONBLOCK | TFD_CLOEXEC);
        if (q->fd < 0)
                return -errno;
        q->event = event_new(l->base, q->fd, EV_READ | EV_PERSIST, on_timerfd, l);
        return q->event && event_add(q->event, NULL) == 0 ? 0 : -ENOMEM;
}

int timers_init(struct loop *l)
{
        int r = 0;

        l->due_now = event_new(l->base, -1, 0, on_due_now, l);
        if (!l->due_now)
                return -ENOMEM;
        l->wall_offset = wall_offset(l);
        if (l->fake)
                return 0;
        for (size_t c = 0; c < TIMER_CLOCKS && r == 0; c++)
                r = queue_open(l, (enum timer_clock)c);
        return r;
}

void timers_deinit(struct loop *l)
{
        for (size_t c = 0; c < TIMER_CLOCKS; c++) {
                if (l->queues[c].event)
                        event_free(l->queues[c].event);
                if (l->queues[c].fd >= 0)
                        close(l->queues[c].fd);
                free(l->queues[c].heap);
        }
        if (l->due_now)
                event_free(l->due_now);
}

// ret: freed by timer_free, before the loop. cb and arg are borrowed. 0 or -ENOMEM.
int timer_new(struct timer **ret, struct loop *l, void (*cb)(void *arg), void *arg)
{
        struct timer *t;

        for (size_t c = 0; c < TIMER_CLOCKS; c++)
                if (timer_queue_reserve(&l->queues[c], l->n_timers + 1) < 0)
                        return -ENOMEM;
        t = calloc(1, sizeof *t);
        if (!t)
                return -ENOMEM;
        *t = (struct timer){.loop = l, .cb = cb, .arg = arg};
        l->n_timers++;
        *ret = t;
        return 0;
}

// Also from its own callback, and from another timer's.
struct timer *timer_free(struct timer *t)
{
        if (!t)
                return NULL;
        timer_disarm(t);
        t->loop->n_timers--;
        free(t);
        return NULL;
}

void timer_arm_in(struct timer *t, int64_t ms)
{
        arm(t, TIMER_BOOT, now_ms(t->loop, TIMER_BOOT) + (ms > 0 ? ms : 0));
}

void timer_arm_at(struct timer *t, int64_t wall_ms)
{
        arm(t, TIMER_WALL, wall_ms);
}

void timer_disarm(struct timer *t)
{
        if (!t->armed)
                return;
        unlink_timer(t);
        queue_set(t->loop, t->clock);
}

bool timer_is_armed(const struct timer *t)
{
        return t->armed;
}
