// SPDX-License-Identifier: Apache-2.0
//
// A process is looked at through a descriptor of it: when it is still alive after everything was read, the pid was its own
// all the while. Three things may say "sandbox": the file /.flatpak-info in its root, the cgroup it was put in, its AppArmor
// label. One is enough; two that disagree, or one that cannot be read, are no answer.
#include "caller.h"

#include "cgroup_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FILE_MAX (64u << 10)

// A whole small file. -EFBIG where it is larger.
static int read_all(int fd, char *dst, size_t size, size_t *ret_n)
{
        size_t n = 0;

        while (n < size) {
                ssize_t r = read(fd, dst + n, size - n);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -errno;
                if (r == 0) {
                        *ret_n = n;
                        return 0;
                }
                n += (size_t)r;
        }
        return -EFBIG;
}

static int read_at(int dir, const char *name, char *dst, size_t size, size_t *ret_n)
{
        cleanup_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        return read_all(fd, dst, size, ret_n);
}

static int look_cgroup(struct app_id *id, int proc, char *room)
{
        size_t n = 0;
        int r = read_at(proc, "cgroup", room, FILE_MAX, &n);

        return r < 0 ? r : app_id_from_proc_cgroup(id, room, n);
}

static int look_root(struct app_id *id, int proc, char *room)
{
        cleanup_fd int root = openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        size_t n = 0;
        int r;

        if (root < 0)
                return -errno;
        r = read_at(root, ".flatpak-info", room, FILE_MAX, &n);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : app_id_from_flatpak_info(id, room, n);
}

static int look_label(struct app_id *id, int proc, char *room)
{
        static const char *const names[] = {"attr/apparmor/current", "attr/current"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                size_t n = 0;
                int r = read_at(proc, names[i], room, FILE_MAX, &n);

                if (r == -ENOENT || r == -EINVAL || r == -EOPNOTSUPP)
                        continue; // no AppArmor here
                return r < 0 ? r : app_id_from_label(id, room, n);
        }
        return 0;
}

static void look_exe(struct caller *c, int proc)
{
        char target[1024];
        ssize_t n = readlinkat(proc, "exe", target, sizeof target);

        if (n > 0)
                err_sanitise(c->exe, sizeof c->exe, target, (size_t)n);
}

static void take_id(struct caller *c, const struct app_id *id)
{
        const char *app = id->kind == APP_NONE ? id->unit : id->name;

        c->kind = id->kind == APP_FLATPAK ? CALLER_FLATPAK
                  : id->kind == APP_SNAP  ? CALLER_SNAP
                  : id->unit[0]           ? CALLER_UNIT
                                          : CALLER_PLAIN;
        memcpy(c->app, app, strlen(app) + 1);
}

static int look(struct caller *c, struct app_id *id, int proc)
{
        cleanup_free char *room = NULL;
        struct stat st;
        int r;

        if (fstat(proc, &st) < 0)
                return -errno;
        // A process that is not dumpable belongs to root here: what it is cannot be seen.
        if (st.st_uid != c->uid)
                return -EACCES;
        room = malloc(FILE_MAX);
        if (!room)
                return -ENOMEM;
        r = look_cgroup(id, proc, room);
        if (r == 0)
                r = look_root(id, proc, room);
        if (r == 0)
                r = look_label(id, proc, room);
        look_exe(c, proc);
        return r;
}

static int open_process(pid_t pid)
{
        long fd = syscall(SYS_pidfd_open, pid, 0);

        return fd < 0 ? -errno : (int)fd;
}

int caller_from_peer(struct caller *ret, const struct caller_peer *peer, const char *door)
{
        struct app_id id = {0};
        cleanup_fd int own = -1, proc = -1;
        char path[32];
        int r, pidfd = peer->pidfd;

        *ret = (struct caller){.uid = peer->uid, .pid = peer->pid, .door = door};
        if (peer->pid <= 0)
                return -ESRCH;
        if (pidfd < 0) {
                pidfd = own = open_process(peer->pid);
                if (own < 0)
                        return own;
        }
        snprintf(path, sizeof path, "/proc/%d", (int)peer->pid);
        proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        r = look(ret, &id, proc);
        if (r == 0 && peer->label)
                r = app_id_from_label(&id, peer->label, strlen(peer->label));
        if (r < 0)
                return r;
        if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0)
                return -errno;
        take_id(ret, &id);
        return 0;
}

int caller_from_pid(struct caller *ret, pid_t pid, uid_t uid, const char *door)
{
        const struct caller_peer peer = {.uid = uid, .pid = pid, .pidfd = -1};

        return caller_from_peer(ret, &peer, door);
}

int caller_from_cgroup(struct caller *ret, uint64_t cgroup_id, uid_t uid, const char *door)
{
        cleanup_free char *path = malloc(CGROUP_PATH_MAX);
        struct app_id id = {0};
        int r;

        *ret = (struct caller){.uid = uid, .door = door};
        if (!path)
                return -ENOMEM;
        r = cgroup_path(path, cgroup_id, uid);
        if (r == 0)
                r = app_id_from_cgroup_path(&id, path, strlen(path));
        if (r < 0)
                return r;
        // Flatpak and snapd put their programs in units. Where there are no units, a cgroup says nothing.
        if (id.kind == APP_NONE && !id.unit[0])
                return -EOPNOTSUPP;
        take_id(ret, &id);
        return 0;
}

bool caller_is_sandboxed(const struct caller *c)
{
        return c->kind == CALLER_FLATPAK || c->kind == CALLER_SNAP;
}

char *caller_describe(const struct caller *c, char *dst, size_t n)
{
        switch (c->kind) {
        case CALLER_FLATPAK:
                snprintf(dst, n, "Flatpak %s", c->app);
                break;
        case CALLER_SNAP:
                snprintf(dst, n, "snap %s", c->app);
                break;
        default:
                snprintf(dst, n, "this program");
        }
        return dst;
}

void caller_refusal(struct err *err, int error)
{
        if (error == -ESRCH)
                err_set(err, "the program that asks has ended meanwhile, so who it is cannot be told");
        else if (error == -EACCES || error == -EPERM)
                err_set(err,
                        "the program that asks hides what it is (it is not dumpable, or of another user)");
        else if (error == -EBADMSG || error == -EFBIG || error == -ELOOP)
                err_set(err, "the sandbox of the program that asks does not say clearly which app it is");
        else
                err_set(err, "who asks cannot be told (%s), so nothing is handed out", strerror(-error));
}
