// SPDX-License-Identifier: Apache-2.0
//
// sd_listen_fds(3) and sd_notify(3) as documented there, without libsystemd.
#include "service.h"

#include "locked.h"
#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FIRST_FD 3

static void on_refusal(const struct locked_figures *f)
{
        log_event(LOG_E_WARNING, "memory.unlocked", "reason=%s hint=%s", strerror(f->error),
                "secrets are still left out of dumps, but may be written to swap: raise LimitMEMLOCK= or "
                "encrypt it");
}

int service_harden(void)
{
        const struct rlimit none = {0};
        struct rlimit locked;
        int fd;

        // What we open must never be taken for stdin, stdout or stderr.
        do {
                fd = open("/dev/null", O_RDWR);
                if (fd < 0)
                        return -errno;
        } while (fd <= STDERR_FILENO);
        close(fd);
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
                getrlimit(RLIMIT_MEMLOCK, &locked) < 0)
                return -errno;
        locked.rlim_cur = locked.rlim_max;
        locked_on_refusal(on_refusal);
        return setrlimit(RLIMIT_MEMLOCK, &locked) < 0 ? -errno : 0;
}

int service_allow_files(unsigned n)
{
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
                return -errno;
        files.rlim_cur = files.rlim_max < n ? files.rlim_max : n;
        return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

// A decimal number without sign from 0 to max; -1 for anything else.
static long number(const char *s, long max)
{
        long n = 0;

        if (!s || !*s)
                return -1;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -1;
                n = n * 10 + (*s - '0');
                if (n > max)
                        return -1;
        }
        return n;
}

static int read_fds(struct service_fds *f, const char *pid, const char *count, const char *names)
{
        long n = number(count, SERVICE_FDS_MAX);

        // Meant for another process: a parent that forgot to unset them.
        if (!pid || number(pid, INT32_MAX) != getpid())
                return 0;
        if (n < 0)
                return -EBADMSG;
        f->e = calloc((size_t)n + 1, sizeof *f->e);
        if (!f->e)
                return -ENOMEM;
        for (long i = 0; i < n; i++) {
                size_t len = names ? strcspn(names, ":") : 0;
                int fd = FIRST_FD + (int)i;

                if (len >= sizeof f->e[0].name || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                        return -EBADMSG;
                if (len)
                        memcpy(f->e[i].name, names, len);
                f->e[i].fd = fd;
                f->n++;
                if (names)
                        names += len + (names[len] == ':');
        }
        return 0;
}

int service_listen_fds(struct service_fds *ret)
{
        struct service_fds f = {0};
        int r = 0;

        if (getenv("LISTEN_FDS"))
                r = read_fds(&f, getenv("LISTEN_PID"), getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES"));
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
        *ret = f;
        return r;
}

void service_fds_deinit(struct service_fds *f)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->e[i].fd >= 0)
                        close(f->e[i].fd);
        free(f->e);
        *f = (struct service_fds){0};
}

int service_take_fd(struct service_fds *f, const char *name)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->e[i].fd >= 0 && strcmp(f->e[i].name, name) == 0)
                        return TAKE_FD(f->e[i].fd);
        return -1;
}

static int notify(const char *state, int passed)
{
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        struct iovec io = {.iov_base = (void *)(uintptr_t)state, .iov_len = strlen(state)};
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = {.room = {0}};
        struct msghdr m = {.msg_name = &addr, .msg_iov = &io, .msg_iovlen = 1};
        const char *path = getenv("NOTIFY_SOCKET");
        cleanup_fd int fd = -1;
        size_t n;

        if (!path)
                return 0;
        n = strlen(path);
        if ((path[0] != '/' && path[0] != '@') || n >= sizeof addr.sun_path)
                return -EINVAL;
        memcpy(addr.sun_path, path, n);
        if (addr.sun_path[0] == '@')
                addr.sun_path[0] = 0; // an abstract address
        m.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        if (passed >= 0) {
                m.msg_control = &control;
                m.msg_controllen = sizeof control;
                control.header = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
                memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
        }
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
                return -errno;
        return 0;
}

int service_notify(const char *state)
{
        return notify(state, -1);
}

int service_notify_fd(const char *state, int fd)
{
        return notify(state, fd);
}
