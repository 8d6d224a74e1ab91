// SPDX-License-Identifier: Apache-2.0
//
// Looking at real processes: what can be told of them, and what cannot.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "caller.h"
#include "cgroup_path.h"
#include "quota.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NOBODY 65534u

static void nap(void)
{
        for (;;)
                pause();
}

// A child that lives until it is ended.
static pid_t make_child(void)
{
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                nap();
        return pid;
}

static void end_child(pid_t pid)
{
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_process_like_this_one(void **state)
{
        struct caller c;
        char text[64];

        (void)state;
        assert_int_equal(caller_from_pid(&c, getpid(), geteuid(), "socket"), 0);
        assert_int_equal(c.pid, getpid());
        assert_int_equal(c.uid, geteuid());
        assert_string_equal(c.door, "socket");
        assert_non_null(strstr(c.exe, "test_caller"));
        assert_true(c.kind == CALLER_PLAIN || c.kind == CALLER_UNIT);
        assert_false(caller_is_sandboxed(&c));
        assert_string_equal(caller_describe(&c, text, sizeof text), "this program");
}

static void who_has_ended_cannot_be_told(void **state)
{
        pid_t pid = make_child();
        struct caller c;
        struct err err = ERR_INIT;

        (void)state;
        assert_int_equal(caller_from_pid(&c, pid, geteuid(), "socket"), 0);
        end_child(pid);
        assert_int_equal(caller_from_pid(&c, pid, geteuid(), "socket"), -ESRCH);
        caller_refusal(&err, -ESRCH);
        assert_non_null(strstr(err.text, "ended"));
        assert_int_equal(caller_from_pid(&c, 0, geteuid(), "socket"), -ESRCH);
        assert_int_equal(caller_from_pid(&c, -1, geteuid(), "socket"), -ESRCH);
}

// What a pid that was used again looks like: the descriptor is of the one that connected, the number is another's.
static void the_descriptor_counts_not_the_number(void **state)
{
        pid_t gone = make_child(), other = make_child();
        struct caller_peer peer = {.uid = geteuid(), .pid = other};
        struct caller c;

        (void)state;
        peer.pidfd = (int)syscall(SYS_pidfd_open, gone, 0);
        assert_true(peer.pidfd >= 0);
        end_child(gone);
        assert_int_equal(caller_from_peer(&c, &peer, "socket"), -ESRCH);
        close(peer.pidfd);
        peer.pidfd = -1;
        assert_int_equal(caller_from_peer(&c, &peer, "socket"), 0);
        end_child(other);
}

static void another_users_process_is_not_looked_at(void **state)
{
        struct caller c;

        (void)state;
        assert_int_equal(caller_from_pid(&c, getpid(), geteuid() + 1, "socket"), -EACCES);
}

static void the_label_from_the_socket_counts(void **state)
{
        struct caller_peer peer = {
                .uid = geteuid(), .pid = getpid(), .pidfd = -1, .label = "snap.tool.app (enforce)"};
        struct caller c;
        char text[64];

        (void)state;
        assert_int_equal(caller_from_peer(&c, &peer, "dbus"), 0);
        assert_int_equal(c.kind, CALLER_SNAP);
        assert_string_equal(caller_describe(&c, text, sizeof text), "snap tool");
        assert_true(caller_is_sandboxed(&c));
        peer.label = "snap.Bad";
        assert_int_equal(caller_from_peer(&c, &peer, "dbus"), -EBADMSG);
        peer.label = "unconfined";
        assert_int_equal(caller_from_peer(&c, &peer, "dbus"), 0);
        assert_false(caller_is_sandboxed(&c));
}

// As a user that is not root, for whom nothing hides.
static int look_at_who_hides(void)
{
        int ready[2];
        struct caller c;
        pid_t pid;
        char byte;
        int r;

        if (geteuid() == 0 &&
                (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
                return -errno;
        prctl(PR_SET_DUMPABLE, 1);
        if (pipe(ready) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_DUMPABLE, 0);
                (void)!write(ready[1], "", 1);
                nap();
        }
        (void)!read(ready[0], &byte, 1);
        r = caller_from_pid(&c, pid, geteuid(), "socket");
        kill(pid, SIGKILL);
        return r;
}

static void who_hides_cannot_be_told(void **state)
{
        struct err err = ERR_INIT;
        int status;
        pid_t pid = fork();

        (void)state;
        if (pid == 0)
                _exit(look_at_who_hides() == -EACCES ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        caller_refusal(&err, -EACCES);
        assert_non_null(strstr(err.text, "hides"));
}

static void a_cgroup_that_is_not_there(void **state)
{
        char path[CGROUP_PATH_MAX];
        struct caller c;
        int r = cgroup_path(path, UINT64_MAX, geteuid());

        (void)state;
        assert_true(r == -ENOENT || r == -EOPNOTSUPP);
        assert_int_equal(caller_from_cgroup(&c, UINT64_MAX, geteuid(), "imds"), r);
}

static void a_cgroup_by_its_number(void **state)
{
        static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
        char name[128], path[CGROUP_PATH_MAX];
        struct caller c;
        struct stat st;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                snprintf(name, sizeof name, "%s/cgroup.controllers", places[i]);
                if (access(name, F_OK) < 0)
                        continue;
                snprintf(name, sizeof name, "%s/app-flatpak-org.example.Unit-%d.scope", places[i],
                        (int)getpid());
                if (mkdir(name, 0700) < 0)
                        break;
                assert_int_equal(stat(name, &st), 0);
                assert_int_equal(cgroup_path(path, st.st_ino, geteuid()), 0);
                assert_string_equal(path, name + strlen(places[i]));
                for (int again = 0; again < 2; again++) {
                        assert_int_equal(caller_from_cgroup(&c, st.st_ino, geteuid(), "imds"), 0);
                        assert_int_equal(c.kind, CALLER_FLATPAK);
                        assert_string_equal(c.app, "org.example.Unit");
                }
                assert_int_equal(rmdir(name), 0);
                assert_int_equal(
                        caller_from_cgroup(&c, st.st_ino, geteuid(), "imds"), -ENOENT); // also from the cache
                return;
        }
        skip();
}

// ---- quotas

static void a_process_and_an_app_have_an_account_each(void **state)
{
        struct caller plain = {.pid = 7}, other = {.pid = 8},
                      app = {.kind = CALLER_FLATPAK, .app = "a.b", .pid = 9};
        struct quota_account *held[1025], *a;
        struct quota *q;

        (void)state;
        assert_int_equal(quota_new(&q), 0);
        for (size_t i = 0; i < 1024; i++)
                assert_int_equal(quota_enter(q, &plain, &held[i]), 0);
        assert_int_equal(quota_enter(q, &plain, &a), -EBUSY);
        assert_int_equal(quota_enter(q, &other, &held[1024]), 0);
        quota_leave(held[1024]);
        quota_leave(held[0]);
        assert_int_equal(quota_enter(q, &plain, &held[0]), 0);
        for (size_t i = 0; i < 1024; i++)
                quota_leave(held[i]);
        for (size_t i = 0; i < 256; i++) {
                app.pid++; // another process of it each time
                assert_int_equal(quota_enter(q, &app, &held[i]), 0);
        }
        assert_int_equal(quota_enter(q, &app, &a), -EBUSY);
        for (size_t i = 0; i < 256; i++)
                quota_leave(held[i]);
        quota_leave(NULL);
        quota_free(q);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_process_like_this_one),
                cmocka_unit_test(who_has_ended_cannot_be_told),
                cmocka_unit_test(the_descriptor_counts_not_the_number),
                cmocka_unit_test(another_users_process_is_not_looked_at),
                cmocka_unit_test(the_label_from_the_socket_counts),
                cmocka_unit_test(who_hides_cannot_be_told),
                cmocka_unit_test(a_cgroup_that_is_not_there),
                cmocka_unit_test(a_cgroup_by_its_number),
                cmocka_unit_test(a_process_and_an_app_have_an_account_each),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
