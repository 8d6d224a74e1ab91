// SPDX-License-Identifier: Apache-2.0
//
// While the child runs, every signal that could end us is blocked here and taken one by one. What somebody sent to our
// pid goes on to the child; what the terminal sent (SI_KERNEL) the child has had already, being in the same process
// group. Stopping by the terminal stops both, and both are continued, by the shell.
#include "exec_run.h"

#include "util.h"
#include "err.h"
#include "translate.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const int passed_on[] = {
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE, SIGWINCH, SIGCONT};

int exec_cannot_run(const char *program)
{
        int e = errno;
        char clean[300];

        fprintf(stderr, _("valetkey: cannot run %s: %s\n"),
                err_sanitise(clean, sizeof clean, program, strlen(program)), strerror(e));
        return e == ENOENT ? EXEC_NOT_FOUND : EXEC_CANNOT_RUN;
}

int exec_become(char *argv[])
{
        fflush(NULL);
        execvp(argv[0], argv);
        return exec_cannot_run(argv[0]);
}

int exec_end_like(int status)
{
        sigset_t set;

        if (WIFEXITED(status))
                return WEXITSTATUS(status);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        signal(WTERMSIG(status), SIG_DFL);
        sigemptyset(&set);
        sigaddset(&set, WTERMSIG(status));
        raise(WTERMSIG(status));
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        return 128 + WTERMSIG(status);
}

static int wait_for(pid_t child, const sigset_t *signals)
{
        int status;

        for (;;) {
                siginfo_t info;
                int number;

                if (waitpid(child, &status, WNOHANG) == child)
                        return status;
                number = sigwaitinfo(signals, &info);
                if (number > 0 && number != SIGCHLD && info.si_code != SI_KERNEL)
                        kill(child, number);
        }
}

int exec_child(char *argv[], void (*after)(void *arg), void *arg)
{
        struct sigaction child_action;
        sigset_t signals, before;
        int status;
        pid_t child;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
                sigaddset(&signals, passed_on[i]);
        sigprocmask(SIG_BLOCK, &signals, &before);
        // Whoever started us may have told the kernel to reap its children.
        sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &child_action);
        fflush(NULL);
        child = fork();
        if (child == 0) {
                sigaction(SIGCHLD, &child_action, NULL);
                sigprocmask(SIG_SETMASK, &before, NULL);
                execvp(argv[0], argv);
                _exit(exec_cannot_run(argv[0]));
        }
        if (child < 0) {
                status = exec_cannot_run(argv[0]);
                after(arg);
                return status;
        }
        status = wait_for(child, &signals);
        after(arg);
        return exec_end_like(status);
}
