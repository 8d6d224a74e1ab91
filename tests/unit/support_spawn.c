// SPDX-License-Identifier: Apache-2.0
//
// fork and exec with PR_SET_PDEATHSIG, which posix_spawn has no word for.
#include "support_spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

pid_t support_spawn(char *const argv[], int stdout_to, int print_to)
{
        pid_t parent = getpid(), pid = fork();
        int null;

        if (pid != 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        null = open("/dev/null", O_RDWR);
        if (getppid() != parent || null < 0 || dup2(null, 0) < 0 || dup2(null, 2) < 0 ||
                dup2(stdout_to >= 0 ? stdout_to : null, 1) < 0 || (print_to >= 0 && dup2(print_to, 3) < 0))
                _exit(126);
        execvp(argv[0], argv);
        _exit(127);
}
