// SPDX-License-Identifier: Apache-2.0
//
// The secrets' memory: blocks that do not overlap, chunks that come and go, what a child sees of it, what is said where
// locking is refused, and what stands around it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault.h"
#include "locked.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define N 400

#ifdef __SANITIZE_ADDRESS__
#define NOT_SANITISED() skip()
#else
#define NOT_SANITISED() ((void)0)
#endif

struct block {
        uint8_t *p;
        size_t n;
};

static size_t size_for(unsigned i)
{
        static const size_t sizes[] = {
                0, 1, 49, 63, 64, 65, 1000, 2048, 20001, 32767, 32768, 32769, 65536, 70000};

        return sizes[i * 7 % ARRAY_SIZE(sizes)];
}

static void check(const struct block *b, unsigned i)
{
        for (size_t k = 0; k < b->n; k++)
                assert_int_equal(b->p[k], (uint8_t)i);
}

static void blocks_do_not_overlap(void **state _unused_)
{
        struct block b[N] = {{0}};
        struct locked_figures f;

        NOT_SANITISED();
        for (unsigned round = 0; round < 6; round++) {
                for (unsigned i = 0; i < N; i++) {
                        if (b[i].p && (i + round) % 3 == 0) {
                                check(&b[i], i);
                                locked_free(b[i].p, b[i].n);
                                b[i].p = NULL;
                        }
                        if (!b[i].p) {
                                b[i].n = size_for(i + round);
                                b[i].p = locked_alloc(b[i].n);
                                assert_non_null(b[i].p);
                                memset(b[i].p, (int)i, b[i].n);
                        }
                }
        }
        for (unsigned i = 0; i < N; i++) {
                check(&b[i], i);
                locked_free(b[i].p, b[i].n);
        }
        locked_get(&f);
        assert_true(f.held <= 65536); // one chunk is kept
}

static void ten_thousand_tokens_waste_little(void **state _unused_)
{
        enum {
                TOKENS = 10000
        };
        static uint8_t *p[TOKENS];
        struct locked_figures f;
        size_t wanted = 0;

        NOT_SANITISED();
        for (size_t i = 0; i < TOKENS; i++) {
                p[i] = locked_alloc(900 + i % 400);
                assert_non_null(p[i]);
                wanted += 900 + i % 400;
        }
        locked_get(&f);
        assert_true(f.held <= wanted + wanted / 10);
        // what went leaves room for what comes
        for (size_t i = 0; i < TOKENS; i += 2)
                locked_free(p[i], 900 + i % 400);
        for (size_t i = 0; i < TOKENS; i += 2)
                p[i] = locked_alloc(900 + i % 400);
        locked_get(&f);
        assert_true(f.held <= wanted + wanted / 10);
        for (size_t i = 0; i < TOKENS; i++)
                locked_free(p[i], 900 + i % 400);
        locked_get(&f);
        assert_true(f.held <= 65536);
}

void *__real_locked_alloc(size_t n); // without the faults of fault.c around it

static void memory_that_runs_out_leaves_it_as_it_was(void **state _unused_)
{
        uint8_t *p[40] = {NULL};
        struct locked_figures before, after;
        unsigned failed = 0;

        NOT_SANITISED();
        for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
                locked_get(&before);
                FAULT_EACH(10, p[i] = __real_locked_alloc(i % 2 ? 40000 : 30000))
                {
                        assert_null(p[i]);
                        locked_get(&after);
                        assert_int_equal(after.held, before.held);
                        failed++;
                }
                assert_non_null(p[i]);
        }
        assert_true(failed >= 20);
        for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
                explicit_bzero(p[i], i % 2 ? 40000 : 30000);
                locked_free(p[i], i % 2 ? 40000 : 30000);
        }
}

static int status_of(void (*body)(void *arg), void *arg)
{
        pid_t child;
        int status;

        fflush(stdout);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                const struct rlimit none = {0};

                setrlimit(RLIMIT_CORE, &none);
                signal(SIGSEGV, SIG_DFL); // cmocka would catch it
                signal(SIGABRT, SIG_DFL);
                body(arg);
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        return status;
}

static void look_for_a(void *arg)
{
        const uint8_t *p = arg;

        if (*p == 'a')
                _exit(1);
}

static void a_child_finds_it_empty(void **state _unused_)
{
        uint8_t *p = locked_alloc(100);

        NOT_SANITISED();
        memset(p, 'a', 100);
        assert_int_equal(status_of(look_for_a, p), 0);
        assert_int_equal(p[99], 'a');
        locked_free(p, 100);
}

static void read_it(void *arg)
{
        *(volatile uint8_t *)arg;
}

// Large ones have a mapping of their own, whose end is known.
static void neighbours_cannot_read_on(void **state _unused_)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 64 * page;
        uint8_t *p = locked_alloc(n);
        int status;

        NOT_SANITISED();
        assert_int_equal(status_of(read_it, p + n - 1), 0);
        status = status_of(read_it, p + n);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        status = status_of(read_it, p - 1);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        locked_free(p, n);
}

static void free_it_twice(void *arg)
{
        if (!freopen("/dev/null", "w", stderr))
                _exit(0);
        locked_free(arg, 100);
        locked_free(arg, 100);
}

static void twice_freed_is_the_end(void **state _unused_)
{
        uint8_t *p = locked_alloc(100);
        int status;

        NOT_SANITISED();
        status = status_of(free_it_twice, p);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        locked_free(p, 100);
}

// The flags the kernel has for the mapping p is in: " lo dd wf " (locked, no dump, wipe on fork).
static bool has_flag(const void *p, const char *flag)
{
        FILE *f = fopen("/proc/self/smaps", "re");
        char line[512];
        bool inside = false, found = false;

        assert_non_null(f);
        while (fgets(line, sizeof line, f)) {
                char *end;
                unsigned long from = strtoul(line, &end, 16),
                              to = *end == '-' ? strtoul(end + 1, NULL, 16) : 0;

                if (*end == '-')
                        inside = (uintptr_t)p >= from && (uintptr_t)p < to;
                if (inside && strncmp(line, "VmFlags:", 8) == 0)
                        found = strstr(line, flag) != NULL;
        }
        fclose(f);
        return found;
}

static unsigned n_said;

static void on_refusal(const struct locked_figures *f)
{
        n_said++;
        assert_int_not_equal(f->error, 0);
        assert_true(f->locked < f->held);
}

// In a child, whose limit is its own.
static void under_a_limit(void *arg _unused_)
{
        const struct rlimit limit = {.rlim_cur = 512u << 10, .rlim_max = 512u << 10};
        struct locked_figures f;
        void *first, *last = NULL;

        // Root may lock without limit. A chunk of the parent's is counted, too, though a child has no locks of it.
        if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 ||
                (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0)))
                _exit(2);
        locked_on_refusal(on_refusal);
        first = locked_alloc(100u << 10);
        if (n_said != 0 || !first || !has_flag(first, " lo ") || !has_flag(first, " dd ") ||
                !has_flag(first, " wf "))
                _exit(3);
        for (int i = 0; i < 10; i++)
                last = locked_alloc(100u << 10);
        locked_get(&f);
        if (!last || n_said != 1 || f.error != ENOMEM || f.locked < 300u << 10 ||
                f.locked > (512u + 64u) << 10)
                _exit(4);
        // not locked, and still in no dump
        if (has_flag(last, " lo ") || !has_flag(last, " dd ") || !has_flag(last, " wf "))
                _exit(5);
}

static void where_locking_is_refused_it_is_said_once(void **state _unused_)
{
        NOT_SANITISED();
        assert_int_equal(status_of(under_a_limit, NULL), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(blocks_do_not_overlap),
                cmocka_unit_test(ten_thousand_tokens_waste_little),
                cmocka_unit_test(memory_that_runs_out_leaves_it_as_it_was),
                cmocka_unit_test(a_child_finds_it_empty),
                cmocka_unit_test(neighbours_cannot_read_on),
                cmocka_unit_test(twice_freed_is_the_end),
                cmocka_unit_test(where_locking_is_refused_it_is_said_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
