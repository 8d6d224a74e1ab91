// SPDX-License-Identifier: Apache-2.0
//
// The folder of a throw-away world: found a place for, made, and furnished with what must be there before
// anything is started.
#include "run_world.h"

#include "dir.h"
#include "run_proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/un.h>

// Paths end up in configuration files, a PAM service and shell-like command lines: names that would need
// quoting in one of them are not used.
static bool path_is_plain(const char *path)
{
        return path[0] == '/' &&
               path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+@,=-")] ==
                       0;
}

// Whether any uid may pass through every folder of the path.
static bool path_is_open_to_all(const char *path)
{
        char part[WORLD_PATH];
        struct stat st;

        for (size_t i = 1; path[i - 1]; i++) {
                if (path[i] && path[i] != '/')
                        continue;
                snprintf(part, sizeof part, "%.*s", (int)i, path);
                if (stat(part, &st) < 0 || !(st.st_mode & S_IXOTH))
                        return false;
        }
        return true;
}

static bool base_serves(const struct world *w, const char *base)
{
        const size_t longest = strlen("/vk-01234567/u/2147483646/valetkey/credentials.sock");

        return base && strlen(base) + longest < sizeof((struct sockaddr_un *)0)->sun_path &&
               path_is_plain(base) && access(base, W_OK | X_OK) == 0 &&
               (!w->root || path_is_open_to_all(base));
}

static int make_dir(const struct world *w, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
        char path[WORLD_PATH];

        world_path(w, path, name);
        if (mkdir(path, 0700) < 0)
                return -errno;
        if (w->root && chown(path, uid, gid) < 0)
                return -errno;
        return chmod(path, mode) < 0 ? -errno : 0;
}

static int make_tree(const struct world *w)
{
        uid_t d = w->daemon_uid, s = w->session_uid;
        char runtime[32];
        struct {
                const char *name;
                mode_t mode;
                uid_t uid;
        } dirs[] = {
                {"etc", 0755, 0},
                {"etc/pam.d", 0755, 0},
                {"etc/services", 0755, 0},
                {"run", 0755, d},
                {"state", 0755, d},
                {"notify", 0711, 0},
                {"log", 0700, 0},
                {"home", 0700, s},
                {"u", 0755, 0},
                {runtime, 0700, s},
        };
        int r;

        snprintf(runtime, sizeof runtime, "u/%u", s);
        for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
                r = make_dir(w, dirs[i].name, dirs[i].mode, dirs[i].uid, (gid_t)dirs[i].uid);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int copy_file(const char *from, const char *to, mode_t mode)
{
        cleanup_fd int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
        struct stat st;
        ssize_t n = 1;

        if (in < 0 || fstat(in, &st) < 0)
                return -errno;
        out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (out < 0)
                return -errno;
        while (st.st_size > 0 && n > 0) {
                n = sendfile(out, in, NULL, (size_t)st.st_size);
                if (n > 0)
                        st.st_size -= n;
        }
        if (n < 0)
                return -errno;
        return fchmod(out, mode) < 0 ? -errno : 0;
}

// The session's account, for programs that ask for its name: what the NSS module would answer.
static int write_passwd(const struct world *w)
{
        char path[WORLD_PATH];
        cleanup_fd int fd = -1;
        int r;

        if (!world_passwd(w, path))
                return 0;
        r = copy_file("/etc/passwd", path, 0644);
        if (r < 0)
                return r;
        fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (fd < 0 || dprintf(fd, "%s:*:%u:%u:%s:%s/home:/bin/sh\n", w->pam_user, w->session_uid,
                              w->session_gid, w->user, w->dir) < 0)
                return -errno;
        return 0;
}

// Programs that the session's uid cannot reach (a build below /root, say) or whose path needs quoting are
// copied into the world.
static int bring_programs(struct world *w)
{
        char from[WORLD_PATH], to[WORLD_PATH], name[64];
        int r;

        if (!w->bin[0] || (path_is_plain(w->bin) && (!w->root || path_is_open_to_all(w->bin))))
                return 0;
        r = make_dir(w, "bin", 0755, 0, 0);
        if (r < 0)
                return r;
        for (size_t i = 0; i < WORLD_PROGRAMS; i++) {
                snprintf(name, sizeof name, "bin/%s", world_programs[i]);
                r = copy_file(world_program(w, from, world_programs[i]), world_path(w, to, name), 0755);
                if (r < 0)
                        return r;
        }
        snprintf(w->bin, sizeof w->bin, "%s/bin", w->dir);
        return 0;
}

static int copy_tree(const char *from, const char *to, int depth)
{
        DIR *d = opendir(from);
        struct dirent *e;
        int r = 0;

        if (!d)
                return -errno;
        if (depth > 8 || (mkdir(to, 0755) < 0) || chmod(to, 0755) < 0)
                r = depth > 8 ? -ELOOP : -errno;
        while (r == 0 && (e = readdir(d))) {
                char source[WORLD_PATH], target[WORLD_PATH];
                struct stat st;

                if (e->d_name[0] == '.')
                        continue;
                if (snprintf(source, sizeof source, "%s/%s", from, e->d_name) >= (int)sizeof source ||
                        snprintf(target, sizeof target, "%s/%s", to, e->d_name) >= (int)sizeof target)
                        r = -ENAMETOOLONG;
                else if (stat(source, &st) < 0)
                        r = -errno;
                else if (S_ISDIR(st.st_mode))
                        r = copy_tree(source, target, depth + 1);
                else if (S_ISREG(st.st_mode))
                        r = copy_file(source, target, 0644);
        }
        closedir(d);
        return r;
}

int world_bring_dir(const struct world *w, const char *dir, char ret[WORLD_PATH], struct err *err)
{
        cleanup_free char *found = NULL, *absolute = NULL;
        int r = dir ? 0 : dir_default_path(&found);

        if (r < 0)
                return r;
        absolute = realpath(dir ? dir : found, NULL);
        if (!absolute || strlen(absolute) >= WORLD_PATH) {
                r = absolute ? -ENAMETOOLONG : -errno;
                err_set(err, "%s: %s.", dir ? dir : found, strerror(-r));
                return r;
        }
        snprintf(ret, WORLD_PATH, "%s", absolute);
        if (!w->root || path_is_open_to_all(absolute))
                return 0;
        r = copy_tree(absolute, world_path(w, ret, "cloud"), 0);
        if (r < 0)
                err_set(err, "%s cannot be copied: %s.", absolute, strerror(-r));
        return r;
}

static const char *choose_base(const struct world *w, char resolved[PATH_MAX])
{
        const char *bases[] = {secure_getenv("TMPDIR"), "/tmp"};

        for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
                // As a canonical path: what is checked here is what is used.
                if (bases[i] && realpath(bases[i], resolved) && base_serves(w, resolved))
                        return resolved;
        }
        return NULL;
}

// A world whose supervisor and front died together (a container that was stopped, say) could not remove its
// folder. It is known by its lock, which nobody holds any more.
static void sweep_one(const char *base, const char *name)
{
        char path[WORLD_PATH];
        cleanup_fd int dir = -1, lock = -1;
        struct stat st;

        if (snprintf(path, sizeof path, "%s/%s", base, name) >= (int)sizeof path)
                return;
        dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != getuid())
                return;
        lock = openat(dir, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
                (void)proc_remove_tree(path); // the next world tries again
}

static void sweep(const char *base)
{
        DIR *d = opendir(base);
        struct dirent *e;

        while (d && (e = readdir(d))) {
                if (strlen(e->d_name) == 11 && strncmp(e->d_name, "vk-", 3) == 0 &&
                        strspn(e->d_name + 3, "0123456789abcdef") == 8)
                        sweep_one(base, e->d_name);
        }
        if (d)
                closedir(d);
}

// Held until this process ends, by whatever way.
static int hold_lock(const struct world *w)
{
        char path[WORLD_PATH];
        int fd = open(world_path(w, path, "lock"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        return fd < 0 || flock(fd, LOCK_EX) < 0 ? -errno : 0;
}

int world_make(struct world *w, char announce[128], struct err *err)
{
        char resolved[PATH_MAX];
        const char *base = choose_base(w, resolved);
        unsigned char random[4];
        int r;

        if (!base) {
                err_set(err,
                        "Neither $TMPDIR nor /tmp can hold the world: it needs a writable folder with a path "
                        "of "
                        "at most 56 plain characters%s.",
                        w->root ? ", open to every uid" : "");
                return -ENOENT;
        }
        sweep(base);
        if (getrandom(random, sizeof random, 0) != sizeof random)
                return -EIO;
        snprintf(w->dir, sizeof w->dir, "%.100s/vk-%02x%02x%02x%02x", base, random[0], random[1], random[2],
                random[3]);
        // Announced before it exists: a kill between the two leaves nothing that nobody knows of.
        memcpy(announce, w->dir, sizeof w->dir);
        if (mkdir(w->dir, 0700) < 0) {
                r = -errno;
                announce[0] = w->dir[0] = 0;
                err_set(err, "A folder below %s cannot be made: %s.", base, strerror(-r));
                return r;
        }
        // Several uids pass through, none may list it.
        r = w->root && chmod(w->dir, 0711) < 0 ? -errno : hold_lock(w);
        if (r == 0)
                r = make_tree(w);
        if (r == 0)
                r = write_passwd(w);
        if (r == 0)
                r = bring_programs(w);
        if (r < 0)
                err_set(err, "The folder %s cannot be furnished: %s.", w->dir, strerror(-r));
        return r;
}
