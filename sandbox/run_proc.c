// SPDX-License-Identifier: Apache-2.0
//
// Starting, ending and forgetting processes.
//
// Ending them all rests on one fact: a pid that is our unreaped child cannot be another process's. So only
// direct children are ever signalled; when they die, their own children become ours (we are a subreaper) and
// the next round finds them. The rounds end when waitpid() says that there is nobody.
#include "run_proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

int64_t proc_now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_BOOTTIME, &ts);
        return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int proc_become_subreaper(void)
{
        return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

void proc_child_init(pid_t parent)
{
        struct sigaction dfl = {.sa_handler = SIG_DFL};
        sigset_t none;

        // Asked for after any change of uid, which would clear it; a parent that died before is seen here.
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (getppid() != parent)
                _exit(1);
        for (int i = 1; i < NSIG; i++)
                sigaction(i, &dfl, NULL); // fails for those that cannot be caught: no matter
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

// Puts a descriptor (or /dev/null) in the place of standard input, output or error.
static int place(int fd, int target)
{
        cleanup_fd int null = -1;

        if (fd < 0) {
                null = open("/dev/null", O_RDWR | O_CLOEXEC);
                if (null < 0)
                        return -errno;
                fd = null;
        }
        if (fd == target)
                return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
        return dup2(fd, target) < 0 ? -errno : 0;
}

static int show_passwd(const char *path)
{
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                mount(path, "/etc/passwd", NULL, MS_BIND, NULL) < 0)
                return -errno;
        return 0;
}

bool proc_can_show_passwd(void)
{
        int status = -1;
        pid_t pid = fork();

        if (pid == 0)
                _exit(show_passwd("/etc/passwd") < 0 ? 1 : 0);
        return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int child_setup(const struct proc_spec *s, pid_t parent)
{
        int fds[3] = {s->in, s->out, s->err};
        int r;

        if (s->own_session && setsid() < 0)
                return -errno;
        if (!s->own_session && s->group && setpgid(0, s->group) < 0)
                return -errno;
        // Sources are moved out of 0-2 first, so that placing one does not close another.
        for (int i = 0; i < 3; i++) {
                if (fds[i] >= 0 && fds[i] < 3) {
                        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
                        if (fds[i] < 0)
                                return -errno;
                }
        }
        for (int i = 0; i < 3; i++) {
                r = place(fds[i], i);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < s->n_keep; i++) {
                if (fcntl(s->keep[i], F_SETFD, 0) < 0)
                        return -errno;
        }
        if (s->workdir && chdir(s->workdir) < 0)
                return -errno;
        r = s->passwd ? show_passwd(s->passwd) : 0;
        if (r < 0)
                return r;
        if (s->drop && (setgroups(0, NULL) < 0 || setresgid(s->gid, s->gid, s->gid) < 0 ||
                               setresuid(s->uid, s->uid, s->uid) < 0))
                return -errno;
        proc_child_init(parent);
        return 0;
}

int proc_spawn(pid_t *ret, const struct proc_spec *s, struct err *err)
{
        int report[2];
        pid_t parent = getpid(), pid;
        ssize_t n;
        int r = 0;

        if (pipe2(report, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                r = -errno;
                close(report[0]);
                close(report[1]);
                return r;
        }
        if (pid == 0) {
                r = child_setup(s, parent);
                if (r == 0) {
                        execvpe(s->argv[0], s->argv, s->envp);
                        r = -errno;
                }
                n = write(report[1], &r, sizeof r);
                _exit(n == sizeof r ? 127 : 126);
        }
        close(report[1]);
        do {
                n = read(report[0], &r, sizeof r);
        } while (n < 0 && errno == EINTR);
        close(report[0]);
        if (n == 0) { // closed by the exec
                *ret = pid;
                return 0;
        }
        waitpid(pid, NULL, 0);
        if (n != sizeof r)
                r = -EIO;
        err_set(err, "%s cannot be run: %s.", s->argv[0], strerror(-r));
        return r;
}

// The parent of a process and whether it is a zombie, from /proc/PID/stat ("pid (name) S ppid …").
static int stat_read(const char *pid, pid_t *ret_parent, bool *ret_zombie)
{
        char path[64], text[512];
        cleanup_fd int fd = -1;
        const char *p;
        char state;
        int parent;
        ssize_t n;

        if (snprintf(path, sizeof path, "/proc/%s/stat", pid) >= (int)sizeof path)
                return -ENAMETOOLONG;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof text - 1);
        if (n <= 0)
                return -ESRCH;
        text[n] = 0;
        p = strrchr(text, ')'); // a name may hold anything, the last parenthesis is the kernel's
        if (!p || p[1] != ' ' || !p[2] || p[3] != ' ')
                return -EBADMSG;
        state = p[2];
        errno = 0;
        parent = (int)strtol(p + 4, NULL, 10);
        *ret_parent = parent;
        *ret_zombie = state == 'Z';
        return errno ? -errno : 0;
}

static int signal_children(int sig)
{
        DIR *d = opendir("/proc");
        struct dirent *e;
        pid_t parent = -1;
        bool zombie = false;

        if (!d)
                return -errno;
        while ((e = readdir(d))) {
                if (e->d_name[0] < '1' || e->d_name[0] > '9')
                        continue;
                if (stat_read(e->d_name, &parent, &zombie) < 0 || parent != getpid() || zombie)
                        continue;
                kill((pid_t)strtol(e->d_name, NULL, 10), sig);
                if (sig == SIGTERM)
                        kill((pid_t)strtol(e->d_name, NULL, 10), SIGCONT); // a stopped one hears nothing else
        }
        closedir(d);
        return 0;
}

int proc_end_all(int grace_ms)
{
        int64_t start = proc_now_ms(), last = -1;
        pid_t pid;

        for (;;) {
                int64_t t = proc_now_ms() - start;

                do {
                        pid = waitpid(-1, NULL, WNOHANG | __WALL);
                } while (pid > 0 || (pid < 0 && errno == EINTR));
                if (pid < 0)
                        return errno == ECHILD ? 0 : -errno;
                if (t > grace_ms + 5000)
                        return -ETIMEDOUT;
                if (t > grace_ms || last < 0 || t - last > 100) {
                        // New orphans turn up as their parents go: every round signals whoever is there.
                        signal_children(t > grace_ms ? SIGKILL : SIGTERM);
                        last = t;
                }
                poll(NULL, 0, 5);
        }
}

static int remove_at(int at, const char *name, int depth);

// Everything below a directory, by descriptors: a name that is swapped for a symbolic link meanwhile is not
// followed. The first failure is remembered, the rest is removed all the same.
static int remove_below(int dir_fd, int depth)
{
        DIR *d = fdopendir(dir_fd); // takes dir_fd
        struct dirent *e;
        int ret = 0;

        if (!d) {
                ret = -errno;
                close(dir_fd);
                return ret;
        }
        while ((e = readdir(d))) {
                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                if (unlinkat(dirfd(d), e->d_name, 0) < 0) {
                        int r = errno == EISDIR || errno == EPERM ? remove_at(dirfd(d), e->d_name, depth + 1)
                                                                  : -errno;
                        if (r < 0 && ret == 0)
                                ret = r;
                }
        }
        closedir(d);
        return ret;
}

static int remove_at(int at, const char *name, int depth)
{
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int fd, r;

        if (depth > 64)
                return -ELOOP;
        fd = openat(at, name, flags);
        if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)
                fd = openat(at, name, flags);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
                fchmod(fd, 0700);
        r = remove_below(fd, depth);
        if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0)
                r = -errno;
        return r;
}

int proc_remove_tree(const char *path)
{
        return remove_at(AT_FDCWD, path, 0);
}
