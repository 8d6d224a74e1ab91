// SPDX-License-Identifier: Apache-2.0
//
// The URL is one argument of a program that is run directly: no shell sees it. What the program prints is nobody's answer.
#include "browser.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static bool is_set(const char *name)
{
        const char *v = getenv(name);

        return v && *v;
}

bool browser_is_likely(void)
{
        return !is_set("SSH_CONNECTION") && !is_set("SSH_TTY") &&
               (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"));
}

static bool is_safe(const char *url)
{
        if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
                return false;
        for (const char *s = url; *s; s++)
                if (*s <= ' ' || *s > '~')
                        return false;
        return true;
}

bool browser_open(const char *url)
{
        char program[] = "xdg-open", *copy = strdup(url);
        char *argv[] = {program, copy, NULL};
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attr;
        pid_t pid;
        int r;

        if (!copy || !is_safe(url) || posix_spawn_file_actions_init(&files) != 0) {
                free(copy);
                return false;
        }
        if (posix_spawnattr_init(&attr) != 0) {
                posix_spawn_file_actions_destroy(&files);
                free(copy);
                return false;
        }
        // A session of its own: Ctrl-C in the terminal is for us, not for the browser.
        r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
        for (int fd = 0; r == 0 && fd < 3; fd++)
                r = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
        if (r == 0)
                r = posix_spawnp(&pid, program, &files, &attr, argv, environ);
        posix_spawnattr_destroy(&attr);
        posix_spawn_file_actions_destroy(&files);
        free(copy);
        return r == 0;
}
