// SPDX-License-Identifier: Apache-2.0
//
// The files are read through one buffer. What is of interest stands at the beginning of a line, so a line that is
// longer than the buffer is looked at as far as that goes, and the rest of it is skipped.
#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

struct line {
        char *text;
        bool cut;  // by the end of the buffer
        bool rest; // of a line that was cut
};

// A number up to a colon or the line's end; NULL when there is none.
static const char *take_number(const struct line *l, const char *p, uint32_t *ret)
{
        uint64_t v = 0;
        const char *start = p;

        for (; *p >= '0' && *p <= '9'; p++) {
                v = v * 10 + (uint64_t)(*p - '0');
                if (v > UINT32_MAX)
                        return NULL;
        }
        *ret = (uint32_t)v;
        return p > start && (*p == ':' || (*p == 0 && !l->cut)) ? p : NULL;
}

// name:password:id:… or, of passwd, name:password:id:gid:…
static bool parse(struct local_entry *ret, struct line *l, enum local_file kind)
{
        char *name = l->text, *name_end, *password_end;
        const char *p;

        while (*name == ' ' || (*name >= '\t' && *name <= '\r'))
                name++; // as libc does
        name_end = strchr(name, ':');
        password_end = name_end ? strchr(name_end + 1, ':') : NULL;
        if (!password_end || name_end == name)
                return false;
        *ret = (struct local_entry){.name = name};
        p = take_number(l, password_end + 1, &ret->id);
        if (p && kind == LOCAL_FILE_PASSWD)
                p = *p == ':' ? take_number(l, p + 1, &ret->gid) : NULL;
        *name_end = 0;
        return p != NULL;
}

struct reader {
        int fd;
        size_t from, to; // what of buf has been read and not been looked at
        bool end;
        char buf[4096];
};

static int fill(struct reader *r)
{
        ssize_t n;

        memmove(r->buf, r->buf + r->from, r->to - r->from);
        r->to -= r->from;
        r->from = 0;
        do
                n = read(r->fd, r->buf + r->to, sizeof r->buf - 1 - r->to);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        r->end = n == 0;
        r->to += (size_t)n;
        return 0;
}

// The next line, without its end; text NULL after the last. A line too long for the buffer comes in pieces.
static int next_line(struct reader *r, struct line *l)
{
        for (;;) {
                char *start = r->buf + r->from, *newline = memchr(start, '\n', r->to - r->from);
                bool full = r->to - r->from == sizeof r->buf - 1;
                int k;

                if (newline || full || (r->end && r->to > r->from)) {
                        *l = (struct line){.text = start, .cut = !newline && !r->end, .rest = l->cut};
                        r->from = newline ? (size_t)(newline + 1 - r->buf) : r->to;
                        *(newline ? newline : r->buf + r->to) = 0;
                        return 0;
                }
                if (r->end) {
                        l->text = NULL;
                        return 0;
                }
                k = fill(r);
                if (k < 0)
                        return k;
        }
}

int local_each(const char *path, enum local_file kind, bool (*see)(void *arg, const struct local_entry *e),
        void *arg)
{
        struct line l = {.cut = false};
        struct local_entry e;
        struct reader r = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)};
        bool seen = false;
        int k;

        if (r.fd < 0)
                return -errno;
        do {
                k = next_line(&r, &l);
                if (k == 0 && l.text && !l.rest && parse(&e, &l, kind))
                        seen = see(arg, &e);
        } while (k == 0 && l.text && !seen);
        close(r.fd);
        return k;
}

struct wanted {
        const char *name;
        struct local_user *ret;
        bool found;
};

static bool is_wanted(void *arg, const struct local_entry *e)
{
        struct wanted *w = arg;

        w->found = strcmp(w->name, e->name) == 0;
        if (w->found)
                *w->ret = (struct local_user){e->id, e->gid};
        return w->found;
}

int local_find(const char *passwd_path, const char *name, struct local_user *ret)
{
        struct wanted w = {.name = name, .ret = ret};
        int r = local_each(passwd_path, LOCAL_FILE_PASSWD, is_wanted, &w);

        return r < 0 ? r : w.found ? 0 : LOCAL_E_NOT_FOUND;
}
