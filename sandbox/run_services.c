// SPDX-License-Identifier: Apache-2.0
//
// The world's services, each started when the one before is ready: ready means that it said so itself
// (a line, an address, sd_notify), not that some time has passed.
#include "run_cloud.h"
#include "run_env.h"
#include "run_proc.h"
#include "run_super.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define READY_MS   (20 * 1000)
#define FAULTS_MAX 64
#define ARGS_MAX   (2 * FAULTS_MAX + 8)

struct service {
        const char *name; // its log is NAME.log
        char **argv;
        const char *notify; // NOTIFY_SOCKET, or NULL
        bool as_session;    // the session's uid; else valetkeyd's
        int out;            // -1: the log
};

static int open_log(const struct super *s, const char *name)
{
        char file[80];

        snprintf(file, sizeof file, "%s.log", name);
        // O_EXCL is not wanted: --logs may name a folder that was used before.
        return openat(s->log_dir, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

// Puts the last line of a service's log behind "could not start": it says why.
static void explain(const struct super *s, const char *name, const char *what, struct err *err)
{
        char file[80], text[1024], clean[160] = "";
        cleanup_fd int fd = -1;
        ssize_t n = -1;
        char *line = NULL;

        snprintf(file, sizeof file, "%s.log", name);
        fd = openat(s->log_dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0) {
                off_t size = lseek(fd, 0, SEEK_END);

                n = pread(fd, text, sizeof text - 1, size > 1023 ? size - 1023 : 0);
        }
        while (n > 0 && text[n - 1] == '\n')
                n--;
        if (n > 0) {
                text[n] = 0;
                line = strrchr(text, '\n');
                line = line ? line + 1 : text;
                err_sanitise(clean, sizeof clean, line, strlen(line));
        }
        err_set(err, "%s %s%s%s", name, what, clean[0] ? ": " : ".", clean);
}

static int start(struct super *s, const struct service *v, pid_t *ret, struct err *err)
{
        cleanup_env struct env env = ENV_INIT;
        cleanup_fd int log = open_log(s, v->name);
        struct proc_spec spec = {.argv = v->argv,
                .drop = s->world.root,
                .uid = v->as_session ? s->world.session_uid : s->world.daemon_uid,
                .gid = v->as_session ? s->world.session_gid : (gid_t)s->world.daemon_uid,
                .in = -1,
                .out = v->out >= 0 ? v->out : log,
                .err = log,
                .own_session = true,
                .workdir = "/"};
        char passwd[WORLD_PATH];
        int r;

        if (log < 0)
                return -errno;
        if (v->as_session)
                spec.passwd = world_passwd(&s->world, passwd);
        r = env_for_service(&env, &s->world);
        if (v->notify)
                env_set(&env, "NOTIFY_SOCKET", "%s", v->notify);
        if (r < 0 || env.error < 0)
                return -ENOMEM;
        spec.envp = env.v;
        return proc_spawn(ret, &spec, err);
}

// Waits for a service to say something on fd; turns its death or silence into a sentence.
static int wait_ready(struct super *s, const char *name, pid_t pid, int fd, struct err *err)
{
        int r = super_wait(s, fd, pid, READY_MS);

        if (r == -ECHILD)
                explain(s, name, "ended before it was ready", err);
        else if (r == -ETIMEDOUT)
                explain(s, name, "did not become ready", err);
        return r;
}

// A service that prints one line on standard output once it is ready.
static int start_saying(struct super *s, struct service *v, char *line, size_t size, struct err *err)
{
        cleanup_fd int in = -1, out = -1;
        size_t n = 0;
        pid_t pid = 0;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        in = fds[0];
        v->out = out = fds[1];
        r = start(s, v, &pid, err);
        close(TAKE_FD(out));
        while (r == 0 && n < size - 1 && !memchr(line, '\n', n)) {
                ssize_t got;

                r = wait_ready(s, v->name, pid, in, err);
                got = r == 0 ? read(in, line + n, size - 1 - n) : 0;
                if (r == 0 && got <= 0) {
                        explain(s, v->name, "ended before it was ready", err);
                        r = -ECHILD;
                }
                n += got > 0 ? (size_t)got : 0;
        }
        line[n] = 0;
        line[strcspn(line, "\n")] = 0;
        // The reading end lives as long as the world: later words go nowhere instead of breaking a pipe.
        if (r == 0)
                in = -1;
        return r;
}

// A service that announces itself by sd_notify's READY=1.
static int start_notifying(struct super *s, struct service *v, struct err *err)
{
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        char name[80], path[WORLD_PATH], text[1024];
        bool ready = false;
        pid_t pid = -1;
        int r;

        if (fd < 0)
                return -errno;
        snprintf(name, sizeof name, "notify/%s", v->name);
        snprintf(addr.sun_path, sizeof addr.sun_path, "%.107s", world_path(&s->world, path, name));
        if (bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0 || chmod(path, 0666) < 0)
                return -errno;
        v->notify = path;
        r = start(s, v, &pid, err);
        while (r == 0 && !ready) {
                r = wait_ready(s, v->name, pid, fd, err);
                if (r == 0) {
                        ssize_t n = recv(fd, text, sizeof text - 1, 0);

                        text[n > 0 ? n : 0] = 0;
                        ready = strncmp(text, "READY=1", 7) == 0 || strstr(text, "\nREADY=1");
                }
        }
        v->notify = NULL;
        // It stays, as a service manager would: what a service says later (that it stops) has where to go.
        if (r == 0)
                fd = -1;
        return r;
}

static int start_sandbox(struct super *s, const char *dir, struct err *err)
{
        char exe[WORLD_PATH], line[128];
        char *argv[ARGS_MAX] = {(char *)world_program(&s->world, exe, "valetkey-sandbox"), "serve",
                "--listen", "127.0.0.1:0", "--dir", (char *)dir};
        struct service v = {.name = "sandbox", .argv = argv};
        size_t n = 6;
        int r;

        if (s->o->n_faults > FAULTS_MAX) {
                err_set(err, "More than %d faults at once.", FAULTS_MAX);
                return -E2BIG;
        }
        for (size_t i = 0; i < s->o->n_faults; i++) {
                argv[n++] = "--fault";
                argv[n++] = (char *)s->o->faults[i];
        }
        r = start_saying(s, &v, line, sizeof line, err);
        if (r < 0)
                return r;
        if (strncmp(line, "ready http://127.0.0.1:", 23) != 0 || strlen(line + 6) >= sizeof s->world.base) {
                err_set(err, "The sandbox did not say where it listens.");
                return -EPROTO;
        }
        snprintf(s->world.base, sizeof s->world.base, "%.60s", line + 6);
        return 0;
}

static int start_bus(struct super *s, struct err *err)
{
        char option[WORLD_PATH + 32], path[WORLD_PATH], line[WORLD_PATH];
        char *argv[] = {"dbus-daemon", option, "--nofork", "--nopidfile", "--print-address", NULL};
        struct service v = {.name = "bus", .argv = argv, .as_session = true};
        int r;

        if (!s->world.named) {
                fprintf(stderr, "valetkey-sandbox: this root may not make a mount namespace, and dbus-daemon "
                                "refuses uids without an account: no session bus.\n");
                return 0;
        }
        snprintf(option, sizeof option, "--config-file=%s", world_path(&s->world, path, "etc/bus.conf"));
        r = start_saying(s, &v, line, sizeof line, err);
        if (r == -ENOENT)
                err_set(err, "There is no dbus-daemon here: install it, or give --no-bus.");
        return r;
}

static int start_daemon(struct super *s, struct err *err)
{
        char exe[WORLD_PATH], conf[WORLD_PATH], run[WORLD_PATH], state[WORLD_PATH], users[WORLD_PATH],
                uid[16];
        char *argv[] = {(char *)world_program(&s->world, exe, "valetkeyd"), "--config",
                (char *)world_path(&s->world, conf, "etc/valetkey.conf"), "--run-dir",
                (char *)world_path(&s->world, run, "run"), "--state-dir",
                (char *)world_path(&s->world, state, "state"), "--users",
                (char *)world_path(&s->world, users, "etc/users"), s->world.root ? NULL : "--login-uid", uid,
                NULL};
        struct service v = {.name = "valetkeyd", .argv = argv, .out = -1};

        snprintf(uid, sizeof uid, "%u", getuid());
        return start_notifying(s, &v, err);
}

static int start_broker(struct super *s, struct err *err)
{
        char exe[WORLD_PATH], conf[WORLD_PATH], claim[WORLD_PATH], run[WORLD_PATH], state[WORLD_PATH],
                users[WORLD_PATH], uid[16], dir[WORLD_PATH + 16];
        char *argv[] = {(char *)world_program(&s->world, exe, "valetkey-broker"), "--config",
                (char *)world_path(&s->world, conf, "etc/valetkey.conf"), "--claim-socket",
                (char *)world_path(&s->world, claim, "run/claim.sock"), "--server-uid", uid, "--runtime-dir",
                dir, "--state-dir", (char *)world_path(&s->world, state, "state"), "--users",
                (char *)world_path(&s->world, users, "etc/users"), NULL};
        struct service v = {.name = "broker", .argv = argv, .as_session = true, .out = -1};

        snprintf(uid, sizeof uid, "%u", s->world.daemon_uid);
        snprintf(dir, sizeof dir, "%s/valetkey", world_runtime_dir(&s->world, run));
        return start_notifying(s, &v, err);
}

// The entry that makes the account valetkey's, made by the admin's own command.
static int add_user(struct super *s, const char *subject, struct err *err)
{
        char exe[WORLD_PATH], state[WORLD_PATH], users[WORLD_PATH], issuer[96], uid[16];
        char *argv[24] = {(char *)world_program(&s->world, exe, "valetkeyd"), "--state-dir",
                (char *)world_path(&s->world, state, "state"), "--users",
                (char *)world_path(&s->world, users, "etc/users"), "user", "add", s->world.pam_user,
                "--issuer", issuer, "--subject", (char *)subject};
        struct service v = {.name = "user-add", .argv = argv, .out = -1};
        size_t n = 12;
        pid_t pid = -1;
        int r;

        snprintf(issuer, sizeof issuer, "%s/oidc", s->world.base);
        snprintf(uid, sizeof uid, "%u", s->world.session_uid);
        if (s->world.federated) {
                argv[n++] = "--uid";
                argv[n++] = uid;
        } else {
                argv[n++] = "--local";
        }
        r = start(s, &v, &pid, err);
        if (r < 0)
                return r;
        r = super_wait(s, -1, pid, READY_MS);
        if (r == -ECHILD && s->last_status == 0)
                return 0;
        explain(s, v.name, "failed", err);
        return r == -ECHILD ? -EPROTO : r;
}

static int open_log_dir(struct super *s, struct err *err)
{
        char path[WORLD_PATH];
        const char *dir = s->o->logs ? s->o->logs : world_path(&s->world, path, "log");

        if (s->o->logs && mkdir(dir, 0700) < 0 && errno != EEXIST)
                goto fail;
        s->log_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->log_dir >= 0)
                return 0;
fail:
        err_set(err, "The folder for logs, %s, cannot be used: %s.", dir, strerror(errno));
        return -errno;
}

int services_start(struct super *s, struct err *err)
{
        struct cloud_description cloud = {.n_roles = 0};
        char dir[WORLD_PATH];
        int r = open_log_dir(s, err);

        if (r == 0)
                r = world_bring_dir(&s->world, s->o->dir, dir, err);
        if (r == 0)
                r = start_sandbox(s, dir, err);
        if (r == 0)
                r = cloud_describe(&cloud, dir, s->world.base, s->world.user, err);
        if (r == 0)
                r = world_write_config(&s->world, cloud.roles, cloud.n_roles, err);
        if (r == 0)
                r = add_user(s, cloud.subject, err);
        if (r == 0 && !s->o->no_bus)
                r = start_bus(s, err);
        if (r == 0)
                r = start_daemon(s, err);
        if (r == 0 && !s->o->no_broker)
                r = start_broker(s, err);
        return r;
}
