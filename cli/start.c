// SPDX-License-Identifier: Apache-2.0
#include "start.h"

#include "bus_client.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/wait.h>

#define PROGRAM "valetkey-broker"

static bool start_by_bus(int64_t deadline_ms)
{
        struct bus_client *c = NULL;
        int64_t left = deadline_ms - cli_now_ms();
        int r;

        // A bus that hangs must leave time for the other way.
        r = bus_client_new(&c, left > 2000 ? 1000 : (int)(left / 2), NULL);
        if (r < 0)
                return false;
        left = deadline_ms - cli_now_ms();
        r = bus_client_start_broker(c, left > 500 ? (int)left - 500 : 1, NULL);
        bus_client_free(c);
        return r == 0;
}

// Beside ourselves first, so that a build tree uses its own; then where it is installed.
static bool find_program(char path[PATH_MAX])
{
        static const char *const installed[] = {PATH_LIBEXEC "/" PROGRAM, PATH_BIN "/" PROGRAM};
        ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof PROGRAM - 1);
        char *slash;

        if (n > 0) {
                path[n] = 0;
                slash = strrchr(path, '/');
                if (slash) {
                        memcpy(slash + 1, PROGRAM, sizeof PROGRAM);
                        if (access(path, X_OK) == 0)
                                return true;
                }
        }
        for (size_t i = 0; i < ARRAY_SIZE(installed); i++)
                if (access(installed[i], X_OK) == 0) {
                        memcpy(path, installed[i], strlen(installed[i]) + 1);
                        return true;
                }
        return false;
}

// In the grandchild: nothing of ours stays open, and no terminal.
static void become_broker(char *path, char *config)
{
        char flag[] = "--config";
        char *argv[] = {path, config ? flag : NULL, config, NULL};
        int null = open("/dev/null", O_RDWR);

        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
                _exit(127);
        if (null > 2)
                close(null);
        if (chdir("/") < 0)
                _exit(127);
        execv(path, argv);
        _exit(127);
}

static int spawn(char *path, char *config)
{
        pid_t child = fork();
        int status;

        if (child < 0)
                return -errno;
        if (child == 0) {
                pid_t grandchild;

                setsid();
                grandchild = fork();
                if (grandchild == 0)
                        become_broker(path, config);
                _exit(grandchild < 0 ? 1 : 0);
        }
        while (waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

enum outcome start_broker(const struct cli *cli, int64_t deadline_ms, struct err *err)
{
        cleanup_free char *config = NULL;
        char path[PATH_MAX];
        int r;

        // A broker with a configuration of the caller's choice is not the one that the bus knows.
        if (!cli->config && start_by_bus(deadline_ms))
                return OUTCOME_OK;
        if (!find_program(path)) {
                err_set(err, "no broker is running, and " PROGRAM " is not installed");
                return OUTCOME_NO_BROKER;
        }
        if (cli->config) {
                config = realpath(cli->config, NULL);
                if (!config) {
                        err_set(err, "%s: %s", cli->config, strerror(errno));
                        return OUTCOME_MISCONFIGURED;
                }
        }
        r = spawn(path, config);
        if (r == 0)
                return OUTCOME_OK;
        err_set(err, "cannot start the credential broker: %s", strerror(-r));
        return OUTCOME_NO_BROKER;
}
