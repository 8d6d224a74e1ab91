// SPDX-License-Identifier: Apache-2.0
//
// The file on disk; what stands in it is lib/ports_list's.
#include "ports_file.h"

#include "fdio.h"
#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static int read_text(struct buf *out, const char *path)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        r = fdio_read(out, fd);
        return r == -EMSGSIZE ? -EBADMSG : r;
}

int ports_file_read(struct ports_list *ret, size_t max, const char *path)
{
        cleanup_buf struct buf text = BUF_INIT(PORTS_LIST_TEXT_MAX);
        cleanup_free char *aside = NULL;
        int r = read_text(&text, path);

        ret->n = 0;
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = ports_list_parse(ret, max, buf_str(&text), text.n);
        if (r != -EBADMSG && r != -ELOOP)
                return r;
        ret->n = 0;
        if (asprintf(&aside, "%s.damaged", path) < 0) {
                aside = NULL;
                return -ENOMEM;
        }
        log_event(LOG_E_ERROR, "ports.damaged", "file=%s hint=%s", path, "put aside; ports are given anew");
        return rename(path, aside) < 0 ? -errno : 0;
}

int ports_file_write(const char *path, const struct ports_list *list)
{
        cleanup_buf struct buf text = BUF_INIT(PORTS_LIST_TEXT_MAX);
        cleanup_free char *beside = NULL;
        cleanup_fd int fd = -1;
        int r = ports_list_print(&text, list);

        if (r < 0)
                return r;
        if (asprintf(&beside, "%s.new", path) < 0) {
                beside = NULL;
                return -ENOMEM;
        }
        fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        r = fdio_write(fd, text.p, text.n);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (r == 0 && rename(beside, path) < 0)
                r = -errno;
        if (r < 0)
                unlink(beside);
        return r;
}
