// SPDX-License-Identifier: Apache-2.0
#include "spool.h"

#include "buf.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>

#define IN_MEMORY (256u << 10)

struct spool {
        EVP_MD_CTX *digest;
        struct buf memory;
        int fd; // -1: all of it is in memory
        uint64_t n, at, max;
};

int spool_new(struct spool **ret, uint64_t max)
{
        struct spool *s = calloc(1, sizeof *s);

        if (!s)
                return -ENOMEM;
        *s = (struct spool){.digest = EVP_MD_CTX_new(), .memory = BUF_INIT(IN_MEMORY), .fd = -1, .max = max};
        if (!s->digest || EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL) != 1) {
                spool_free(s);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

struct spool *spool_free(struct spool *s)
{
        if (!s)
                return NULL;
        EVP_MD_CTX_free(s->digest);
        buf_deinit(&s->memory);
        if (s->fd >= 0)
                close(s->fd);
        free(s);
        return NULL;
}

// Some file systems know no files without a name; then it has one for a moment.
static int open_file(void)
{
        const char *dir = secure_getenv("TMPDIR");
        char path[4096];
        int fd;

        if (!dir || dir[0] != '/')
                dir = "/var/tmp";
        fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
                return fd >= 0 ? fd : -errno;
        if (snprintf(path, sizeof path, "%s/valetkey-XXXXXX", dir) >= (int)sizeof path)
                return -ENAMETOOLONG;
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (unlink(path) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        return fd;
}

static int write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t k = write(fd, p, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                p += k;
                n -= (size_t)k;
        }
        return 0;
}

static int move_to_file(struct spool *s)
{
        int r;

        s->fd = open_file();
        if (s->fd < 0) {
                r = s->fd;
                s->fd = -1;
                return r;
        }
        r = write_all(s->fd, buf_str(&s->memory), s->memory.n);
        buf_deinit(&s->memory);
        return r;
}

int spool_add(struct spool *s, const void *p, size_t n)
{
        int r = 0;

        if (n > s->max - s->n)
                return -EFBIG;
        if (n && EVP_DigestUpdate(s->digest, p, n) != 1)
                return -EIO;
        if (s->fd < 0 && s->n + n > IN_MEMORY)
                r = move_to_file(s);
        if (r == 0)
                r = s->fd >= 0 ? write_all(s->fd, p, n) : buf_append(&s->memory, p, n);
        if (r == 0)
                s->n += n;
        return r;
}

int spool_end(struct spool *s, char ret_sha256[65])
{
        unsigned char raw[32];
        unsigned n = 0;

        if (EVP_DigestFinal_ex(s->digest, raw, &n) != 1 || n != sizeof raw)
                return -EIO;
        for (size_t i = 0; i < sizeof raw; i++)
                snprintf(ret_sha256 + 2 * i, 3, "%02x", raw[i]);
        return 0;
}

uint64_t spool_size(const struct spool *s)
{
        return s->n;
}

ssize_t spool_read(struct spool *s, char *p, size_t n)
{
        ssize_t k;

        if (n > s->n - s->at)
                n = (size_t)(s->n - s->at);
        if (n == 0)
                return 0;
        if (s->fd < 0) {
                memcpy(p, s->memory.p + s->at, n);
                k = (ssize_t)n;
        } else {
                do
                        k = pread(s->fd, p, n, (off_t)s->at);
                while (k < 0 && errno == EINTR);
                if (k <= 0)
                        return k < 0 ? -errno : -EIO; // somebody cut the file
        }
        s->at += (uint64_t)k;
        return k;
}

void spool_rewind(struct spool *s)
{
        s->at = 0;
}
