// SPDX-License-Identifier: Apache-2.0
//
// The loop: timers that fire in order and only when time moves, watches, signals; and the log line.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "log.h"
#include "loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char trace[256];

struct named {
        char name;
        struct timer *t;
        int64_t again_ms;    // re-arm from the callback
        struct named *frees; // free this one's timer from the callback
        struct named *arms;  // arm this one for now
        unsigned fired;
};

static void fire(void *arg)
{
        struct named *n = arg;
        size_t at = strlen(trace);

        n->fired++;
        if (at + 1 < sizeof trace)
                trace[at] = n->name;
        if (n->again_ms)
                timer_arm_in(n->t, n->again_ms);
        if (n->frees)
                n->frees->t = timer_free(n->frees->t);
        if (n->arms)
                timer_arm_in(n->arms->t, 0);
}

static void named_new(struct named *n, struct loop *l, char name)
{
        *n = (struct named){.name = name};
        assert_int_equal(timer_new(&n->t, l, fire, n), 0);
        memset(trace, 0, sizeof trace);
}

static void timers_fire_in_order_and_only_when_time_moves(void **state)
{
        struct clock_fake c;
        struct loop *l;
        struct named n[4];

        (void)state;
        clock_fake_init(&c, 1000);
        assert_int_equal(loop_new(&l, &c.clock), 0);
        for (int i = 0; i < 4; i++)
                named_new(&n[i], l, (char)('a' + i));
        timer_arm_in(n[0].t, 300);
        timer_arm_in(n[1].t, 100);
        timer_arm_at(n[2].t, 1000200);
        timer_arm_in(n[3].t, 300);
        assert_true(timer_is_armed(n[3].t));
        assert_int_equal(loop_run_once(l, 0), 0);
        assert_string_equal(trace, "");
        loop_turn(l, &c, 99);
        assert_string_equal(trace, "");
        loop_turn(l, &c, 1);
        assert_string_equal(trace, "b");
        loop_turn(l, &c, 1000);
        assert_string_equal(trace, "bcad"); // due together: in the order they were armed
        assert_false(timer_is_armed(n[3].t));
        assert_int_equal(c.boot_now_ms, 1000 + 1100);
        assert_int_equal(c.wall_now_ms, 1000000 + 1100);
        for (int i = 0; i < 4; i++)
                timer_free(n[i].t);
        assert_null(loop_free(l));
}

static void callbacks_may_rearm_free_and_disarm(void **state)
{
        struct clock_fake c;
        struct loop *l;
        struct named a, b, d;

        (void)state;
        clock_fake_init(&c, 1000);
        assert_int_equal(loop_new(&l, &c.clock), 0);
        named_new(&a, l, 'a');
        named_new(&b, l, 'b');
        named_new(&d, l, 'd');
        a.again_ms = 10;
        a.frees = &b;
        timer_arm_in(a.t, 10);
        timer_arm_in(b.t, 10); // due at the same moment, and freed by a before
        timer_arm_in(d.t, 15);
        timer_disarm(d.t);
        timer_disarm(d.t);
        loop_turn(l, &c, 35);
        assert_string_equal(trace, "aaa");
        a.frees = &a; // itself
        a.again_ms = 0;
        loop_turn(l, &c, 10);
        assert_string_equal(trace, "aaaa");
        assert_null(a.t);
        timer_free(d.t);
        loop_free(l);
}

#define CROWD 10000

struct member {
        struct timer *t;
        const struct clock_fake *clock;
        int64_t due_boot_ms; // 0: disarmed
        struct crowd *crowd;
};

struct crowd {
        struct member m[CROWD];
        int64_t last_ms;
        unsigned fired, wrong;
};

static void on_member(void *arg)
{
        struct member *m = arg;

        m->crowd->fired++;
        m->crowd->wrong += m->due_boot_ms != m->clock->boot_now_ms || m->due_boot_ms < m->crowd->last_ms;
        m->crowd->last_ms = m->due_boot_ms;
        m->due_boot_ms = 0;
}

// Armed, armed again, disarmed and freed in no order: each of those left fires once, at its moment.
static void ten_thousand_fire_each_at_its_moment(void **state _unused_)
{
        static struct crowd crowd;
        struct clock_fake c;
        struct loop *l;
        unsigned want = 0, x = 1;

        clock_fake_init(&c, 1000);
        assert_int_equal(loop_new(&l, &c.clock), 0);
        for (size_t i = 0; i < CROWD; i++) {
                crowd.m[i] = (struct member){.clock = &c, .crowd = &crowd};
                assert_int_equal(timer_new(&crowd.m[i].t, l, on_member, &crowd.m[i]), 0);
        }
        for (size_t k = 0; k < (size_t)3 * CROWD; k++) {
                struct member *m = &crowd.m[(x = x * 1103515245 + 12345) / 65536 % CROWD];
                int64_t in = (x = x * 1103515245 + 12345) / 65536 % 5000 + 1;

                if (in % 4 == 0) {
                        timer_disarm(m->t);
                        m->due_boot_ms = 0;
                } else {
                        timer_arm_in(m->t, in);
                        m->due_boot_ms = c.boot_now_ms + in;
                }
        }
        for (size_t i = 0; i < CROWD; i++) {
                if (i % 10 == 0) {
                        crowd.m[i].t = timer_free(crowd.m[i].t);
                        crowd.m[i].due_boot_ms = 0;
                }
                want += crowd.m[i].due_boot_ms != 0;
        }
        assert_true(want > CROWD / 2);
        loop_turn(l, &c, 6000);
        assert_int_equal(crowd.fired, want);
        assert_int_equal(crowd.wrong, 0);
        for (size_t i = 0; i < CROWD; i++)
                timer_free(crowd.m[i].t);
        loop_free(l);
}

static void later_runs_without_time_and_does_not_starve(void **state)
{
        struct clock_fake c;
        struct loop *l;
        struct named a, b;

        (void)state;
        clock_fake_init(&c, 1000);
        assert_int_equal(loop_new(&l, &c.clock), 0);
        named_new(&a, l, 'a');
        named_new(&b, l, 'b');
        a.arms = &b;
        timer_arm_in(a.t, 0);
        assert_string_equal(trace, ""); // never from inside the call
        assert_int_equal(loop_run_once(l, 0), 0);
        assert_int_equal(a.fired, 1);
        loop_run_once(l, 0);
        assert_string_equal(trace, "ab");
        b.arms = &b; // for ever: a turn ends all the same
        timer_arm_in(b.t, 0);
        loop_turn(l, &c, 5);
        assert_true(b.fired > 5);
        assert_int_equal(c.boot_now_ms, 1005);
        timer_free(a.t);
        timer_free(b.t);
        loop_free(l);
}

static void a_stepped_wall_clock_wakes_wall_timers_only(void **state)
{
        struct clock_fake c;
        struct loop *l;
        struct named wall, boot;

        (void)state;
        clock_fake_init(&c, 1000);
        assert_int_equal(loop_new(&l, &c.clock), 0);
        named_new(&wall, l, 'w');
        named_new(&boot, l, 'b');
        timer_arm_at(wall.t, 5000000);
        timer_arm_in(boot.t, 5000000);
        clock_fake_step_wall_ms(&c, -3600000);
        loop_turn(l, &c, 0);
        assert_string_equal(trace, "w");
        timer_arm_at(wall.t, 5000000); // its owner looked again
        loop_turn(l, &c, 1000);
        assert_string_equal(trace, "w");
        timer_free(wall.t);
        timer_free(boot.t);
        loop_free(l);
}

struct time_told {
        unsigned times;
        int64_t stepped_ms;
};

static void on_time(int64_t stepped_ms, void *arg)
{
        struct time_told *t = arg;

        t->times++;
        t->stepped_ms = stepped_ms;
}

static void steps_of_the_clock_are_told_in_both_directions(void **state)
{
        struct time_told told = {0};
        struct clock_fake c;
        struct loop *l;

        (void)state;
        clock_fake_init(&c, 1000);
        assert_int_equal(loop_new(&l, &c.clock), 0);
        loop_on_time(l, on_time, &told);
        loop_turn(l, &c, 3600 * 1000); // time that passes is no step
        assert_int_equal(told.times, 0);
        clock_fake_step_wall_ms(&c, -7200000);
        loop_turn(l, &c, 0);
        assert_int_equal(told.times, 1);
        assert_int_equal(told.stepped_ms, -7200000);
        clock_fake_step_wall_ms(&c, 86400000);
        loop_turn(l, &c, 1000);
        assert_int_equal(told.times, 2);
        assert_int_equal(told.stepped_ms, 86400000);
        clock_fake_step_wall_ms(&c, 3); // as when the machine woke up
        loop_turn(l, &c, 1000);
        assert_int_equal(told.times, 3);
        assert_int_equal(told.stepped_ms, 0);
        loop_on_time(l, NULL, NULL);
        clock_fake_step_wall_ms(&c, 5000);
        loop_turn(l, &c, 1000);
        assert_int_equal(told.times, 3);
        loop_free(l);
}

static void another_clock_goes_on_when_ours_is_set(void **state)
{
        struct clock_remote r = {0};
        struct clock_fake c;

        (void)state;
        clock_fake_init(&c, 1800000000);
        assert_int_equal(clock_remote_skew_s(&r, &c.clock), 0);
        clock_fake_step_wall_ms(&c, 7200000);
        assert_int_equal(clock_remote_skew_s(&r, &c.clock), 0); // not known: ours is all there is
        clock_remote_learn(&r, &c.clock, 1800000000);           // we are two hours ahead
        assert_int_equal(clock_remote_skew_s(&r, &c.clock), -7200);
        clock_fake_advance_ms(&c, 3600000);
        assert_int_equal(clock_remote_skew_s(&r, &c.clock), -7200);
        clock_fake_step_wall_ms(&c, -7200000); // somebody put it right
        assert_int_equal(clock_remote_skew_s(&r, &c.clock), 0);
        clock_fake_step_wall_ms(&c, -86400000);
        assert_int_equal(clock_remote_skew_s(&r, &c.clock), 86400);
}

static void real_timers_fire(void **state)
{
        struct loop *l;
        struct named in, at, past, never;
        int64_t deadline = clock_system.boot_ms(&clock_system) + 10000, start;

        (void)state;
        assert_int_equal(loop_new(&l, &clock_system), 0);
        named_new(&in, l, 'i');
        named_new(&at, l, 'a');
        named_new(&past, l, 'p');
        named_new(&never, l, 'n');
        start = clock_system.boot_ms(&clock_system);
        timer_arm_in(in.t, 30);
        timer_arm_at(at.t, clock_system.wall_ms(&clock_system) + 600);
        timer_arm_at(past.t, -5);
        timer_arm_at(never.t, INT64_MAX);
        while (!at.fired && clock_system.boot_ms(&clock_system) < deadline)
                loop_run_once(l, 1000);
        assert_string_equal(trace, "pia");
        assert_true(clock_system.boot_ms(&clock_system) - start >=
                    598); // two clocks, each cut to whole milliseconds
        timer_free(in.t);
        timer_free(at.t);
        timer_free(past.t);
        timer_free(never.t);
        loop_free(l);
}

struct pipe_end {
        struct watch *w;
        int fd;
        unsigned seen;
        bool free_it;
};

static void on_pipe(unsigned ready, void *arg)
{
        struct pipe_end *e = arg;

        e->seen |= ready;
        if (e->free_it)
                e->w = watch_free(e->w);
}

static void watches_tell_directions_and_may_be_freed_inside(void **state)
{
        struct pipe_end e = {0};
        struct loop *l;
        int sv[2];

        (void)state;
        assert_int_equal(loop_new(&l, &clock_system), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
        assert_int_equal(watch_new(&e.w, l, sv[0], WATCH_READ, on_pipe, &e), 0);
        loop_run_once(l, 0);
        assert_int_equal(e.seen, 0);
        watch_set(e.w, WATCH_READ | WATCH_WRITE);
        loop_run_once(l, 100);
        assert_int_equal(e.seen, WATCH_WRITE);
        e.seen = 0;
        watch_set(e.w, 0);
        assert_int_equal(write(sv[1], "x", 1), 1);
        loop_run_once(l, 0);
        assert_int_equal(e.seen, 0);
        watch_set(e.w, WATCH_READ);
        for (int i = 0; i < 2; i++) { // level-triggered: told again while it stays unread
                e.seen = 0;
                loop_run_once(l, 100);
                assert_int_equal(e.seen, WATCH_READ);
        }
        close(sv[1]); // a hang-up reads as ready to read; both directions are ready now, and the first frees
        watch_set(e.w, WATCH_READ | WATCH_WRITE);
        e.free_it = true;
        loop_run_once(l, 100);
        assert_null(e.w);
        close(sv[0]);
        loop_free(l);
}

static void on_signal(int signal, void *arg)
{
        *(int *)arg += signal;
}

static void quit_from_signal(int signal _unused_, void *arg)
{
        loop_quit(arg);
}

static void signals_come_through_the_loop(void **state)
{
        static const int signals[] = {SIGUSR1, SIGTERM};
        struct loop *l;
        int got = 0;

        (void)state;
        assert_int_equal(loop_new(&l, &clock_system), 0);
        assert_int_equal(loop_on_signal(l, SIGUSR2, on_signal, &got), -EPERM); // not blocked: would kill us
        assert_int_equal(loop_block_signals(signals, 2), 0);
        assert_int_equal(loop_on_signal(l, SIGUSR1, on_signal, &got), 0);
        assert_int_equal(loop_on_signal(l, SIGTERM, quit_from_signal, l), 0);
        assert_int_equal(loop_on_signal(l, SIGUSR1, on_signal, &got), -EBUSY);
        raise(SIGUSR1);
        assert_int_equal(got, 0);
        raise(SIGTERM);
        assert_int_equal(loop_run(l), 0);
        loop_run_once(l, 0);
        assert_int_equal(got, SIGUSR1);
        loop_quit(l); // before the loop runs: not lost
        assert_int_equal(loop_run(l), 0);
        loop_free(l);
}

static int make(void)
{
        struct loop *l = NULL;
        struct timer *t = NULL;
        struct watch *w = NULL;
        int r = loop_new(&l, &clock_system);

        if (r == 0)
                r = timer_new(&t, l, fire, NULL);
        if (r == 0)
                r = watch_new(&w, l, 0, WATCH_READ, on_pipe, NULL);
        if (r == 0)
                r = loop_on_signal(l, SIGUSR1, on_signal, NULL);
        watch_free(w);
        timer_free(t);
        loop_free(l);
        return r;
}

static void every_allocation_may_fail(void **state)
{
        unsigned failed = 0;
        int r = 0, null = open("/dev/zero", O_RDONLY), sv[2], keep = dup(0);

        (void)state;
        // descriptor 0 is something epoll takes
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
        assert_int_equal(dup2(sv[0], 0), 0);
        FAULT_EACH(50, r = make())
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 4);
        dup2(keep, 0);
        close(keep);
        close(null);
        close(sv[0]);
        close(sv[1]);
}

// Runs f with stderr in a file; what came out stands in text.
static void capture(char *text, size_t n, void (*f)(int fd))
{
        int fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600), keep = dup(2);
        ssize_t r;

        assert_true(fd >= 0);
        dup2(fd, 2);
        f(fd);
        dup2(keep, 2);
        close(keep);
        r = pread(fd, text, n - 1, 0);
        assert_true(r >= 0);
        text[r] = 0;
        close(fd);
}

static void plain_lines(int fd _unused_)
{
        const char *volatile nothing = NULL;
        char big[3000];

        memset(big, 'x', sizeof big - 1);
        big[sizeof big - 1] = 0;
        unsetenv("JOURNAL_STREAM");
        log_init("valetkeyd", LOG_E_INFO);
        log_event(LOG_E_NOTICE, "signin.done", "user=%s uid=%u n=%lld z=%zu x=%x d=%d text=%s", "alice", 7u,
                -5LL, (size_t)9, 255u, -3, "two words");
        log_event(LOG_E_INFO, "odd", "a=%s b=%s c=%s d=%.*s e=%c f=100%%", "", nothing,
                "x\ny\"\\\033[2Jz uid=0", 3, "abcdef", '=');
        log_event(LOG_E_DEBUG, "never", "x=%d", 1);
        log_event(LOG_E_ERROR, "bare", NULL);
        log_event(LOG_E_ERROR, "long", "a=%s b=%s c=%s", big, big, big);
}

static void log_values_cannot_forge_fields(void **state)
{
        char text[8192], *last;

        (void)state;
        capture(text, sizeof text, plain_lines);
        last = strstr(text, "valetkeyd: long a=");
        assert_non_null(last);
        assert_true(strlen(last) < 2048);
        assert_string_equal(last + strlen(last) - 4, "...\n");
        *last = 0;
        assert_string_equal(text,
                "valetkeyd: signin.done user=alice uid=7 n=-5 z=9 x=ff d=-3 text=\"two words\"\n"
                "valetkeyd: odd a=\"\" b=- c=\"x?y\\\"\\\\?[2Jz uid=0\" d=abc e=\"=\" f=100%\n"
                "valetkeyd: bare\n");
}

static void journal_lines(int fd)
{
        struct stat st;
        char v[64];

        assert_int_equal(fstat(fd, &st), 0);
        snprintf(v, sizeof v, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
        setenv("JOURNAL_STREAM", v, 1);
        log_journal_at("/nonexistent/socket");
        log_init("valetkeyd", LOG_E_DEBUG);
        log_event(LOG_E_WARNING, "a", "k=%s", "v");
        snprintf(v, sizeof v, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino + 1);
        setenv("JOURNAL_STREAM", v, 1); // inherited, but stderr is another file
        log_init("valetkeyd", LOG_E_DEBUG);
        log_event(LOG_E_DEBUG, "b", "k=%s", "v");
        unsetenv("JOURNAL_STREAM");
}

static void priorities_only_for_the_journal(void **state)
{
        char text[256];

        (void)state;
        capture(text, sizeof text, journal_lines);
        assert_string_equal(text, "<4>a k=v\nvaletkeyd: b k=v\n");
}

static void a_crowd(int fd _unused_)
{
        struct log_limit noise = {0}, other = {0};
        struct clock_fake now;
        unsigned allowed = 0;

        unsetenv("JOURNAL_STREAM");
        log_init("valetkeyd", LOG_E_INFO);
        clock_fake_init(&now, 1800000000);
        for (int i = 0; i < 100; i++)
                allowed += log_limit_allows(&noise, "claim.broken", &now.clock);
        assert_int_equal(allowed, 10);
        assert_true(log_limit_allows(&other, "login.broken", &now.clock)); // one does not hide another
        clock_fake_step_wall_ms(&now, -3600 * 1000);
        clock_fake_advance_ms(&now, 59999);
        assert_false(log_limit_allows(&noise, "claim.broken", &now.clock));
        clock_fake_advance_ms(&now, 1);
        assert_true(log_limit_allows(&noise, "claim.broken", &now.clock));
        assert_true(log_limit_allows(&other, "login.broken", &now.clock));
}

static void what_strangers_cause_is_limited(void **state)
{
        char text[256];

        (void)state;
        capture(text, sizeof text, a_crowd);
        assert_string_equal(text, "valetkeyd: log.suppressed event=claim.broken lines=91\n");
}

static void fingerprints_are_sha256(void **state)
{
        char f[9];

        (void)state;
        log_fingerprint(f, "abc", 3);
        assert_string_equal(f, "ba7816bf");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(timers_fire_in_order_and_only_when_time_moves),
                cmocka_unit_test(callbacks_may_rearm_free_and_disarm),
                cmocka_unit_test(ten_thousand_fire_each_at_its_moment),
                cmocka_unit_test(later_runs_without_time_and_does_not_starve),
                cmocka_unit_test(a_stepped_wall_clock_wakes_wall_timers_only),
                cmocka_unit_test(steps_of_the_clock_are_told_in_both_directions),
                cmocka_unit_test(another_clock_goes_on_when_ours_is_set),
                cmocka_unit_test(real_timers_fire),
                cmocka_unit_test(watches_tell_directions_and_may_be_freed_inside),
                cmocka_unit_test(signals_come_through_the_loop),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(log_values_cannot_forge_fields),
                cmocka_unit_test(priorities_only_for_the_journal),
                cmocka_unit_test(what_strangers_cause_is_limited),
                cmocka_unit_test(fingerprints_are_sha256),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
