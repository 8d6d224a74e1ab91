// SPDX-License-Identifier: Apache-2.0
//
// The uid decides first, by the socket at the other end. Then the sandbox, by the cgroup the socket was made in; where the
// kernel does not say that, by the processes that hold the socket, which must all be of one kind.
#include "peer_caller.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

// Whether that process has the socket of that inode open. A process that hides its descriptors has none for us.
static bool holds(int proc, const char *pid, uint64_t inode)
{
        char path[264], want[40], target[40];
        bool found = false;
        const struct dirent *d;
        DIR *dir;
        int fd;

        snprintf(path, sizeof path, "%s/fd", pid);
        snprintf(want, sizeof want, "socket:[%llu]", (unsigned long long)inode);
        fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                if (fd >= 0)
                        close(fd);
                return false;
        }
        while (!found && (d = readdir(dir))) {
                ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof target - 1);

                if (n > 0) {
                        target[n] = 0;
                        found = strcmp(target, want) == 0;
                }
        }
        closedir(dir);
        return found;
}

static bool is_number(const char *s)
{
        return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 10;
}

// By the processes of that user that hold the socket. 0; -ESRCH: none can be seen; -EXDEV: they are not all of one kind.
static int caller_from_inode(struct caller *ret, const struct sock_owner *o, const char *door)
{
        DIR *proc = opendir("/proc");
        const struct dirent *d;
        int r = -ESRCH;

        if (!proc)
                return -errno;
        while ((r == 0 || r == -ESRCH) && (d = readdir(proc))) {
                struct caller c;
                struct stat st;

                if (!is_number(d->d_name) || fstatat(dirfd(proc), d->d_name, &st, 0) < 0 ||
                        st.st_uid != o->uid || !holds(dirfd(proc), d->d_name, o->inode))
                        continue;
                if (caller_from_pid(&c, (pid_t)strtol(d->d_name, NULL, 10), o->uid, door) < 0)
                        continue; // ended meanwhile, or hides: another one may tell
                if (r == 0 && (c.kind != ret->kind || strcmp(c.app, ret->app) != 0))
                        r = -EXDEV;
                else
                        r = 0;
                *ret = c;
        }
        closedir(proc);
        return r;
}

static void refuse_user(struct err *refusal, uid_t uid, const char *root_hint)
{
        unsigned own = (unsigned)geteuid();

        if (uid == 0)
                err_set(refusal,
                        "the program that asks is root's (uid 0), and this port serves uid %u only. Run it "
                        "without sudo%s",
                        own, root_hint);
        else
                err_set(refusal,
                        "the program that asks is of uid %u, and this port serves uid %u only. Each user has "
                        "a port of his own, see: valetkey status",
                        (unsigned)uid, own);
}

static void refuse_unknown(struct err *refusal, int r)
{
        err_set(refusal, "whose connection this is cannot be told (%s), so nothing is handed out",
                r == SOCK_OWNER_E_NONE || r == SOCK_OWNER_E_CLOSED
                        ? "its other end is closed, or in another network namespace"
                : r == SOCK_OWNER_E_UNCLEAR ? "the kernel's answer is not clear"
                                            : "the kernel does not say");
}

bool peer_caller_find(struct caller *ret, const struct peer_caller_rules *rules, int fd, struct err *refusal)
{
        struct sock_owner o = {0};
        int r = peer_owner_find(rules->owners, fd, &o);

        *ret = (struct caller){.uid = (uid_t)-1, .door = rules->door};
        if (r != 0) {
                refuse_unknown(refusal, r);
                return false;
        }
        ret->uid = o.uid;
        if (o.uid != geteuid() && !(o.uid == 0 && rules->allow_root)) {
                refuse_user(refusal, o.uid, rules->root_hint);
                return false;
        }
        r = o.cgroup_id ? caller_from_cgroup(ret, o.cgroup_id, o.uid, rules->door) : -EOPNOTSUPP;
        // Root's processes cannot be looked into from here. Where they are in no unit either, nothing confines them.
        if (r == -EOPNOTSUPP && o.uid == 0 && geteuid() != 0)
                r = 0;
        else if (r == -EOPNOTSUPP || r == -ENOENT)
                r = caller_from_inode(ret, &o, rules->door);
        if (r == -EXDEV)
                err_set(refusal, "several programs hold this connection, and not all are of one sandbox");
        else if (r < 0)
                caller_refusal(refusal, r);
        return true;
}
