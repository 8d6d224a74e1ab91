// SPDX-License-Identifier: Apache-2.0
//
// The address comes back over a pipe, so that the bus is known to listen.
#include "support_bus.h"

#include "support_spawn.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t support_bus_start(const char *variable, const char *listen)
{
        char where[256];
        char *argv[] = {(char[]){"dbus-daemon"}, (char[]){"--session"}, (char[]){"--nofork"},
                (char[]){"--nopidfile"}, (char[]){"--print-address=3"}, listen ? where : NULL, NULL};
        char line[512] = "";
        pid_t pid;
        int fds[2];

        snprintf(where, sizeof where, "--address=%s", listen ? listen : "");
        assert(pipe2(fds, O_CLOEXEC) == 0);
        pid = support_spawn(argv, -1, fds[1]);
        assert(pid > 0);
        close(fds[1]);
        for (size_t n = 0; n < sizeof line - 1 && read(fds[0], line + n, 1) == 1 && line[n] != '\n'; n++)
                ;
        close(fds[0]);
        line[strcspn(line, "\n")] = 0;
        assert(line[0]);
        setenv(variable, line, 1);
        return pid;
}

void support_bus_stop(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}
