// SPDX-License-Identifier: Apache-2.0
//
// What systemd says to a daemon, and what a daemon says to systemd: sockets by name, nonsense refused, readiness as
// one datagram, and nothing of it left for a child.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "service.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

// Runs in a child, because descriptors 3 and up are taken and the variables are read once.
static void in_child(int (*body)(void))
{
        pid_t pid = fork();
        int status = -1;

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(body());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) != 0)
                fail_msg("the child says %d", WEXITSTATUS(status));
}

static void say(const char *pid, const char *fds, const char *names)
{
        char own[16];

        snprintf(own, sizeof own, "%d", (int)getpid());
        setenv("LISTEN_PID", pid ? pid : own, 1);
        setenv("LISTEN_FDS", fds, 1);
        if (names)
                setenv("LISTEN_FDNAMES", names, 1);
        for (int fd = 3; fd < 3 + 8; fd++)
                dup2(0, fd);
}

static int two_by_name(void)
{
        struct service_fds f;

        say(NULL, "2", "claim:login");
        if (service_listen_fds(&f) != 0 || f.n != 2)
                return 1;
        if (service_take_fd(&f, "login") != 4 || service_take_fd(&f, "claim") != 3)
                return 2;
        if (service_take_fd(&f, "login") != -1 || service_take_fd(&f, "other") != -1)
                return 3;
        if (!(fcntl(3, F_GETFD) & FD_CLOEXEC) || !(fcntl(4, F_GETFD) & FD_CLOEXEC))
                return 4;
        if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES"))
                return 5;
        return service_listen_fds(&f) == 0 && f.n == 0 ? 0 : 6;
}

static int meant_for_another_process(void)
{
        struct service_fds f;

        say("1", "2", "claim:login");
        if (service_listen_fds(&f) != 0 || f.n != 0)
                return 1;
        return getenv("LISTEN_FDS") ? 2 : 0;
}

static int nonsense(void)
{
        static const char *const counts[] = {"", "-1", "x", "2x", " 2", "20001", "99999999999999999999"};
        struct service_fds f;

        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
                say(NULL, counts[i], "claim:login");
                if (service_listen_fds(&f) != -EBADMSG)
                        return 1 + (int)i;
        }
        say(NULL, "1", NULL); // no names: a descriptor nobody can ask for
        if (service_listen_fds(&f) != 0 || service_take_fd(&f, "login") != -1)
                return 20;
        say(NULL, "3", "claim"); // fewer names than sockets
        if (service_listen_fds(&f) != 0 || f.n != 3 || service_take_fd(&f, "claim") != 3)
                return 21;
        say(NULL, "8", "a:b:c:d:e:f:g:h");
        close(10); // not there
        return service_listen_fds(&f) == -EBADMSG ? 0 : 22;
}

static int ready(void)
{
        static const char *const bad[] = {"relative", "", "vsock:2:1"};
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        char dir[] = "/tmp/test_service.XXXXXX", text[32] = "";
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        unsetenv("NOTIFY_SOCKET");
        if (service_notify("READY=1") != 0)
                return 1;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                setenv("NOTIFY_SOCKET", bad[i], 1);
                if (service_notify("READY=1") != -EINVAL)
                        return 2;
        }
        if (!mkdtemp(dir))
                return 3;
        snprintf(a.sun_path, sizeof a.sun_path, "%s/n", dir);
        setenv("NOTIFY_SOCKET", a.sun_path, 1);
        if (service_notify("READY=1") != -ENOENT)
                return 4;
        if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || service_notify("READY=1") != 0)
                return 5;
        unlink(a.sun_path);
        rmdir(dir);
        return recv(fd, text, sizeof text - 1, MSG_DONTWAIT) == 7 && strcmp(text, "READY=1") == 0 ? 0 : 6;
}

static int hardened(void)
{
        char line[128];
        FILE *f;
        int fd;

        close(0);
        close(1);
        if (service_harden() != 0)
                return 1;
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd <= 2)
                return 2;
        close(fd);
        f = fopen("/proc/self/limits", "re");
        while (f && fgets(line, sizeof line, f))
                if (strncmp(line, "Max core file size        0 ", 28) == 0)
                        return 0;
        return 3;
}

static void sockets_are_taken_by_their_names(void **state)
{
        (void)state;
        in_child(two_by_name);
}

static void sockets_of_another_process_are_left_alone(void **state)
{
        (void)state;
        in_child(meant_for_another_process);
}

static void variables_that_make_no_sense_are_refused(void **state)
{
        (void)state;
        in_child(nonsense);
}

static void readiness_is_one_datagram(void **state)
{
        (void)state;
        in_child(ready);
}

static void the_process_closes_itself(void **state)
{
        (void)state;
        in_child(hardened);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sockets_are_taken_by_their_names),
                cmocka_unit_test(sockets_of_another_process_are_left_alone),
                cmocka_unit_test(variables_that_make_no_sense_are_refused),
                cmocka_unit_test(readiness_is_one_datagram),
                cmocka_unit_test(the_process_closes_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
