// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LISTEN_FD_FIRST 3

// Descriptors we open must never be taken for stdin, stdout or stderr.
static int open_standard_fds(void)
{
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        while (fd >= 0 && fd <= STDERR_FILENO) {
                int flags = fcntl(fd, F_GETFD);

                if (flags < 0 || fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC) < 0)
                        return -errno;
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        }
        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}

int process_harden(void)
{
        struct rlimit none = {0}, files;
        int r = open_standard_fds();

        if (r < 0)
                return r;
        umask(077);
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
                return -errno;
        // A thousand callers at once are a thousand descriptors.
        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
                return -errno;
        files.rlim_cur = files.rlim_max < 16384 ? files.rlim_max : 16384;
        return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

int process_runtime_dir(char **ret)
{
        const char *dir = secure_getenv("XDG_RUNTIME_DIR");
        int n;

        if (dir && dir[0] == '/')
                n = asprintf(ret, "%s/valetkey", dir);
        else
                n = asprintf(ret, "/run/user/%u/valetkey", (unsigned)geteuid());
        return n < 0 ? -ENOMEM : 0;
}

int process_prepare_dir(const char *dir, struct err *err)
{
        struct stat st;

        if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
                int e = errno;

                err_set(err, "cannot make %s: %s", dir, strerror(e));
                return -e;
        }
        if (lstat(dir, &st) < 0) {
                int e = errno;

                err_set(err, "cannot look at %s: %s", dir, strerror(e));
                return -e;
        }
        if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
                err_set(err, "%s must be a directory of this user that nobody else can write to", dir);
                return -EPERM;
        }
        return 0;
}

static int read_pid(int fd)
{
        char text[16];
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        int pid = 0;

        for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9' && pid < INT_MAX / 10; i++)
                pid = pid * 10 + (text[i] - '0');
        return pid;
}

int process_lock(int *ret, const char *dir, int *ret_other, struct err *err)
{
        cleanup_free char *path = NULL;
        cleanup_fd int fd = -1;
        char text[16];
        int n;

        if (asprintf(&path, "%s/lock", dir) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0) {
                int e = errno;

                err_set(err, "cannot open %s: %s", path, strerror(e));
                return -e;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                int e = errno;

                *ret_other = read_pid(fd);
                if (e != EWOULDBLOCK)
                        err_set(err, "cannot lock %s: %s", path, strerror(e));
                return -e;
        }
        n = snprintf(text, sizeof text, "%d\n", (int)getpid());
        if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n) {
                int e = errno ? errno : EIO;

                err_set(err, "cannot write %s: %s", path, strerror(e));
                return -e;
        }
        *ret = TAKE_FD(fd);
        return 0;
}

static bool is_number(const char *s, long wanted)
{
        char text[24];

        snprintf(text, sizeof text, "%ld", wanted);
        return s && strcmp(s, text) == 0;
}

int process_take_listen_fd(void)
{
        const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
        // One socket is what our unit passes; another number is somebody else's unit.
        bool ours = is_number(pid, getpid()) && is_number(fds, 1);

        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
        if (!ours || fcntl(LISTEN_FD_FIRST, F_SETFD, FD_CLOEXEC) < 0)
                return -1;
        return LISTEN_FD_FIRST;
}

void process_notify(const char *state)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        cleanup_fd int fd = -1;
        socklen_t len;

        if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof a.sun_path)
                return;
        len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
        memcpy(a.sun_path, path, strlen(path));
        if (a.sun_path[0] == '@')
                a.sun_path[0] = 0;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a, len) < 0)
                fprintf(stderr, "valetkey-broker: cannot notify the service manager, ignoring: %s\n",
                        strerror(errno));
}
