// SPDX-License-Identifier: Apache-2.0
//
// Waking the broker from a PAM session: as the user and never as root, past whatever lies at the path,
// without the host hearing of the child it takes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pam_world.h"

#include <poll.h>

#define ALICE (TABLE_UID_MIN + 1)

static char folder[160], sock[192];

// The runtime folder of a user, given to him where we may.
static void make_runtime(uid_t uid)
{
        const char *run = in_world("run");
        char user_dir[176];

        mkdir(run, 0755);
        snprintf(user_dir, sizeof user_dir, "%s/%u", run, (unsigned)uid);
        mkdir(user_dir, 0700);
        snprintf(folder, sizeof folder, "%s/%u/valetkey", run, (unsigned)uid);
        mkdir(folder, 0700);
        snprintf(sock, sizeof sock, "%s/credentials.sock", folder);
        if (geteuid() == 0) {
                assert_int_equal(chown(user_dir, uid, uid), 0);
                assert_int_equal(chown(folder, uid, uid), 0);
        }
}

static void remove_runtime(void)
{
        char *slash;

        unlink(sock);
        rmdir(folder);
        slash = strrchr(folder, '/');
        *slash = 0;
        rmdir(folder);
        rmdir(in_world("run"));
}

static int64_t open_session(const char *user)
{
        int64_t start = now_ms();

        begin_pam("svc", user);
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        end_pam();
        return now_ms() - start;
}

// The uid of whoever has connected to fd; -1 when nobody has.
static int64_t who_came(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        struct ucred peer;
        socklen_t len = sizeof peer;
        int conn;

        if (poll(&p, 1, 0) != 1)
                return -1;
        // cppcheck-suppress nullPointer // legal: the address is not asked for
        conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(conn >= 0);
        assert_int_equal(getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &peer, &len), 0);
        close(conn);
        return peer.uid;
}

static volatile sig_atomic_t children_heard;

static void on_child(int sig)
{
        (void)sig;
        children_heard++;
}

static void root_knocks_as_the_user_and_the_host_does_not_notice(void **state)
{
        struct sigaction act = {.sa_handler = on_child}, before;
        sigset_t mask, now;
        int fd;

        (void)state;
        if (geteuid() != 0)
                skip();
        make_runtime(ALICE);
        fd = listen_at(sock, 8);
        assert_true(fd >= 0);
        sigaction(SIGCHLD, &act, &before);
        sigprocmask(SIG_BLOCK, NULL, &mask);
        for (int i = 0; i < 3; i++) {
                assert_true(open_session("alice") < 1500);
                assert_int_equal(who_came(fd), ALICE);
        }
        assert_int_equal(children_heard, 0);
        errno = 0;
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        sigprocmask(SIG_BLOCK, NULL, &now);
        for (int i = 1; i < NSIG; i++)
                assert_int_equal(sigismember(&now, i), sigismember(&mask, i));
        sigaction(SIGCHLD, &before, NULL);
        close(fd);
        remove_runtime();
}

// A host that ignores SIGCHLD has its children reaped by the kernel.
static void a_host_that_ignores_its_children_is_no_obstacle(void **state)
{
        int fd;

        (void)state;
        if (geteuid() != 0)
                skip();
        make_runtime(ALICE);
        fd = listen_at(sock, 8);
        signal(SIGCHLD, SIG_IGN);
        assert_true(open_session("alice") < 1500);
        signal(SIGCHLD, SIG_DFL);
        assert_int_equal(who_came(fd), ALICE);
        close(fd);
        remove_runtime();
}

// What the user puts there is opened with his rights: a link to a socket that only root may open leads
// nowhere.
static void a_link_to_roots_socket_does_not_reach_it(void **state)
{
        char guarded[176];
        int fd;

        (void)state;
        if (geteuid() != 0)
                skip();
        make_runtime(ALICE);
        snprintf(guarded, sizeof guarded, "%s", in_world("guarded"));
        fd = listen_at(guarded, 8);
        assert_int_equal(chmod(guarded, 0600), 0);
        assert_int_equal(symlink(guarded, sock), 0);
        assert_true(open_session("alice") < 1500);
        assert_int_equal(who_came(fd), -1);
        close(fd);
        unlink(guarded);
        remove_runtime();
}

static void whatever_is_there_does_not_hold_the_login_up(void **state)
{
        struct sockaddr_un addr;
        int fd, more[4];

        (void)state;
        if (geteuid() != 0)
                skip();
        assert_true(open_session("alice") < 1500); // nothing at all
        make_runtime(ALICE);
        assert_int_equal(mkfifo(sock, 0666), 0);
        assert_true(open_session("alice") < 1500);
        unlink(sock);
        fd = listen_at(sock, 0); // a broker that hangs with a full backlog
        addr = address(sock);
        for (int i = 0; i < 4; i++) {
                more[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                (void)!connect(more[i], (struct sockaddr *)&addr, sizeof addr);
        }
        assert_true(open_session("alice") < 1500);
        for (int i = 0; i < 4; i++)
                close(more[i]);
        close(fd);
        remove_runtime();
}

static void the_user_himself_needs_no_child(void **state)
{
        uid_t uid = world.me ? world.me : 1002;
        pid_t pid;
        int fd, status;

        (void)state;
        make_runtime(uid);
        fd = listen_at(sock, 8);
        assert_true(fd >= 0);
        pid = fork(); // so that root's test can become the user
        if (pid == 0) {
                static const struct pam_conv c = {.conv = converse};

                if (geteuid() == 0 && (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
                        _exit(1);
                if (pam_start_confdir("svc", "bound", &c, world.dir, &pamh) != PAM_SUCCESS ||
                        pam_open_session(pamh, 0) != PAM_SUCCESS)
                        _exit(2);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(who_came(fd), uid);
        close(fd);
        remove_runtime();
}

static void who_is_not_ours_is_not_woken(void **state)
{
        int fd;

        (void)state;
        make_runtime(1000);
        fd = listen_at(sock, 8);
        begin_pam("svc", "local");
        assert_int_equal(pam_open_session(pamh, 0), IGNORED);
        end_pam();
        assert_int_equal(who_came(fd), -1);
        close(fd);
        remove_runtime();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(root_knocks_as_the_user_and_the_host_does_not_notice),
                cmocka_unit_test(a_host_that_ignores_its_children_is_no_obstacle),
                cmocka_unit_test(a_link_to_roots_socket_does_not_reach_it),
                cmocka_unit_test(whatever_is_there_does_not_hold_the_login_up),
                cmocka_unit_test(the_user_himself_needs_no_child),
                cmocka_unit_test(who_is_not_ours_is_not_woken),
        };

        return cmocka_run_group_tests(tests, world_up, world_down);
}
