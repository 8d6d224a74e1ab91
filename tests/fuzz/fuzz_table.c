// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a user table, once as they are and once with every checksum put right, so that the checks
// behind the checksums are reached too. Whatever is answered must be a user that the decoder's own rules
// allow.
#include "format.h"
#include "util.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
        if (!good)
                abort();
}

static void look(const uint8_t *p, size_t n, enum table_kind kind)
{
        static const char *const names[] = {"alice", "bob", "", "a-name-that-is-as-long-as-names-can-be"};
        int fd = memfd_create("table", MFD_CLOEXEC);
        struct table_user u;
        struct table t;
        uint64_t cursor = 0;

        expect(fd >= 0 && write(fd, p, n) == (ssize_t)n);
        if (table_attach(&t, fd, kind) == 0) {
                for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                        if (table_find_name(&t, names[i], &u) == 0)
                                expect(!table_user_check(&u, kind) && strcmp(u.name, names[i]) == 0);
                for (uint32_t i = 0; i < 4; i++)
                        if (table_find_uid(&t, TABLE_UID_MIN + i, &u) == 0)
                                expect(u.uid == TABLE_UID_MIN + i && u.gid >= TABLE_UID_MIN);
                for (unsigned i = 0; i < 1000 && table_next(&t, &cursor, &u) == 0; i++)
                        expect(!table_user_check(&u, kind));
        }
        close(fd);
}

static void mend_index(uint8_t *p, size_t n, const uint8_t *section)
{
        uint64_t off = table_get64(section + 8);

        for (uint32_t i = 0; i < table_get32(section + 4) && i < 64; i++) {
                uint64_t at = off + (uint64_t)i * TABLE_BUCKET_SIZE, slots;
                uint32_t k;

                if (off > n || at > n || n - at < TABLE_BUCKET_SIZE)
                        return;
                k = table_get32(p + at + 4);
                slots = table_get64(p + at + 8);
                if (slots <= n && k <= TABLE_SLOTS_MAX && (uint64_t)k * TABLE_SLOT_SIZE <= n - slots)
                        table_put32(p + at, table_bucket_crc(i, k, slots, p + slots));
        }
}

static void mend(uint8_t *p, size_t n)
{
        uint32_t len, sections;
        uint64_t at;

        if (n < TABLE_HEADER_MIN)
                return;
        table_put64(p + 24, n);
        len = table_get32(p + 12);
        sections = table_get32(p + 20);
        for (uint32_t i = 0; i < sections && i < TABLE_SECTIONS_MAX; i++) {
                const uint8_t *s = p + TABLE_HEADER_FIXED + i * TABLE_SECTION_SIZE;

                if (s + TABLE_SECTION_SIZE > p + n)
                        break;
                if (i > 0) {
                        mend_index(p, n, s);
                        continue;
                }
                at = table_get64(s + 8);
                while (at < n && n - at >= TABLE_RECORD_MIN) {
                        uint32_t k = table_get32(p + at);

                        if (k < TABLE_RECORD_MIN || k > n - at)
                                break;
                        table_put32(p + at + 4, table_crc(table_crc(0, p + at, 4), p + at + 8, k - 8));
                        at += k;
                }
        }
        if (len >= 4 && len <= n)
                table_put32(p + len - 4, table_crc(0, p, len - 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *p = calloc(1, size + 1);

        expect(p != NULL);
        if (size)
                memcpy(p, data, size);
        look(p, size, TABLE_FEDERATED);
        look(p, size, TABLE_LOCAL);
        mend(p, size);
        look(p, size, TABLE_FEDERATED);
        look(p, size, TABLE_LOCAL);
        free(p);
        return 0;
}
