// SPDX-License-Identifier: Apache-2.0
//
// valetkey-sandbox run: a throw-away world around one command.
//
//     front          what the caller started and waits for: passes signals on, returns the exit status
//      └ supervisor  builds the world, is everybody's parent or subreaper, takes the world down
//         ├ valetkey-sandbox serve, dbus-daemon, valetkeyd, valetkey-broker
//         ├ the child in which PAM authenticates
//         └ the command
//
// Leaving nothing behind must also hold when one of the two is killed with SIGKILL. The supervisor learns of
// the front's death from the end of a pipe, and goes on to take everything down. The front learns of the
// supervisor's death from waitpid(); being a subreaper too, it inherits whoever the kernel did not kill with
// the supervisor (PR_SET_PDEATHSIG), and does the same.
#include "verbs.h"

#include "run_proc.h"
#include "run_super.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void usage(FILE *f)
{
        fputs("Usage: valetkey-sandbox run [OPTION]... -- COMMAND [ARGUMENT]...\n"
              "Makes a throw-away world on loopback, signs in through PAM, runs COMMAND in that session.\n"
              "\n"
              "  --user NAME      the sandbox's user who signs in (alice)\n"
              "  --fault F        a fault switch, see \"serve\"; may be repeated\n"
              "  --dir DIR        users, roles and policies (the example: alice, bob; dev, audit, admin)\n"
              "  --approve HOW    auto: at once; manual: a person in a browser, then Enter; deny; none "
              "(auto)\n"
              "  --show           print the message that PAM shows\n"
              "  --rhost HOST     the remote host PAM is told\n"
              "  --no-sign-in     make the world, let nobody in\n"
              "  --no-broker      leave starting the broker to D-Bus activation and the programs\n"
              "  --no-bus         no D-Bus session bus\n"
              "  --logs DIR       keep the services' logs there\n"
              "  --help\n"
              "\n"
              "Exit status: COMMAND's; 128 and the signal that ended it; 125 when the world or the sign-in\n"
              "failed; 126, 127 when COMMAND cannot be executed, is not there.\n",
                f);
}

enum {
        OPT_USER = 256,
        OPT_FAULT,
        OPT_DIR,
        OPT_APPROVE,
        OPT_SHOW,
        OPT_RHOST,
        OPT_NO_SIGN_IN,
        OPT_NO_BROKER,
        OPT_NO_BUS,
        OPT_LOGS,
        OPT_HELP,
};

static const struct option long_options[] = {
        {"user", required_argument, NULL, OPT_USER},
        {"fault", required_argument, NULL, OPT_FAULT},
        {"dir", required_argument, NULL, OPT_DIR},
        {"approve", required_argument, NULL, OPT_APPROVE},
        {"show", no_argument, NULL, OPT_SHOW},
        {"rhost", required_argument, NULL, OPT_RHOST},
        {"no-sign-in", no_argument, NULL, OPT_NO_SIGN_IN},
        {"no-broker", no_argument, NULL, OPT_NO_BROKER},
        {"no-bus", no_argument, NULL, OPT_NO_BUS},
        {"logs", required_argument, NULL, OPT_LOGS},
        {"help", no_argument, NULL, OPT_HELP},
        {NULL, 0, NULL, 0},
};

// 0: go on; 1: help was asked for; -EINVAL.
static int take_option(struct run_options *o, int c)
{
        switch (c) {
        case OPT_USER:
                o->user = optarg;
                return 0;
        case OPT_FAULT:
                o->faults[o->n_faults++] = optarg;
                return 0;
        case OPT_DIR:
                o->dir = optarg;
                return 0;
        case OPT_APPROVE:
                return approve_from_name(optarg, &o->sign_in.approve);
        case OPT_SHOW:
                o->sign_in.show = true;
                return 0;
        case OPT_RHOST:
                o->sign_in.rhost = optarg;
                return 0;
        case OPT_NO_SIGN_IN:
                o->no_sign_in = true;
                return 0;
        case OPT_NO_BROKER:
                o->no_broker = true;
                return 0;
        case OPT_NO_BUS:
                o->no_bus = true;
                return 0;
        case OPT_LOGS:
                o->logs = optarg;
                return 0;
        case OPT_HELP:
                usage(stdout);
                return 1;
        default:
                return -EINVAL;
        }
}

// Tells the supervisor of each signal until it ends; returns its wait status.
static int pass_signals(pid_t super, int ctl, const sigset_t *set)
{
        siginfo_t info;
        int status = 0;

        for (;;) {
                struct run_signal m = {0};

                if (sigwaitinfo(set, &info) < 0)
                        continue; // EINTR by a stop and its continuation
                if (info.si_signo == SIGCHLD) {
                        if (waitpid(super, &status, WNOHANG) == super)
                                return status;
                        continue;
                }
                m.signal = info.si_signo;
                m.from_terminal = info.si_code == SI_KERNEL;
                // A supervisor that does not read any more is about to end: SIGCHLD says so.
                if (write(ctl, &m, sizeof m) < 0 && errno != EPIPE && errno != EAGAIN)
                        fprintf(stderr, "valetkey-sandbox: a signal got lost: %s.\n", strerror(errno));
        }
}

static int front(const struct run_options *o)
{
        const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};
        struct run_shared *shared;
        int ctl[2], status;
        sigset_t set;
        pid_t super;

        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED || pipe2(ctl, O_CLOEXEC | O_DIRECT) < 0 || proc_become_subreaper() < 0)
                return -errno;
        sigemptyset(&set);
        for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
                sigaddset(&set, handled[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, SIG_DFL); // an inherited SIG_IGN would reap behind our back
        super = fork();
        if (super < 0)
                return -errno;
        if (super == 0) {
                close(ctl[1]);
                _exit(super_main(o, shared, ctl[0], getpgrp()));
        }
        close(ctl[0]);
        fcntl(ctl[1], F_SETFL, O_WRONLY | O_NONBLOCK | O_DIRECT);
        status = pass_signals(super, ctl[1], &set);
        if (WIFEXITED(status))
                return WEXITSTATUS(status);
        // Killed: what it would have done is ours to do.
        shared->dir[sizeof shared->dir - 1] = 0;
        proc_end_all(500);
        if (shared->dir[0])
                proc_remove_tree(shared->dir);
        return 128 + WTERMSIG(status);
}

int cmd_run(int argc, char **argv)
{
        struct run_options o = {.user = "alice"};
        int c, r = 0;

        o.faults = calloc((size_t)argc + 1, sizeof *o.faults);
        if (!o.faults)
                return RUN_EXIT_FAILED;
        while (r == 0 && (c = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
                r = take_option(&o, c);
        if (r == 0 && optind >= argc)
                r = -EINVAL;
        if (r < 0)
                usage(stderr);
        o.command = argv + optind;
        r = r < 0 ? 2 : r > 0 ? 0 : front(&o);
        if (r < 0)
                fprintf(stderr, "valetkey-sandbox: %s.\n", strerror(-r));
        free(o.faults);
        return r < 0 ? RUN_EXIT_FAILED : r;
}
