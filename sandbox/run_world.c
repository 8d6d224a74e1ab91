// SPDX-License-Identifier: Apache-2.0
//
// Who is who in a throw-away world.
//
// As root there are three parties, as on a real machine: root (PAM), valetkeyd under a uid of its own, and
// the session under a federated uid. Uids without an account are taken for the latter two, different ones in
// each world, so that two worlds at once are strangers to each other. As an ordinary user all three are the
// invoker, whose own account is opened by the sandbox user's sign-in.
#include "run_world.h"

#include "run_proc.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>

#define FEDERATED_UID_FIRST 1879048192u
#define DAEMON_UID_FIRST    61184u // systemd's range for services without an account, 61184-65519
#define DAEMON_UIDS         4096u

const char *const world_programs[WORLD_PROGRAMS] = {
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
        for (size_t i = 0; i < WORLD_PROGRAMS; i++) {
                if (access(world_program(w, path, world_programs[i]), R_OK) < 0) {
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
