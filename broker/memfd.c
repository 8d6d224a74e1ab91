// SPDX-License-Identifier: Apache-2.0
#include "memfd.h"

#include <fcntl.h>
#include <sys/mman.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

int memfd_sealed(int *ret, const char *name, const void *p, size_t n)
{
        cleanup_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
        const char *c = p;

        // Kernels before 6.3 do not know MFD_NOEXEC_SEAL.
        if (fd < 0 && errno == EINVAL)
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        while (n > 0) {
                ssize_t r = write(fd, c, n);

                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r > 0) {
                        c += r;
                        n -= (size_t)r;
                }
        }
        if (lseek(fd, 0, SEEK_SET) < 0 ||
                fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}
