// SPDX-License-Identifier: Apache-2.0
//
// Nobody has two ports, no port is two users': a file that says otherwise was not written here.
#include "ports_file.h"

#include "fdio.h"
#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static const char head[] = "valetkey ports 1\n";

#define FILE_MAX (1u << 20)
#define UID_LAST (UINT32_MAX - 1)

// A decimal number as it is written here, up to max, and what must follow it. NULL: something else stands there.
static const char *read_number(const char *s, const char *end, uint32_t max, char after, uint32_t *ret)
{
        uint64_t v = 0;
        const char *p = s;

        while (p < end && *p >= '0' && *p <= '9' && v <= max)
                v = v * 10 + (uint64_t)(*p++ - '0');
        if (p == s || p == end || *p != after || v == 0 || v > max || *s == '0')
                return NULL;
        *ret = (uint32_t)v;
        return p + 1;
}

static int compare(const void *a, const void *b)
{
        const struct ports_entry *x = a, *y = b;

        return (x->uid > y->uid) - (x->uid < y->uid);
}

// Uids are in order in the file; ports are told apart by a map.
static bool adds(const struct ports_list *l, const struct ports_entry *e, bool *used)
{
        if ((l->n > 0 && l->e[l->n - 1].uid >= e->uid) || used[e->port])
                return false;
        used[e->port] = true;
        return true;
}

int ports_file_parse(struct ports_list *ret, size_t max, const char *text, size_t n)
{
        const char *p = text + sizeof head - 1, *end = text + n;
        bool *used;
        int r = 0;

        ret->n = 0;
        if (n < sizeof head - 1 || memcmp(text, head, sizeof head - 1) != 0)
                return -EBADMSG;
        used = calloc(UINT16_MAX + 1, sizeof *used);
        if (!used)
                return -ENOMEM;
        while (r == 0 && p < end) {
                uint32_t uid = 0, port = 0;
                struct ports_entry e;

                p = read_number(p, end, UID_LAST, ' ', &uid);
                if (p)
                        p = read_number(p, end, UINT16_MAX, '\n', &port);
                e = (struct ports_entry){.uid = uid, .port = (uint16_t)port};
                if (!p || port < 1024 || ret->n == max || !adds(ret, &e, used))
                        r = -EBADMSG;
                else
                        ret->e[ret->n++] = e;
        }
        free(used);
        return r;
}

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
        cleanup_buf struct buf text = BUF_INIT(FILE_MAX);
        cleanup_free char *aside = NULL;
        int r = read_text(&text, path);

        ret->n = 0;
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = ports_file_parse(ret, max, buf_str(&text), text.n);
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
        cleanup_buf struct buf text = BUF_INIT(FILE_MAX);
        cleanup_free struct ports_entry *sorted = calloc(list->n + 1, sizeof *sorted);
        cleanup_free char *beside = NULL;
        cleanup_fd int fd = -1;
        int r;

        if (!sorted)
                return -ENOMEM;
        memcpy(sorted, list->e, list->n * sizeof *sorted);
        qsort(sorted, list->n, sizeof *sorted, compare);
        buf_append_str(&text, head);
        for (size_t i = 0; i < list->n; i++)
                buf_printf(&text, "%u %u\n", (unsigned)sorted[i].uid, sorted[i].port);
        if (buf_error(&text) < 0)
                return buf_error(&text);
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
