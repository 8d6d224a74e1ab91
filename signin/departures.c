// SPDX-License-Identifier: Apache-2.0
//
// Folders are watched and not files: a table is replaced by rename, which a watch on the file would not see.
#include "departures.h"

#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#define TABLE_EVENTS                                                                                         \
        (IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | \
                IN_MOVE_SELF)
#define USER_EVENTS (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF)
#define GONE        (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)

struct folder {
        char *path;
        char *file; // of interest in it; NULL: names of users
        int wd;     // -1: not watched
};

struct departures {
        struct departures_handlers h;
        void *arg;
        int fd;
        struct watch *watch;
        struct folder folders[3];
};

static bool is_uid(const char *s, uid_t *ret)
{
        uint64_t v = 0;

        for (const char *p = s; *p; p++) {
                if (*p < '0' || *p > '9' || v > UINT32_MAX)
                        return false;
                v = v * 10 + (uint64_t)(*p - '0');
        }
        *ret = (uid_t)v;
        return *s && v < UINT32_MAX;
}

// Folders may be the same one, which then is one watch with the events of both.
static void on_event(struct departures *d, const struct inotify_event *e)
{
        const bool gone = e->mask & (IN_Q_OVERFLOW | GONE);
        uid_t uid;

        for (size_t i = 0; i < ARRAY_SIZE(d->folders); i++) {
                struct folder *f = &d->folders[i];

                if (f->wd != e->wd)
                        continue;
                if (gone)
                        f->wd = -1;
                else if (e->len > 0 && f->file && strcmp(e->name, f->file) == 0)
                        d->h.tables_changed(d->arg);
                else if (e->len > 0 && !f->file && e->mask & USER_EVENTS && is_uid(e->name, &uid))
                        d->h.user_left(uid, d->arg);
        }
        if (gone) {
                // Of a folder that was moved away the watch goes on; it is of no use.
                if (e->wd >= 0 && !(e->mask & IN_IGNORED))
                        inotify_rm_watch(d->fd, e->wd);
                d->h.missed(d->arg);
        }
}

static void on_readable(unsigned ready _unused_, void *arg)
{
        _Alignas(struct inotify_event) char room[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
        struct departures *d = arg;
        ssize_t n = read(d->fd, room, sizeof room);

        if (n < 0 && errno != EAGAIN && errno != EINTR)
                d->h.missed(d->arg);
        for (ssize_t at = 0; at < n;) {
                const struct inotify_event *e = (const void *)(room + at);

                on_event(d, e);
                at += (ssize_t)sizeof *e + e->len;
        }
}

bool departures_are_seen(struct departures *d)
{
        bool all = true;

        for (size_t i = 0; i < ARRAY_SIZE(d->folders); i++) {
                struct folder *f = &d->folders[i];

                if (f->wd < 0)
                        f->wd = inotify_add_watch(d->fd, f->path,
                                (f->file ? TABLE_EVENTS : USER_EVENTS) | IN_ONLYDIR | IN_MASK_ADD);
                all = all && (f->wd >= 0 || (f->file && errno == ENOENT));
        }
        return all;
}

// "/var/lib/valetkey/users" is "users" in "/var/lib/valetkey".
static int set_table(struct folder *f, const char *table)
{
        const char *slash = strrchr(table, '/');

        f->path =
                slash && slash > table ? strndup(table, (size_t)(slash - table)) : strdup(slash ? "/" : ".");
        f->file = f->path ? strdup(slash ? slash + 1 : table) : NULL;
        return f->path && f->file ? 0 : -ENOMEM;
}

int departures_new(struct departures **ret, struct loop *l, const char *sessions_dir,
        const char *const tables[2], const struct departures_handlers *h, void *arg)
{
        struct departures *d = calloc(1, sizeof *d);
        int r = 0;

        if (!d)
                return -ENOMEM;
        d->h = *h;
        d->arg = arg;
        d->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        for (size_t i = 0; i < ARRAY_SIZE(d->folders); i++)
                d->folders[i].wd = -1;
        d->folders[0].path = strdup(sessions_dir);
        if (d->fd < 0)
                r = -errno;
        else if (!d->folders[0].path)
                r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < 2; i++)
                r = set_table(&d->folders[i + 1], tables[i]);
        if (r == 0)
                r = watch_new(&d->watch, l, d->fd, WATCH_READ, on_readable, d);
        if (r < 0) {
                departures_free(d);
                return err_trace(r);
        }
        (void)departures_are_seen(d); // what is not there yet is tried again before it matters
        *ret = d;
        return 0;
}

struct departures *departures_free(struct departures *d)
{
        if (!d)
                return NULL;
        watch_free(d->watch);
        if (d->fd >= 0)
                close(d->fd);
        for (size_t i = 0; i < ARRAY_SIZE(d->folders); i++) {
                free(d->folders[i].path);
                free(d->folders[i].file);
        }
        free(d);
        return NULL;
}
