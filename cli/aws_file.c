// SPDX-License-Identifier: Apache-2.0
#include "aws_file.h"

#include "awsconf.h"
#include "fdio.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>

static const char *home(void)
{
        const char *h = getenv("HOME");
        const struct passwd *pw = h && *h ? NULL : getpwuid(geteuid());

        return h && *h ? h : pw ? pw->pw_dir : "/";
}

int aws_file_expand(char **ret, const char *path)
{
        if (path[0] == '~' && (path[1] == '/' || !path[1]))
                return asprintf(ret, "%s%s", home(), path + 1) < 0 ? -ENOMEM : 0;
        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}

static enum outcome wrong(const struct aws_file *f, const char *why, struct err *err)
{
        err_set(err, "%s: %s", f->path, why);
        return OUTCOME_MISCONFIGURED;
}

static enum outcome read_all(struct aws_file *f, int fd, struct err *err)
{
        size_t size = (size_t)f->st.st_size + 1;

        f->text = malloc(size + 1);
        if (!f->text)
                return OUTCOME_INTERNAL;
        while (f->n < size) {
                ssize_t n = read(fd, f->text + f->n, size - f->n);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return wrong(f, strerror(errno), err);
                if (n == 0)
                        break;
                f->n += (size_t)n;
        }
        if (f->n == size)
                return wrong(f, "it grows while it is read", err);
        f->text[f->n] = 0;
        for (size_t i = 0, line = 1; i < f->n; line += f->text[i++] == '\n')
                if (!f->text[i]) {
                        err_set(err, "%s:%zu: there is a zero byte; this is no text", f->path, line);
                        return OUTCOME_MISCONFIGURED;
                }
        return OUTCOME_OK;
}

static enum outcome read_real(struct aws_file *f, struct err *err)
{
        cleanup_fd int fd = open(f->real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        char why[64];

        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return OUTCOME_OK;
        if (fd < 0 || fstat(fd, &f->st) < 0)
                return wrong(f, strerror(errno), err);
        if (S_ISDIR(f->st.st_mode))
                return wrong(f, "it is a folder", err);
        if (!S_ISREG(f->st.st_mode))
                return wrong(f, "it is no regular file", err);
        if (f->st.st_size > (off_t)AWSCONF_SIZE_MAX) {
                snprintf(why, sizeof why, "it is larger than %u MiB", AWSCONF_SIZE_MAX >> 20);
                return wrong(f, why, err);
        }
        return read_all(f, fd, err);
}

// The file behind symbolic links, or the path itself where there is none.
static enum outcome find_real(struct aws_file *f, struct err *err)
{
        struct stat st;

        f->real = realpath(f->path, NULL);
        if (f->real)
                return OUTCOME_OK;
        if (errno == ENOENT && lstat(f->path, &st) == 0 && S_ISLNK(st.st_mode))
                return wrong(f, "it is a symbolic link to a file that is not there", err);
        if (errno != ENOENT && errno != ENOTDIR)
                return wrong(f, strerror(errno), err);
        f->real = strdup(f->path);
        return f->real ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static enum outcome find(struct aws_file *f, const char *variable, const char *usual)
{
        const char *path = getenv(variable);

        *f = (struct aws_file){.lock = -1};
        if (aws_file_expand(&f->path, path && *path ? path : usual) < 0)
                return OUTCOME_INTERNAL;
        return OUTCOME_OK;
}

enum outcome aws_file_read(struct aws_file *f, const char *variable, const char *usual, struct err *err)
{
        enum outcome o = find(f, variable, usual);

        if (o == OUTCOME_OK)
                o = find_real(f, err);
        return o == OUTCOME_OK ? read_real(f, err) : o;
}

static void folder_of(char dst[PATH_MAX], const char *path)
{
        const char *slash = strrchr(path, '/');

        snprintf(dst, PATH_MAX, "%.*s", slash ? (int)(slash > path ? slash - path : 1) : 1,
                slash ? path : ".");
}

enum outcome aws_file_read_to_change(
        struct aws_file *f, const char *variable, const char *usual, struct err *err)
{
        enum outcome o = find(f, variable, usual);
        char folder[PATH_MAX];

        if (o == OUTCOME_OK)
                o = find_real(f, err);
        if (o != OUTCOME_OK)
                return o;
        folder_of(folder, f->real);
        if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                return wrong(f, strerror(errno), err);
        f->lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (f->lock < 0 || flock(f->lock, LOCK_EX) < 0)
                return wrong(f, strerror(errno), err);
        return read_real(f, err);
}

static bool is_unchanged(const struct aws_file *f)
{
        struct stat st;

        if (stat(f->real, &st) < 0)
                return errno == ENOENT && !f->text;
        return f->text && st.st_ino == f->st.st_ino && st.st_dev == f->st.st_dev &&
               st.st_size == f->st.st_size && st.st_mtim.tv_sec == f->st.st_mtim.tv_sec &&
               st.st_mtim.tv_nsec == f->st.st_mtim.tv_nsec;
}

// A new file beside it, the same as the old but for its bytes.
static int write_beside(const struct aws_file *f, int fd, const void *p, size_t n)
{
        int r;

        if (f->text && (f->st.st_uid != geteuid() || f->st.st_gid != getegid()) &&
                fchown(fd, f->st.st_uid, f->st.st_gid) < 0)
                return -errno;
        if (fchmod(fd, f->text ? f->st.st_mode & 07777 : 0600) < 0)
                return -errno;
        r = fdio_write(fd, p, n);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

enum outcome aws_file_replace(struct aws_file *f, const void *p, size_t n, struct err *err)
{
        char temporary[PATH_MAX];
        int fd, r;

        if (f->text && !(f->st.st_mode & 0222))
                return wrong(f, "it is write-protected", err);
        if (!is_unchanged(f))
                return wrong(f, "somebody else has just changed it; nothing was written", err);
        if (!p) {
                if (f->text && unlink(f->real) < 0)
                        return wrong(f, strerror(errno), err);
                return OUTCOME_OK;
        }
        if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", f->real) >= (int)sizeof temporary)
                return wrong(f, strerror(ENAMETOOLONG), err);
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return wrong(f, strerror(errno), err);
        r = write_beside(f, fd, p, n);
        close(fd);
        if (r == 0 && rename(temporary, f->real) < 0)
                r = -errno;
        if (r < 0) {
                unlink(temporary);
                return wrong(f, strerror(-r), err);
        }
        fsync(f->lock);
        return OUTCOME_OK;
}

void aws_file_deinit(struct aws_file *f)
{
        if (f->text)
                explicit_bzero(f->text, f->n);
        free(f->text);
        free(f->path);
        free(f->real);
        if (f->lock >= 0)
                close(f->lock);
        *f = (struct aws_file){.lock = -1};
}
