// SPDX-License-Identifier: Apache-2.0
//
// One supervisor, one poll. Everything it waits for goes through super_wait(), which also hears of children
// that end and of the front: no stage of the construction can outlive the one who asked for it.
#include "run_super.h"

#include "run_env.h"
#include "run_proc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define SIGN_IN_TIMEOUT_MS (15 * 60 * 1000) // longer than any device code lives
#define GRACE_MS           2000

static int exit_status(int wait_status)
{
        return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// Reaps whoever has ended. True when pid was among them.
static bool reap(struct super *s, pid_t pid)
{
        struct signalfd_siginfo info;
        bool found = false;
        int status;
        pid_t p;

        while (read(s->chld, &info, sizeof info) > 0)
                ;
        while ((p = waitpid(-1, &status, WNOHANG)) > 0) {
                if (p == pid) {
                        found = true;
                        s->last_status = exit_status(status);
                }
                if (p == s->sign_in.child)
                        s->sign_in.child = 0;
                if (p == s->command) {
                        s->command = 0;
                        s->ended = true;
                        s->status = exit_status(status);
                }
        }
        return found;
}

static void hear_front(struct super *s)
{
        struct run_signal sig;
        ssize_t n = read(s->ctl, &sig, sizeof sig);

        if (n != sizeof sig) {
                s->orphaned = true;
                s->stop_signal = SIGKILL;
        } else if (!s->command && !s->ended) {
                s->stop_signal = sig.signal;
        } else if (s->command && !sig.from_terminal) {
                kill(s->command, sig.signal);
        }
}

int super_wait(struct super *s, int fd, pid_t pid, int64_t timeout_ms)
{
        int64_t end = proc_now_ms() + timeout_ms, left;
        struct pollfd p[3] = {{.fd = s->ctl, .events = POLLIN}, {.fd = s->chld, .events = POLLIN},
                {.fd = fd, .events = POLLIN}};

        for (;;) {
                if (s->stop_signal)
                        return -ECANCELED;
                left = end - proc_now_ms();
                if (left <= 0)
                        return -ETIMEDOUT;
                if (poll(p, 3, (int)(left < 1000 ? left : 1000)) < 0 && errno != EINTR)
                        return -errno;
                if (p[2].revents)
                        return 0;
                if (p[0].revents)
                        hear_front(s);
                if (reap(s, pid) && pid)
                        return -ECHILD;
        }
}

static int sign_in(struct super *s, struct err *err)
{
        int r;

        s->sign_in = s->o->sign_in;
        s->sign_in.world = &s->world;
        r = sign_in_start(&s->sign_in, s->group, err);
        if (r < 0)
                return r;
        r = super_wait(s, s->sign_in.result_fd, 0, SIGN_IN_TIMEOUT_MS);
        if (r < 0)
                return r;
        return sign_in_finish(&s->sign_in, err);
}

static int start_command(struct super *s, struct err *err)
{
        cleanup_env struct env env = ENV_INIT;
        char **pam_env = s->sign_in.opened ? sign_in_dup_env(&s->sign_in) : NULL;
        struct proc_spec spec = {.argv = s->o->command,
                .drop = s->world.root,
                .uid = s->world.session_uid,
                .gid = s->world.session_gid,
                .in = 0,
                .out = 1,
                .err = 2,
                .group = s->group};
        char passwd[WORLD_PATH];
        int r = env_for_command(&env, &s->world, pam_env);

        for (char **e = pam_env; e && *e; e++)
                free(*e);
        free(pam_env);
        if (r < 0)
                return r;
        spec.passwd = world_passwd(&s->world, passwd);
        spec.envp = env.v;
        // Looked up in the PATH that the command will have, where valetkey's programs come first.
        for (size_t i = 0; i < env.n; i++) {
                if (strncmp(env.v[i], "PATH=", 5) == 0)
                        setenv("PATH", env.v[i] + 5, 1);
        }
        return proc_spawn(&s->command, &spec, err);
}

// Until the command has ended or the front is gone.
static void watch_command(struct super *s)
{
        struct pollfd p[2] = {{.fd = s->ctl, .events = POLLIN}, {.fd = s->chld, .events = POLLIN}};

        while (!s->ended && !s->orphaned) {
                if (poll(p, 2, -1) < 0 && errno != EINTR)
                        break;
                if (p[0].revents)
                        hear_front(s);
                if (p[1].revents)
                        reap(s, 0);
        }
}

static int live(struct super *s, struct run_shared *shared, struct err *err)
{
        int r = world_init(&s->world, s->o->user, err);

        if (r == 0)
                r = world_make(&s->world, shared->dir, err);
        if (r == 0)
                r = services_start(s, err);
        if (r == 0 && !s->o->no_sign_in)
                r = sign_in(s, err);
        if (r == 0 && s->stop_signal)
                r = -ECANCELED;
        if (r == 0) {
                r = start_command(s, err);
                if (r == -ENOENT)
                        s->status = RUN_EXIT_MISSING;
                else if (r < 0)
                        s->status = RUN_EXIT_CANNOT;
        }
        if (r == 0)
                watch_command(s);
        return r;
}

static int take_down(struct super *s)
{
        int r, ret = 0;

        if (s->sign_in.pamh)
                sign_in_close(&s->sign_in);
        r = proc_end_all(s->orphaned ? 500 : GRACE_MS);
        if (r < 0) {
                fprintf(stderr, "valetkey-sandbox: a process of the world could not be ended: %s.\n",
                        strerror(-r));
                ret = r;
        }
        r = s->world.dir[0] ? proc_remove_tree(s->world.dir) : 0;
        if (r < 0) {
                fprintf(stderr, "valetkey-sandbox: %s could not be removed: %s.\n", s->world.dir,
                        strerror(-r));
                ret = r;
        }
        return ret;
}

static int super_init(struct super *s)
{
        sigset_t set;

        // The terminal's signals are for the front and the command.
        if (setpgid(0, 0) < 0)
                return -errno;
        signal(SIGTTOU, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        s->chld = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (s->chld < 0)
                return -errno;
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGQUIT);
        if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
                return -errno;
        return proc_become_subreaper();
}

int super_main(const struct run_options *o, struct run_shared *shared, int ctl, pid_t group)
{
        struct super s = {
                .o = o, .ctl = ctl, .chld = -1, .group = group, .log_dir = -1, .status = RUN_EXIT_FAILED};
        struct err err = ERR_INIT;
        int r = super_init(&s), down;

        if (r == 0)
                r = live(&s, shared, &err);
        if (r == -ECANCELED && s.stop_signal)
                s.status = 128 + s.stop_signal;
        else if (r < 0)
                fprintf(stderr, "valetkey-sandbox: %s\n", err.text[0] ? err.text : strerror(-r));
        down = take_down(&s);
        return r == 0 && down < 0 && s.status == 0 ? RUN_EXIT_FAILED : s.status;
}
