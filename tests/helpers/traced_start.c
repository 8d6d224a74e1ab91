// SPDX-License-Identifier: Apache-2.0
//
// traced_start PROGRAM [ARGUMENT]...: runs it under ptrace as any program of the same user can, and, before its first
// instruction, tries to look into its memory. Says "open" or "closed"; what is traced is killed.
#include "util.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

static bool can_look(pid_t pid)
{
        char room[16], path[32];
        struct iovec here = {room, sizeof room}, there = {(void *)(uintptr_t)4096, sizeof room};
        int fd;

        snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
                close(fd);
                return true;
        }
        // Nothing is there, which is another answer than that one may not look.
        return process_vm_readv(pid, &here, 1, &there, 1, 0) >= 0 || errno != EPERM;
}

int main(int argc, char *argv[])
{
        pid_t pid = argc > 1 ? fork() : -1;
        int status;

        if (pid < 0)
                return 2;
        if (pid == 0) {
                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(2);
                execv(argv[1], argv + 1);
                _exit(2);
        }
        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
                return 2;
        puts(can_look(pid) ? "open" : "closed");
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return 0;
}
