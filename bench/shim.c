// SPDX-License-Identifier: Apache-2.0
//
// The shim against cat(1) of the same bytes: whole processes, from fork to the end, each run's output compared.
// The two take turns within one run, so that whatever else the machine does hits both alike; what is reported
// is the median and the 10th and 90th percentile of each. posix_spawn, because that costs least of what a
// language runtime would do.
//
//     shim COUNT SHIM ROLE FILE [COMMAND…]
//
// COMMAND is a slower way to the same credentials: twenty of it, timed after the others.
#include "util.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static int64_t now_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Nanoseconds of one whole process; its output goes to out. Ends the bench when the process fails.
static int64_t run(char *const argv[], char *out, size_t size, size_t *ret_n)
{
        posix_spawn_file_actions_t actions;
        int pipe_fds[2], status = -1;
        int64_t start;
        size_t n = 0;
        ssize_t r;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                abort();
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        start = now_ns();
        if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environ) != 0)
                abort();
        close(pipe_fds[1]);
        while ((r = read(pipe_fds[0], out + n, size - n)) > 0)
                n += (size_t)r;
        waitpid(pid, &status, 0);
        start = now_ns() - start;
        close(pipe_fds[0]);
        posix_spawn_file_actions_destroy(&actions);
        if (status != 0) {
                fprintf(stderr, "bench: %s failed\n", argv[0]);
                exit(1);
        }
        *ret_n = n;
        return start;
}

static int compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return x < y ? -1 : x > y;
}

static double us(const int64_t *sorted, size_t n, size_t percent)
{
        size_t at = (n - 1) * percent / 100;

        return (double)sorted[at] / 1000;
}

static void slower(char *const argv[], int64_t shim_ns)
{
        static char out[65536];
        int64_t ns[20];
        size_t n;

        run(argv, out, sizeof out, &n);
        for (size_t i = 0; i < ARRAY_SIZE(ns); i++)
                ns[i] = run(argv, out, sizeof out, &n);
        qsort(ns, ARRAY_SIZE(ns), sizeof ns[0], compare);
        printf("%s  %zu processes: median %.0f us, 10%% %.0f us, 90%% %.0f us; %.0f times the shim's\n",
                argv[0], ARRAY_SIZE(ns), us(ns, ARRAY_SIZE(ns), 50), us(ns, ARRAY_SIZE(ns), 10),
                us(ns, ARRAY_SIZE(ns), 90), (double)us(ns, ARRAY_SIZE(ns), 50) * 1000 / (double)shim_ns);
}

int main(int argc, char *argv[])
{
        static char a[65536], b[65536];
        char cat[] = "/bin/cat";
        size_t count = argc >= 5 ? strtoul(argv[1], NULL, 10) : 0, n_a, n_b;
        int64_t *shim_ns = calloc(count + 1, sizeof *shim_ns), *cat_ns = calloc(count + 1, sizeof *cat_ns);

        if (count == 0 || !shim_ns || !cat_ns) {
                fprintf(stderr, "Usage: shim COUNT SHIM ROLE FILE [COMMAND...]\n");
                return 2;
        }
        for (size_t i = 0; i < count + 10; i++) {
                int64_t s = run((char *const[]){argv[2], argv[3], NULL}, a, sizeof a, &n_a);
                int64_t c = run((char *const[]){cat, argv[4], NULL}, b, sizeof b, &n_b);

                if (n_a != n_b || memcmp(a, b, n_a) != 0) {
                        fprintf(stderr, "bench: the outputs differ\n");
                        return 1;
                }
                if (i >= 10) { // the first ones warm the caches
                        shim_ns[i - 10] = s;
                        cat_ns[i - 10] = c;
                }
        }
        qsort(shim_ns, count, sizeof *shim_ns, compare);
        qsort(cat_ns, count, sizeof *cat_ns, compare);
        printf("shim  %zu processes: median %.0f us, 10%% %.0f us, 90%% %.0f us\n", count,
                us(shim_ns, count, 50), us(shim_ns, count, 10), us(shim_ns, count, 90));
        printf("cat   %zu processes: median %.0f us, 10%% %.0f us, 90%% %.0f us\n", count,
                us(cat_ns, count, 50), us(cat_ns, count, 10), us(cat_ns, count, 90));
        printf("shim/cat, medians: %.2f\n", us(shim_ns, count, 50) / us(cat_ns, count, 50));
        if (argc > 5)
                slower(argv + 5, shim_ns[(count - 1) / 2]);
        return 0;
}
