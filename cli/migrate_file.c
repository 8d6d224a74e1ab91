// SPDX-License-Identifier: Apache-2.0
//
// The line at the end has one length, and so the bytes before it are known without looking into them.
#include "migrate_file.h"

#include "awsconf.h"
#include "fdio.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>

#define SUFFIX ".before-valetkey"
#define MARK   "\n# valetkey migrate wrote sha256 "
#define HEX    64u
#define MARK_N (sizeof MARK - 1 + HEX + 1)

static int mark_of(char dst[MARK_N + 1], const char *text, size_t n)
{
        unsigned char digest[32];
        unsigned len = sizeof digest;
        size_t at = sizeof MARK - 1;

        if (EVP_Digest(text, n, digest, &len, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        memcpy(dst, MARK, at);
        for (unsigned i = 0; i < len; i++, at += 2)
                snprintf(dst + at, 3, "%02x", digest[i]);
        dst[at++] = '\n';
        dst[at] = 0;
        return 0;
}

char *migrate_kept_path(const struct aws_file *f)
{
        char *path = NULL;

        return asprintf(&path, "%s" SUFFIX, f->real) < 0 ? NULL : path;
}

enum outcome migrate_keep(const struct aws_file *f, const char *text, size_t n, struct err *err)
{
        cleanup_free char *path = migrate_kept_path(f);
        char mark[MARK_N + 1];
        cleanup_fd int fd = -1;
        int r;

        if (!path || mark_of(mark, text, n) < 0)
                return OUTCOME_INTERNAL;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0) {
                err_set(err,
                        errno == EEXIST ? "%s is there already: go back with --undo, or remove it" : "%s: %s",
                        path, strerror(errno));
                return OUTCOME_MISCONFIGURED;
        }
        r = fdio_write(fd, f->text, f->n);
        if (r == 0)
                r = fdio_write(fd, mark, MARK_N);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (r == 0)
                return OUTCOME_OK;
        unlink(path);
        err_set(err, "%s: %s", path, strerror(-r));
        return OUTCOME_MISCONFIGURED;
}

static enum outcome read_kept(struct buf *out, const char *path, struct err *err)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat st;
        char block[4096];
        ssize_t n = 1;

        if (fd < 0 && errno == ENOENT) {
                err_set(err, "%s is not there: nothing was migrated", path);
                return OUTCOME_MISCONFIGURED;
        }
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                err_set(err, "%s: %s", path, fd < 0 ? strerror(errno) : "it is no regular file");
                return OUTCOME_MISCONFIGURED;
        }
        while (n > 0 && (n = read(fd, block, sizeof block)) > 0)
                if (buf_append(out, block, (size_t)n) < 0)
                        break;
        if (n == 0 && out->n >= MARK_N && memcmp(out->p + out->n - MARK_N, MARK, sizeof MARK - 1) == 0)
                return OUTCOME_OK;
        err_set(err, "%s is not as valetkey migrate writes it", path);
        return OUTCOME_MISCONFIGURED;
}

enum outcome migrate_undo(struct aws_file *f, struct err *err)
{
        cleanup_buf struct buf kept = BUF_INIT(AWSCONF_SIZE_MAX + 2 * MARK_N);
        cleanup_free char *path = migrate_kept_path(f);
        char mark[MARK_N + 1];
        enum outcome o;

        if (!path || mark_of(mark, f->text ? f->text : "", f->n) < 0)
                return OUTCOME_INTERNAL;
        o = read_kept(&kept, path, err);
        if (o != OUTCOME_OK)
                return o;
        if (memcmp(kept.p + kept.n - MARK_N, mark, MARK_N) != 0) {
                err_set(err, "%s has been changed since; what it was before is in %s", f->path, path);
                return OUTCOME_MISCONFIGURED;
        }
        o = aws_file_replace(f, kept.p, kept.n - MARK_N, err);
        if (o == OUTCOME_OK)
                unlink(path);
        return o;
}
