// SPDX-License-Identifier: Apache-2.0
//
// Lines and no more: it works on a dumb terminal, over a serial line and for a screen reader. Everything is on stderr,
// for stdout is what the verb prints.
#include "role_pick.h"

#include "util.h"
#include "translate.h"

#include <stdio.h>

#define SHOWN_MAX 40u // lines of a list; the rest is found by typing
#define LINE_MAX_ 300

bool role_pick_possible(void)
{
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static const char *text(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));

        return s ? s : "";
}

static bool is_shown(const json_t *role, const char *filter)
{
        return strncmp(text(role, "name"), filter, strlen(filter)) == 0;
}

// The numbers are those of the whole list, so that they stay while it narrows.
static size_t show(const json_t *roles, const char *filter)
{
        size_t n = 0, i;
        const json_t *o;

        json_array_foreach(roles, i, o)
        {
                if (!is_shown(o, filter))
                        continue;
                if (n++ < SHOWN_MAX)
                        fprintf(stderr, "%4zu  %-24.40s %.48s\n", i + 1, text(o, "name"),
                                text(o, "role_arn"));
        }
        if (n > SHOWN_MAX)
                fprintf(stderr, _("      … and %zu more: type how the name begins\n"), n - SHOWN_MAX);
        return n;
}

static const json_t *by_number(const json_t *roles, const char *line)
{
        size_t n = 0;

        for (const char *s = line; *s; s++) {
                if (*s < '0' || *s > '9' || n > json_array_size(roles))
                        return NULL;
                n = n * 10 + (size_t)(*s - '0');
        }
        return n > 0 ? json_array_get(roles, n - 1) : NULL;
}

// The only role that begins so, or whose name it is.
static const json_t *by_name(const json_t *roles, const char *line, size_t *ret_n)
{
        const json_t *found = NULL, *o;
        size_t i;

        *ret_n = 0;
        json_array_foreach(roles, i, o)
        {
                if (strcmp(text(o, "name"), line) == 0) {
                        *ret_n = 1;
                        return o;
                }
                if (is_shown(o, line)) {
                        found = o;
                        ++*ret_n;
                }
        }
        return *ret_n == 1 ? found : NULL;
}

const json_t *role_pick(const json_t *roles, const char *usual)
{
        char line[LINE_MAX_];
        size_t n;

        show(roles, "");
        for (;;) {
                const json_t *picked;

                if (usual)
                        fprintf(stderr, _("Role (number, name or its beginning; Enter: %.60s): "), usual);
                else
                        fputs(_("Role (number, name or its beginning): "), stderr);
                fflush(stderr);
                if (!fgets(line, sizeof line, stdin)) {
                        fputc('\n', stderr);
                        return NULL;
                }
                line[strcspn(line, "\n")] = 0;
                if (!*line && !usual)
                        return NULL;
                picked = *line ? by_number(roles, line) : NULL;
                if (!picked)
                        picked = by_name(roles, *line ? line : usual, &n);
                if (picked)
                        return picked;
                if (n > 0)
                        show(roles, line);
                else
                        fputs(_("There is no such role.\n"), stderr);
        }
}
