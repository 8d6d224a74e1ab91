// SPDX-License-Identifier: Apache-2.0
//
// EINTR is nobody's error here; a write that takes nothing is one.
#include "fdio.h"

int fdio_read(struct buf *out, int fd)
{
        char part[8192];
        int r = 0;

        while (r == 0) {
                ssize_t n = read(fd, part, sizeof part);

                if (n == 0)
                        break;
                if (n > 0)
                        r = buf_append(out, part, (size_t)n);
                else if (errno != EINTR)
                        r = -errno;
        }
        explicit_bzero(part, sizeof part); // it may have been a secret
        return r;
}

int fdio_write(int fd, const void *p, size_t n)
{
        for (const char *at = p; n > 0;) {
                ssize_t r = write(fd, at, n);

                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r == 0)
                        return -EIO;
                if (r > 0) {
                        at += r;
                        n -= (size_t)r;
                }
        }
        return 0;
}
