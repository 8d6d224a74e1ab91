// SPDX-License-Identifier: Apache-2.0
#include "secret_file.h"

#include "fdio.h"
#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

// The directory is this user's alone, and so is the name beside the file: whatever a broker before us left there goes.
int secret_file_write(const char *path, const struct secret *s)
{
        cleanup_free char *beside = NULL;
        cleanup_fd int fd = -1;
        int r;

        if (asprintf(&beside, "%s.new", path) < 0) {
                beside = NULL;
                return -ENOMEM;
        }
        if (unlink(beside) < 0 && errno != ENOENT)
                return -errno;
        fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = fdio_write(fd, secret_str(s), secret_len(s));
        if (r == 0 && rename(beside, path) < 0)
                r = -errno;
        if (r < 0)
                unlink(beside);
        return r;
}

int secret_file_read(struct secret **ret, const char *path, size_t max)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        cleanup_secret struct secret *s = NULL;
        struct stat st;
        size_t n = 0;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0777) != 0600 || st.st_size < 1 ||
                (uintmax_t)st.st_size > max)
                return -EPERM;
        r = secret_new_room(&s, (size_t)st.st_size);
        if (r < 0)
                return r;
        while (n < (size_t)st.st_size) {
                ssize_t k = read(fd, secret_bytes_mutable(s) + n, (size_t)st.st_size - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : -EIO;
                n += (size_t)k;
        }
        *ret = TAKE_PTR(s);
        return 0;
}

void secret_file_remove(const char *path)
{
        if (unlink(path) < 0 && errno != ENOENT)
                log_event(LOG_E_WARNING, "file.unremoved", "file=%s reason=%s", path, strerror(errno));
}
