// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include "service.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

int process_harden(void)
{
        int r = service_harden();

        if (r < 0)
                return r;
        umask(077);
        // A thousand callers at once are a thousand descriptors.
        return service_allow_files(16384);
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

// The lock belongs to the open file, which goes from one program to the next.
static bool is_file(int fd, const char *path)
{
        struct stat a, b;

        return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int process_lock(int *ret, const char *dir, int inherited, int *ret_other, struct err *err)
{
        cleanup_free char *path = NULL;
        cleanup_fd int fd = inherited;
        char text[16];
        int n;

        if (asprintf(&path, "%s/lock", dir) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (fd >= 0 && !is_file(fd, path)) {
                close(fd);
                fd = -1;
        }
        if (fd < 0)
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

static bool is_stored(const char *name)
{
        return strcmp(name, "state") == 0 || strcmp(name, PROCESS_ENDPOINT) == 0 ||
               strcmp(name, PROCESS_ENDPOINT_OWN) == 0;
}

// Of systemd's store and of the process before there is one name for each; everything else is a socket to listen on.
static void take_passed(struct process_fds *ret)
{
        struct service_fds f;

        if (service_listen_fds(&f) < 0)
                fprintf(stderr, "valetkey-broker: LISTEN_FDS makes no sense, ignoring what came with it\n");
        ret->state = service_take_fd(&f, "state");
        ret->endpoint = service_take_fd(&f, PROCESS_ENDPOINT);
        if (ret->endpoint < 0) {
                ret->endpoint = service_take_fd(&f, PROCESS_ENDPOINT_OWN);
                ret->owns_endpoint = ret->endpoint >= 0;
        }
        // Our unit passes one socket. What else there is of a name is older than what was taken, and closed.
        for (size_t i = 0; ret->listen < 0 && i < f.n; i++)
                if (f.e[i].fd >= 0 && !is_stored(f.e[i].name))
                        ret->listen = TAKE_FD(f.e[i].fd);
        service_fds_deinit(&f);
}

// "PID LISTEN OWNED STATE LOCK ENDPOINT OWNED": descriptors by number, so that nothing has to be moved before it is sure that the
// program can be run.
#define RUN_ANEW_VARIABLE "VALETKEY_BROKER_FDS"

// Exactly n decimal numbers, -1 among them, with one space between.
static bool read_numbers(const char *s, int *ret, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int v = 0;

                if (i > 0 && *s++ != ' ')
                        return false;
                if (strncmp(s, "-1", 2) == 0) {
                        ret[i] = -1;
                        s += 2;
                        continue;
                }
                if (*s < '0' || *s > '9')
                        return false;
                for (; *s >= '0' && *s <= '9'; s++) {
                        if (v > INT_MAX / 10 - 1)
                                return false;
                        v = v * 10 + (*s - '0');
                }
                ret[i] = v;
        }
        return !*s;
}

static void take_from_before(struct process_fds *ret)
{
        enum {
                PID,
                LISTEN,
                OWNED,
                STATE,
                LOCK,
                ENDPOINT,
                ENDPOINT_OWNED,
                N
        };
        const char *text = getenv(RUN_ANEW_VARIABLE);
        int v[N];

        if (text && read_numbers(text, v, N) && v[PID] == getpid()) {
                static const int fds[] = {LISTEN, STATE, LOCK, ENDPOINT};

                for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                        if (v[fds[i]] <= STDERR_FILENO || fcntl(v[fds[i]], F_SETFD, FD_CLOEXEC) < 0)
                                v[fds[i]] = -1;
                *ret = (struct process_fds){.listen = v[LISTEN],
                        .state = v[STATE],
                        .lock = v[LOCK],
                        .endpoint = v[ENDPOINT],
                        .owns_socket = v[OWNED] == 1,
                        .owns_endpoint = v[ENDPOINT_OWNED] == 1};
        }
        unsetenv(RUN_ANEW_VARIABLE);
}

void process_take_fds(struct process_fds *ret)
{
        *ret = (struct process_fds){.listen = -1, .state = -1, .lock = -1, .endpoint = -1};
        take_passed(ret);
        take_from_before(ret);
}

void process_notify(const char *state, int fd)
{
        int r = fd < 0 ? service_notify(state) : service_notify_fd(state, fd);

        if (r < 0)
                fprintf(stderr, "valetkey-broker: cannot notify the service manager, ignoring: %s\n",
                        strerror(-r));
}

int process_program(char **ret)
{
        static const char gone[] = " (deleted)";
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
        struct stat st;

        if (n < 0)
                return -errno;
        path[n] = 0;
        // Replaced by an upgrade while it was being started: what is there by that name is the newer one.
        if (stat(path, &st) < 0 && (size_t)n > strlen(gone) && strcmp(path + n - strlen(gone), gone) == 0)
                path[(size_t)n - strlen(gone)] = 0;
        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}

static int check_program(const char *program, struct err *err)
{
        struct stat st;

        if (stat(program, &st) < 0) {
                int e = errno;

                err_set(err, "cannot look at %s: %s", program, strerror(e));
                return -e;
        }
        if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0) {
                err_set(err, "%s is not a file that only root or this user can write to", program);
                return -EPERM;
        }
        return 0;
}

// Libraries open descriptors that would stay open: everything is closed on the way but what is passed on.
static int pass_on(const int *fds, size_t n)
{
        if (close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;
        for (size_t i = 0; i < n; i++)
                if (fds[i] >= 0 && fcntl(fds[i], F_SETFD, 0) < 0)
                        return -errno;
        return 0;
}

int process_run_anew(const char *program, char *const argv[], const struct process_fds *fds, struct err *err)
{
        const int all[] = {fds->listen, fds->state, fds->lock, fds->endpoint};
        char text[100];
        int r = check_program(program, err);

        if (r < 0)
                return r;
        snprintf(text, sizeof text, "%d %d %d %d %d %d %d", (int)getpid(), fds->listen, fds->owns_socket,
                fds->state, fds->lock, fds->endpoint, fds->owns_endpoint);
        r = setenv(RUN_ANEW_VARIABLE, text, 1) < 0 ? -errno : pass_on(all, ARRAY_SIZE(all));
        if (r == 0) {
                execv(program, argv);
                r = -errno;
        }
        err_set(err, "cannot run %s: %s", program, strerror(-r));
        unsetenv(RUN_ANEW_VARIABLE);
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                (void)fcntl(all[i], F_SETFD, FD_CLOEXEC); // fails for -1 only
        return r;
}
