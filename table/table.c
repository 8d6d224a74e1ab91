// SPDX-License-Identifier: Apache-2.0
//
// The reader. It copies the few bytes it needs with pread() instead of mapping the file: a file that shrinks
// under a mapping kills the process that looks (and that process is sshd), and bytes that change between the
// check and the use are checked for nothing. Five reads of some hundred bytes cost no more than a mapping
// with its faults.
#include "format.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *table_result_text(int r)
{
        switch (r) {
        case 0:
                return "done";
        case TABLE_E_NOT_FOUND:
                return "no such user in the table";
        case TABLE_E_MISSING:
                return "there is no user table";
        case TABLE_E_UNSAFE:
                return "the user table is not a regular file of the right owner that nobody else may write";
        case TABLE_E_CORRUPT:
                return "the user table is corrupt";
        case TABLE_E_DUPLICATE:
                return "name, uid or subject is in the table already";
        case TABLE_E_INVALID:
                return "the entry is not valid";
        case TABLE_E_BUSY:
                return "the user table is being changed by somebody else";
        default:
                return r < 0 ? strerrordesc_np(-r) : "unknown result";
        }
}

int table_read_at(int fd, void *dst, size_t n, uint64_t off)
{
        uint8_t *p = dst;

        while (n > 0) {
                ssize_t k = pread(fd, p, n, (off_t)off);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        return TABLE_E_CORRUPT;
                p += k;
                n -= (size_t)k;
                off += (uint64_t)k;
        }
        return 0;
}

// A regular file that nobody but its owner may write.
static int open_file(const char *path, int *ret_fd, struct stat *ret_st)
{
        int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), high;

        if (fd < 0)
                return errno == ENOENT || errno == ENOTDIR ? TABLE_E_MISSING
                       : errno == ELOOP                    ? TABLE_E_UNSAFE
                                                           : -errno;
        if (fd < 3) {
                // The host has closed its standard streams; do not stand in for one of them.
                high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (high < 0) {
                        int r = -errno;

                        close(fd);
                        return r;
                }
                close(fd);
                fd = high;
        }
        if (fstat(fd, ret_st) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        if (!S_ISREG(ret_st->st_mode) || (ret_st->st_mode & (S_IWGRP | S_IWOTH))) {
                close(fd);
                return TABLE_E_UNSAFE;
        }
        *ret_fd = fd;
        return 0;
}

static int attach(struct table *t, int fd, const struct stat *st, enum table_kind kind)
{
        uint8_t header[TABLE_HEADER_MAX];
        size_t n;
        int r;

        if (st->st_size < (off_t)TABLE_HEADER_MIN || (uint64_t)st->st_size > TABLE_FILE_MAX)
                return TABLE_E_CORRUPT;
        n = st->st_size < (off_t)sizeof header ? (size_t)st->st_size : sizeof header;
        r = table_read_at(fd, header, n, 0);
        if (r != 0)
                return r;
        if (!table_header_decode(t, header, n, (uint64_t)st->st_size) || t->kind != kind) {
                *t = (struct table)TABLE_INIT;
                return TABLE_E_CORRUPT;
        }
        t->fd = fd;
        t->owner = st->st_uid;
        return 0;
}

int table_attach(struct table *t, int fd, enum table_kind kind)
{
        struct stat st;

        *t = (struct table)TABLE_INIT;
        return fstat(fd, &st) < 0 ? -errno : attach(t, fd, &st, kind);
}

int table_open(struct table *t, const char *path, enum table_kind kind, const uid_t *owners, size_t n_owners)
{
        bool owned = false;
        struct stat st = {0};
        int fd = -1, r;

        *t = (struct table)TABLE_INIT;
        r = open_file(path, &fd, &st);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n_owners; i++)
                owned |= st.st_uid == owners[i];
        r = owned ? attach(t, fd, &st, kind) : TABLE_E_UNSAFE;
        if (r != 0)
                close(fd);
        return r;
}

int table_open_unowned(struct table *t, const char *path, enum table_kind kind)
{
        struct stat st = {0};
        int fd = -1, r;

        *t = (struct table)TABLE_INIT;
        r = open_file(path, &fd, &st);
        if (r != 0)
                return r;
        r = attach(t, fd, &st, kind);
        if (r != 0)
                close(fd);
        return r;
}

void table_close(struct table *t)
{
        if (t->fd >= 0)
                close(t->fd);
        *t = (struct table)TABLE_INIT;
}

// Reads the record at off, wherever off came from. *ret_len is its length.
static int read_record(const struct table *t, uint64_t off, struct table_user *ret, uint32_t *ret_len)
{
        const struct table_section *users = &t->section[TABLE_SECTION_USERS];
        uint8_t p[TABLE_RECORD_MAX];
        uint64_t end = users->off + users->len;
        uint32_t len;
        size_t n;
        int r;

        if (off < users->off || off > end || end - off < TABLE_RECORD_MIN)
                return TABLE_E_CORRUPT;
        // One read takes the whole of a record of the usual length.
        n = end - off < 512 ? (size_t)(end - off) : 512;
        r = table_read_at(t->fd, p, n, off);
        if (r != 0)
                return r;
        len = table_get32(p);
        if (len < TABLE_RECORD_MIN || len > TABLE_RECORD_MAX || len > end - off)
                return TABLE_E_CORRUPT;
        if (len > n) {
                r = table_read_at(t->fd, p + n, len - n, off + n);
                if (r != 0)
                        return r;
        }
        if (!table_record_decode(ret, p, len, t->kind))
                return TABLE_E_CORRUPT;
        *ret_len = len;
        return 0;
}

// Reads bucket number i of an index and its slots, verified.
static int read_bucket(
        const struct table *t, const struct table_section *s, uint32_t i, uint8_t *slots, uint32_t *ret_n)
{
        uint8_t b[TABLE_BUCKET_SIZE];
        uint64_t off, first = s->off + (uint64_t)s->n * TABLE_BUCKET_SIZE, end = s->off + s->len;
        uint32_t n;
        int r = table_read_at(t->fd, b, sizeof b, s->off + (uint64_t)i * TABLE_BUCKET_SIZE);

        if (r != 0)
                return r;
        n = table_get32(b + 4);
        off = table_get64(b + 8);
        if (n > TABLE_SLOTS_MAX || off < first || off > end || end - off < (uint64_t)n * TABLE_SLOT_SIZE)
                return TABLE_E_CORRUPT;
        r = table_read_at(t->fd, slots, (size_t)n * TABLE_SLOT_SIZE, off);
        if (r != 0)
                return r;
        if (table_get32(b) != table_bucket_crc(i, n, off, slots))
                return TABLE_E_CORRUPT;
        *ret_n = n;
        return 0;
}

int table_probe(const struct table *t, const struct table_section *index, uint32_t hash,
        uint64_t ret[TABLE_SLOTS_MAX], uint32_t *ret_n)
{
        uint8_t slots[TABLE_SLOTS_MAX * TABLE_SLOT_SIZE];
        uint32_t n;
        int r;

        *ret_n = 0;
        if (index->n == 0)
                return 0; // a section that is not there
        r = read_bucket(t, index, hash & (index->n - 1), slots, &n);
        for (uint32_t i = 0; r == 0 && i < n; i++)
                if (table_get32(slots + i * TABLE_SLOT_SIZE) == hash)
                        ret[(*ret_n)++] = table_get64(slots + i * TABLE_SLOT_SIZE + 4);
        return r;
}

// Exactly one of name and uid is looked for.
static int find(const struct table *t, enum table_section_id index, uint32_t hash, const char *name,
        uint32_t uid, struct table_user *ret)
{
        uint64_t at[TABLE_SLOTS_MAX];
        struct table_user u;
        uint32_t n, len;
        int r = table_probe(t, &t->section[index], hash, at, &n);

        for (uint32_t i = 0; r == 0 && i < n; i++) {
                r = read_record(t, at[i], &u, &len);
                if (r == 0 && (name ? strcmp(u.name, name) == 0 : u.uid == uid)) {
                        *ret = u;
                        return 0;
                }
        }
        return r != 0 ? r : TABLE_E_NOT_FOUND;
}

int table_find_name(const struct table *t, const char *name, struct table_user *ret)
{
        return find(t, TABLE_SECTION_BY_NAME, table_hash(t->seed, name, strlen(name)), name, 0, ret);
}

int table_find_uid(const struct table *t, uint32_t uid, struct table_user *ret)
{
        if (!table_id_is_ours(uid))
                return TABLE_E_NOT_FOUND;
        return find(t, TABLE_SECTION_BY_UID, table_hash_uid(t->seed, uid), NULL, uid, ret);
}

int table_next(const struct table *t, uint64_t *cursor, struct table_user *ret)
{
        const struct table_section *users = &t->section[TABLE_SECTION_USERS];
        uint32_t len;
        int r;

        if (*cursor == users->len)
                return TABLE_E_NOT_FOUND;
        if (*cursor > users->len)
                return TABLE_E_CORRUPT;
        r = read_record(t, users->off + *cursor, ret, &len);
        if (r == 0)
                *cursor += len;
        return r;
}
