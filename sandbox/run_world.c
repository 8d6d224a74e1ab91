// SPDX-License-Identifier: Apache-2.0
//
// Who is who in a throw-away world, and where its files go.
//
// As root there are three parties, as on a real machine: root (PAM), valetkeyd under a uid of its own, and
// the session under a federated uid. Uids without an account are taken for the latter two, different ones in
// each world, so that two worlds at once are strangers to each other. As an ordinary user all three are the
// invoker, whose own account is opened by the sandbox user's sign-in.
#include "run_world.h"

#include "run_proc.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/un.h>

#define FEDERATED_UID_FIRST 1879048192u
#define DAEMON_UID_FIRST    61184u // systemd's range for services without an account, 61184-65519
#define DAEMON_UIDS         4096u

static const char *const programs[] = {
        "valetkeyd",
        "valetkey-broker",
        "valetkey",
        "valetkey-credential-process",
        "valetkey-sandbox",
        "pam_valetkey.so",
};

const char *world_path(const struct world *w, char buf[WORLD_PATH], const char *name)
{
        snprintf(buf, WORLD_PATH, "%s/%s", w->dir, name);
        return buf;
}

const char *world_runtime_dir(const struct world *w, char buf[WORLD_PATH])
{
        snprintf(buf, WORLD_PATH, "%s/u/%u", w->dir, w->session_uid);
        return buf;
}

const char *world_passwd(const struct world *w, char buf[WORLD_PATH])
{
        return w->root && w->named ? world_path(w, buf, "etc/passwd") : NULL;
}

const char *world_program(const struct world *w, char buf[WORLD_PATH], const char *name)
{
        static const char *const installed[] = {PATH_BIN, PATH_LIBEXEC, PATH_PAM};

        if (w->bin[0]) {
                snprintf(buf, WORLD_PATH, "%s/%s", w->bin, name);
                return buf;
        }
        for (size_t i = 0; i < ARRAY_SIZE(installed); i++) {
                snprintf(buf, WORLD_PATH, "%s/%s", installed[i], name);
                if (access(buf, F_OK) == 0)
                        break;
        }
        return buf; // the last one tried, for the error message
}

// Beside this program (a build folder), else where they are installed.
static int find_programs(struct world *w, struct err *err)
{
        char exe[sizeof w->bin], path[WORLD_PATH];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
        char *slash;

        if (n < 0 || n >= (ssize_t)sizeof exe - 1) {
                err_set(err, "Where this program lies cannot be told (/proc/self/exe).");
                return n < 0 ? -errno : -ENAMETOOLONG;
        }
        exe[n] = 0;
        slash = strrchr(exe, '/');
        *slash = 0;
        snprintf(w->bin, sizeof w->bin, "%s", exe);
        if (access(world_program(w, path, "pam_valetkey.so"), F_OK) < 0)
                w->bin[0] = 0;
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
                if (access(world_program(w, path, programs[i]), R_OK) < 0) {
                        err_set(err, "%s is missing: build or install valetkey first.", path);
                        return -ENOENT;
                }
        }
        return 0;
}

// A container may map few uids: becoming another one fails there with an error nobody understands.
static bool uid_is_mapped(uid_t uid)
{
        cleanup_fd int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
        char text[4096], *p = text;
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

        if (n < 0)
                return true; // nothing is known: becoming it will tell
        text[n] = 0;
        while (*p) { // lines of "inside outside count"
                unsigned long inside = strtoul(p, &p, 10), outside = strtoul(p, &p, 10);
                unsigned long count = strtoul(p, &p, 10);

                (void)outside;
                if (count == 0)
                        return false;
                if (uid >= inside && uid - inside < count)
                        return true;
                p += strspn(p, " \n");
        }
        return false;
}

static int init_as_root(struct world *w, const char *user, struct err *err)
{
        unsigned pid = (unsigned)getpid();

        w->root = w->federated = true;
        w->session_uid = FEDERATED_UID_FIRST + pid;
        w->session_gid = w->session_uid;
        for (unsigned i = 0; i < DAEMON_UIDS; i++) {
                w->daemon_uid = DAEMON_UID_FIRST + (pid + i) % DAEMON_UIDS;
                if (!getpwuid(w->daemon_uid))
                        break;
        }
        if (!uid_is_mapped(w->daemon_uid) || !uid_is_mapped(w->session_uid)) {
                err_set(err,
                        "This container has no uid %u for the session: run valetkey-sandbox as an ordinary "
                        "user.",
                        w->session_uid);
                return -EINVAL;
        }
        w->named = proc_can_show_passwd();
        // The local account of that name, should there be one, is not the sandbox's to open.
        snprintf(w->pam_user, sizeof w->pam_user, "%s%s", getpwnam(user) ? "sandbox-" : "", user);
        return 0;
}

static int init_as_user(struct world *w, struct err *err)
{
        const struct passwd *pw = getpwuid(getuid());

        if (!pw || strlen(pw->pw_name) >= sizeof w->pam_user) {
                err_set(err, "Uid %u has no account here, and PAM signs in accounts.", getuid());
                return -ENOENT;
        }
        snprintf(w->pam_user, sizeof w->pam_user, "%s", pw->pw_name);
        w->daemon_uid = w->session_uid = getuid();
        w->session_gid = getgid();
        w->named = true;
        return 0;
}

int world_init(struct world *w, const char *user, struct err *err)
{
        int r;

        if (strlen(user) + sizeof "sandbox-" > sizeof w->user) {
                err_set(err, "The user's name is too long.");
                return -EINVAL;
        }
        snprintf(w->user, sizeof w->user, "%s", user);
        r = getuid() == 0 ? init_as_root(w, user, err) : init_as_user(w, err);
        if (r < 0)
                return r;
        return find_programs(w, err);
}

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
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
                snprintf(name, sizeof name, "bin/%s", programs[i]);
                r = copy_file(world_program(w, from, programs[i]), world_path(w, to, name), 0755);
                if (r < 0)
                        return r;
        }
        snprintf(w->bin, sizeof w->bin, "%s/bin", w->dir);
        return 0;
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
        r = w->root && chmod(w->dir, 0711) < 0 ? -errno : make_tree(w);
        if (r == 0)
                r = write_passwd(w);
        if (r == 0)
                r = bring_programs(w);
        if (r < 0)
                err_set(err, "The folder %s cannot be furnished: %s.", w->dir, strerror(-r));
        return r;
}
