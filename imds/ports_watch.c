// SPDX-License-Identifier: Apache-2.0
//
// The file is replaced by rename, so its folder is what is watched.
#include "ports_watch.h"

#include "fdio.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

int ports_watch_open(const char *folder, struct err *err)
{
        cleanup_fd int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        if (fd < 0 || inotify_add_watch(fd, folder,
                              IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_ATTRIB |
                                      IN_ONLYDIR) < 0) {
                int r = -errno;

                err_set(err, "%s cannot be watched: %s", folder, strerror(-r));
                return r;
        }
        return TAKE_FD(fd);
}

bool ports_watch_drain(int fd, const char *name, bool *ret_gone)
{
        char room[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        bool changed = false;
        ssize_t n;

        *ret_gone = false;
        while ((n = read(fd, room, sizeof room)) > 0 || (n < 0 && errno == EINTR)) {
                const struct inotify_event *e;

                for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof *e + e->len)) {
                        e = (const struct inotify_event *)(const void *)(room + at);
                        *ret_gone |= (e->mask & IN_IGNORED) != 0;
                        // Too much happened at once, and some of it is lost.
                        changed |= (e->mask & IN_Q_OVERFLOW) != 0 || (e->len && strcmp(e->name, name) == 0);
                }
        }
        return changed;
}

static int read_text(struct buf *out, const char *path, struct err *err)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) ||
                (st.st_uid && st.st_uid != geteuid())) {
                err_set(err, "%s is not valetkeyd's own, or others may write it", path);
                return -EPERM;
        }
        return fdio_read(out, fd);
}

int ports_watch_read(struct ports_list *ret, const char *path, struct err *err)
{
        cleanup_buf struct buf text = BUF_INIT(PORTS_LIST_TEXT_MAX);
        int r = read_text(&text, path, err);

        ret->n = 0;
        if (r == -ENOENT)
                return 0;
        if (r == 0) {
                r = ports_list_parse(ret, PORTS_LIST_MAX, buf_str(&text), text.n);
                if (r == -EBADMSG)
                        err_set(err, "%s makes no sense", path);
        }
        if (r < 0)
                err_set(err, "%s: %s", path, strerror(-r));
        return r;
}
