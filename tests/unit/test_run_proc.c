// SPDX-License-Identifier: Apache-2.0
//
// Processes end and trees vanish, also the ones that resist.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../sandbox/run_proc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *const no_env[] = {NULL};

static int spawn(pid_t *ret, char *const *argv, int out, struct err *err)
{
        struct proc_spec spec = {.argv = argv, .envp = no_env, .in = -1, .out = out, .err = -1};

        return proc_spawn(ret, &spec, err);
}

static void a_program_that_is_not_there_is_an_error_at_once(void **state)
{
        char *const missing[] = {"/nonexistent/program", NULL}, *const directory[] = {"/", NULL};
        struct err err = ERR_INIT;
        pid_t pid = -7;

        (void)state;
        assert_int_equal(spawn(&pid, missing, -1, &err), -ENOENT);
        assert_non_null(strstr(err.text, "/nonexistent/program"));
        assert_int_equal(spawn(&pid, directory, -1, NULL), -EACCES);
        assert_int_equal(pid, -7);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // nothing is left to reap
}

static void a_program_gets_what_it_was_given(void **state)
{
        char *const argv[] = {"/bin/sh", "-c", "echo \"$0 $#\"; pwd; cat; exit 3", "name", NULL};
        struct proc_spec spec = {.argv = argv, .envp = no_env, .in = -1, .err = -1, .workdir = "/"};
        char text[64] = "";
        int fds[2], status;
        size_t n = 0;
        ssize_t got;
        pid_t pid;

        (void)state;
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        spec.out = fds[1];
        assert_int_equal(proc_spawn(&pid, &spec, NULL), 0);
        close(fds[1]);
        while ((got = read(fds[0], text + n, sizeof text - 1 - n)) > 0)
                n += (size_t)got;
        close(fds[0]);
        assert_string_equal(text, "name 0\n/\n");
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), 3);
}

// Runs in a child of its own, which becomes a subreaper; the exit status tells.
static int end_a_family(void)
{
        // A child that ignores SIGTERM, a stopped one, and a grandchild whose parent is gone.
        static char *const family[][4] = {
                {"/bin/sh", "-c", "trap '' TERM; echo r; while :; do sleep 1000; done", NULL},
                {"/bin/sh", "-c", "echo r; kill -STOP $$; sleep 1000", NULL},
                {"/bin/sh", "-c", "(trap '' TERM HUP; sleep 1000) & echo r; exit 0", NULL},
        };
        char ready[8];
        int fds[2];
        pid_t pid;

        if (proc_become_subreaper() < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return 2;
        for (size_t i = 0; i < ARRAY_SIZE(family); i++) {
                if (spawn(&pid, family[i], fds[1], NULL) < 0 || read(fds[0], ready, 2) != 2)
                        return 3;
        }
        close(fds[1]);
        if (proc_end_all(200) < 0)
                return 4;
        // The pipe ends only when every descendant is gone.
        return read(fds[0], ready, 1) == 0 ? 0 : 5;
}

static void everybody_is_ended(void **state)
{
        int status;
        pid_t pid = fork();

        (void)state;
        if (pid == 0)
                _exit(end_a_family());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void children_die_with_their_parent(void **state)
{
        char *const argv[] = {"/bin/sleep", "1000", NULL};
        struct pollfd p;
        int fds[2];
        pid_t child, parent;

        (void)state;
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        parent = fork();
        if (parent == 0) {
                if (spawn(&child, argv, fds[1], NULL) == 0)
                        raise(SIGKILL);
                _exit(1);
        }
        close(fds[1]);
        assert_int_equal(waitpid(parent, NULL, 0), parent);
        p = (struct pollfd){.fd = fds[0], .events = POLLIN};
        assert_int_equal(poll(&p, 1, 10000), 1);
        assert_int_equal(p.revents, POLLHUP);
        close(fds[0]);
}

static void put(const char *dir, const char *name)
{
        char path[256];
        int fd;

        snprintf(path, sizeof path, "%s/%s", dir, name);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0);
        close(fd);
}

static void a_tree_vanishes_and_its_neighbours_stay(void **state)
{
        char base[] = "/tmp/vk-test-XXXXXX", tree[64], sub[80], link[80], outside[64];

        (void)state;
        assert_non_null(mkdtemp(base));
        snprintf(tree, sizeof tree, "%s/tree", base);
        snprintf(sub, sizeof sub, "%s/locked", tree);
        snprintf(link, sizeof link, "%s/link", tree);
        snprintf(outside, sizeof outside, "%s/outside", base);
        assert_int_equal(mkdir(tree, 0700) | mkdir(sub, 0700) | mkdir(outside, 0700), 0);
        put(outside, "kept");
        put(tree, "file");
        put(sub, "file");
        assert_int_equal(chmod(sub, 0), 0); // nobody's way in, and it goes all the same
        assert_int_equal(symlink(outside, link), 0);
        assert_int_equal(proc_remove_tree(tree), 0);
        assert_int_equal(access(tree, F_OK), -1);
        strcat(outside, "/kept");
        assert_int_equal(access(outside, F_OK), 0);
        assert_int_equal(proc_remove_tree(tree), 0); // gone already: as wanted
        assert_int_equal(proc_remove_tree(base), 0);
}

static void a_link_is_not_a_tree(void **state)
{
        char base[] = "/tmp/vk-test-XXXXXX", link[64], file[64];

        (void)state;
        assert_non_null(mkdtemp(base));
        put(base, "kept");
        snprintf(link, sizeof link, "%s.link", base);
        snprintf(file, sizeof file, "%s/kept", base);
        assert_int_equal(symlink(base, link), 0);
        assert_true(proc_remove_tree(link) < 0);
        assert_int_equal(access(file, F_OK), 0);
        assert_int_equal(unlink(link), 0);
        assert_int_equal(proc_remove_tree(base), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_program_that_is_not_there_is_an_error_at_once),
                cmocka_unit_test(a_program_gets_what_it_was_given),
                cmocka_unit_test(everybody_is_ended),
                cmocka_unit_test(children_die_with_their_parent),
                cmocka_unit_test(a_tree_vanishes_and_its_neighbours_stay),
                cmocka_unit_test(a_link_is_not_a_tree),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
