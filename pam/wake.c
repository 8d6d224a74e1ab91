// SPDX-License-Identifier: Apache-2.0
//
// The socket lies in a folder of the user's, who can put anything there: a link, a fifo, somebody else's
// socket. So root never opens it. A child drops to the user first, and then the kernel allows exactly what
// the user could have done himself; there is nothing to lstat() and nothing to race.
//
// The child is made by the clone system call with no signal at its end: the host's SIGCHLD handler and its
// waitpid(-1) never hear of it (sshd and gdm have both). It runs no atfork handler and calls nothing that
// takes a lock, because the host may have threads. Changing its ids makes it undumpable, so the user cannot
// look into the memory it shares with the host, and every signal is blocked, so no handler of the host runs
// as the user.
#include "wake.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 2000

// Returns errno, 0 when the connection was made. Nothing but system calls.
static int touch(const struct sockaddr_un *addr)
{
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), e = 0;

        if (fd < 0)
                return errno;
        if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0)
                e = errno;
        close(fd);
        return e;
}

static _Noreturn void child(const struct sockaddr_un *addr, uid_t uid, gid_t gid)
{
        int e = 0;

        // The raw calls: glibc's would tell the threads of the host, which are not here.
        if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
                syscall(SYS_setresuid, uid, uid, uid) < 0)
                e = errno;
        if (e == 0)
                e = touch(addr);
        _exit(e > 0 && e < 256 ? e : 0);
}

// Waits for the child with a limit; a child that is stuck is killed. Returns -errno of what it did.
static int reap(pid_t pid)
{
        struct timespec start, now;
        struct pollfd p = {.fd = pidfd_open(pid, 0), .events = POLLIN};
        siginfo_t info;
        int left = PATIENCE_MS;

        clock_gettime(CLOCK_MONOTONIC, &start);
        while (p.fd >= 0 && left > 0 && poll(&p, 1, left) < 0 && errno == EINTR) {
                clock_gettime(CLOCK_MONOTONIC, &now);
                left = PATIENCE_MS -
                       (int)((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000);
        }
        if (p.fd < 0 || !(p.revents & POLLIN))
                kill(pid, SIGKILL);
        if (p.fd >= 0)
                close(p.fd);
        memset(&info, 0, sizeof info);
        while (waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL) < 0)
                if (errno != EINTR)
                        return -errno;
        return info.si_code == CLD_EXITED ? -info.si_status : -ETIMEDOUT;
}

int wake_broker(const char *runtime_base, uid_t uid, gid_t gid)
{
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        sigset_t all, before;
        long pid;
        int n = snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%u/valetkey/credentials.sock", runtime_base,
                (unsigned)uid);

        if (n < 0 || n >= (int)sizeof addr.sun_path)
                return -ENAMETOOLONG;
        if (uid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
                return -EINVAL;
        if (geteuid() == uid)
                return -touch(&addr);
        if (geteuid() != 0)
                return -EPERM;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &before);
        pid = syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL);
        if (pid == 0)
                child(&addr, uid, gid);
        n = pid < 0 ? -errno : 0;
        sigprocmask(SIG_SETMASK, &before, NULL);
        return pid < 0 ? n : reap((pid_t)pid);
}
