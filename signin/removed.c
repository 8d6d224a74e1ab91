// SPDX-License-Identifier: Apache-2.0
//
// The same person is who has the same issuer and subject. Who was never bound is told by his name: nobody else ever was he.
#include "removed.h"

#include "fdio.h"
#include "user_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct removed {
        struct buf text;
        struct user_file people; // by uid
};

// What root makes in the daemon's folder is the daemon's. Anything else that stands there is not to be given away.
static int give_to_folder(int fd, const char *path)
{
        cleanup_free char *folder = strdup(path);
        struct stat st;
        char *slash;

        if (!folder)
                return -ENOMEM;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
                return -EPERM;
        if (st.st_uid != geteuid())
                return 0;
        slash = strrchr(folder, '/');
        if (geteuid() != 0 || !slash)
                return 0;
        *slash = 0;
        if (stat(folder, &st) < 0)
                return -errno;
        return fchown(fd, st.st_uid, st.st_gid) < 0 ? -errno : 0;
}

int removed_note(const char *path, const struct table_user *u)
{
        cleanup_buf struct buf line = BUF_INIT(4096);
        cleanup_fd int fd = open(
                path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
        int r = fd < 0 ? -errno : 0;
        off_t end;

        if (r == 0)
                r = buf_printf(&line, "%s\t%s\t%s\t%u\n", u->name, u->issuer, u->subject, u->uid);
        if (r == 0)
                r = give_to_folder(fd, path);
        if (r < 0)
                return r;
        end = lseek(fd, 0, SEEK_END);
        r = end < 0 ? -errno : fdio_write(fd, line.p, line.n);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        // Half a line, where the disk is full, would make nonsense of the next one.
        if (r < 0 && end >= 0 && ftruncate(fd, end) < 0)
                r = -errno;
        return r;
}

static void on_wrong(unsigned line _unused_, const char *why _unused_, void *arg)
{
        *(bool *)arg = true;
}

static int by_uid(const void *a, const void *b)
{
        const struct user_line *x = a, *y = b;

        return (x->uid > y->uid) - (x->uid < y->uid);
}

int removed_load(struct removed **ret, const char *path)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct removed *x = calloc(1, sizeof *x);
        int r = fd >= 0 ? 0 : errno == ENOENT ? 1 : -errno;
        bool wrong = false;

        if (!x)
                return -ENOMEM;
        x->text = BUF_INIT(USER_FILE_MAX);
        if (r == 0)
                r = fdio_read(&x->text, fd);
        if (r == 0)
                r = user_file_parse(&x->people, x->text.p, x->text.n, on_wrong, &wrong);
        if (r == 0 && wrong)
                r = -EBADMSG;
        if (r < 0) {
                removed_free(x);
                return err_trace(r);
        }
        if (x->people.n)
                qsort(x->people.lines, x->people.n, sizeof *x->people.lines, by_uid);
        *ret = x;
        return 0;
}

struct removed *removed_free(struct removed *r)
{
        if (!r)
                return NULL;
        user_file_deinit(&r->people);
        buf_deinit(&r->text);
        free(r);
        return NULL;
}

static bool is_same(const struct user_line *was, const struct table_user *u)
{
        if (strcmp(was->issuer, u->issuer) != 0)
                return false;
        return was->subject[0] ? strcmp(was->subject, u->subject) == 0 : strcmp(was->name, u->name) == 0;
}

bool removed_clash(const struct removed *r, const struct table_user *u, struct err *err)
{
        size_t low = 0, high = r->people.n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (r->people.lines[middle].uid < u->uid)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < r->people.n && r->people.lines[low].uid == u->uid; low++)
                if (!is_same(&r->people.lines[low], u)) {
                        err_set(err,
                                "uid %u was that of %s, who was removed, and is given to nobody else on this "
                                "machine: pin "
                                "another one (--uid)",
                                u->uid, r->people.lines[low].name);
                        return true;
                }
        return false;
}
