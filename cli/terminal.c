// SPDX-License-Identifier: Apache-2.0
//
// The locale is read from the environment's names and not set: nothing else of it is wanted here.
#include "terminal.h"

#include "util.h"

#include <sys/ioctl.h>

static bool is_set(const char *name)
{
        const char *v = getenv(name);

        return v && *v;
}

bool terminal_is_smart(int fd)
{
        const char *term = getenv("TERM");

        return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool terminal_has_colours(int fd)
{
        return terminal_is_smart(fd) && !is_set("NO_COLOR");
}

bool terminal_is_utf8(void)
{
        static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
        const char *v = NULL;

        for (size_t i = 0; !v && i < ARRAY_SIZE(names); i++)
                v = is_set(names[i]) ? getenv(names[i]) : NULL;
        return v && (strcasestr(v, "utf-8") || strcasestr(v, "utf8"));
}

unsigned terminal_width(int fd)
{
        struct winsize w;

        return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

unsigned terminal_lines(int fd)
{
        struct winsize w;

        return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 ? w.ws_row : 24;
}
