// SPDX-License-Identifier: Apache-2.0
//
// pam.conf(5): "TYPE CONTROL MODULE ARGUMENTS", a "-" in front of the type, CONTROL perhaps in brackets; "@include FILE" takes
// everything of another file, "TYPE include FILE" and "TYPE substack FILE" its lines of that type.
#include "pam_stack.h"

#include <stdio.h>
#include <fcntl.h>
#include <sys/stat.h>

#define FILES_MAX 64 // su-l of Debian takes 17

struct reading {
        struct pam_stack *stack;
        const char *dir;
        unsigned files; // opened so far; includes in a circle end
};

static int read_file(struct reading *r, const char *name, const char *only);

static const char *next_word(const char *s, char *dst, size_t n)
{
        size_t len;

        s += strspn(s, " \t");
        len = *s == '[' ? strcspn(s, "]\n") + (strchr(s, ']') ? 1 : 0) : strcspn(s, " \t\r\n");
        snprintf(dst, n, "%.*s", (int)(len < n ? len : n - 1), s);
        return s + len;
}

static void note(struct pam_place *p, const char *file, unsigned line)
{
        if (p->line)
                return;
        snprintf(p->file, sizeof p->file, "%s", file);
        p->line = line;
}

static void read_module(
        struct reading *r, const char *type, const char *module, const char *file, unsigned line)
{
        const char *slash = strrchr(module, '/'), *base = slash ? slash + 1 : module;
        bool session = strcmp(type, "session") == 0;

        if (session && strcmp(base, "pam_systemd.so") == 0)
                note(&r->stack->systemd, file, line);
        if (strcmp(base, "pam_valetkey.so") != 0)
                return;
        if (session && !r->stack->session.line)
                r->stack->session_first = !r->stack->systemd.line;
        if (session || strcmp(type, "auth") == 0)
                note(session ? &r->stack->session : &r->stack->auth, file, line);
}

// An included file that cannot be read makes the answer uncertain, and no more.
static void include(struct reading *r, const char *name, const char *only)
{
        const char *slash = strrchr(name, '/');

        if (read_file(r, slash ? slash + 1 : name, only) < 0)
                r->stack->unreadable = true;
}

static void read_line(struct reading *r, const char *s, const char *only, const char *file, unsigned line)
{
        char type[64], control[256], module[PATH_MAX];

        s = next_word(s, type, sizeof type);
        if (!type[0] || type[0] == '#')
                return;
        s = next_word(s, control, sizeof control);
        if (strcmp(type, "@include") == 0) {
                include(r, control, only);
                return;
        }
        next_word(s, module, sizeof module);
        if (type[0] == '-')
                memmove(type, type + 1, strlen(type));
        if (only && strcmp(only, type) != 0)
                return;
        if (strcmp(control, "include") == 0 || strcmp(control, "substack") == 0)
                include(r, module, type);
        else
                read_module(r, type, module, file, line);
}

static int read_file(struct reading *r, const char *name, const char *only)
{
        char path[PATH_MAX], text[1024];
        unsigned line = 0;
        struct stat st;
        FILE *f;
        int fd;

        if (++r->files > FILES_MAX || snprintf(path, sizeof path, "%s/%s", r->dir, name) >= (int)sizeof path)
                return -ELOOP;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        f = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "re") : NULL;
        if (!f) {
                int e = fd < 0 ? errno : EINVAL;

                if (fd >= 0)
                        close(fd);
                return -e;
        }
        while (fgets(text, sizeof text, f))
                read_line(r, text, only, name, ++line);
        fclose(f);
        return 0;
}

int pam_stack_read(struct pam_stack *ret, const char *dir, const char *service)
{
        struct reading r = {.stack = ret, .dir = dir};

        *ret = (struct pam_stack){.unreadable = false};
        return read_file(&r, service, NULL);
}
