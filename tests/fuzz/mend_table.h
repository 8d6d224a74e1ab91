// SPDX-License-Identifier: Apache-2.0
//
// Puts every checksum of a user table right, however wrong the rest may be: so that what stands behind the checksums is
// reached by a fuzzer that knows nothing of them.
#pragma once

#include "format.h"

#include <string.h>

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

// Records begin with their length and a CRC-32, of a group's head or of the rest.
static void mend_records(uint8_t *p, size_t n, const uint8_t *section, bool groups)
{
        uint64_t at = table_get64(section + 8);

        while (at < n && n - at >= TABLE_MEMBERSHIP_FIXED) {
                uint32_t len = table_get32(p + at), covered = len;

                if (len < TABLE_MEMBERSHIP_FIXED || len > n - at)
                        return;
                if (groups) {
                        if (len < TABLE_GROUP_FIXED)
                                return;
                        covered = TABLE_GROUP_FIXED + table_get16(p + at + 24);
                        if (covered > len)
                                return;
                        table_put32(p + at + 20, table_crc(0, p + at + covered, len - covered));
                }
                table_put32(p + at + 4, table_crc(table_crc(0, p + at, 4), p + at + 8, covered - 8));
                at += len;
        }
}

static void mend_newcomers(uint8_t *p, size_t n, const uint8_t *section)
{
        uint64_t at = table_get64(section + 8), len = table_get64(section + 16);

        if (at <= n && len <= n - at && len >= 4)
                table_put32(p + at, table_crc(0, p + at + 4, len - 4));
}

static void mend_section(uint8_t *p, size_t n, const uint8_t *section)
{
        switch (table_get32(section)) {
        case TABLE_SECTION_USERS:
        case TABLE_SECTION_MEMBERSHIPS:
                mend_records(p, n, section, false);
                break;
        case TABLE_SECTION_GROUPS:
                mend_records(p, n, section, true);
                break;
        case TABLE_SECTION_NEWCOMERS:
                mend_newcomers(p, n, section);
                break;
        default:
                mend_index(p, n, section);
        }
}

static void mend_table(uint8_t *p, size_t n)
{
        uint32_t len, sections;

        if (n < TABLE_HEADER_MIN)
                return;
        table_put64(p + 24, n);
        len = table_get32(p + 12);
        sections = table_get32(p + 20);
        for (uint32_t i = 0; i < sections && i < TABLE_SECTIONS_MAX; i++) {
                uint8_t section[TABLE_SECTION_SIZE];
                size_t at = TABLE_HEADER_FIXED + i * TABLE_SECTION_SIZE;

                if (at + TABLE_SECTION_SIZE > n)
                        break;
                memcpy(section, p + at, sizeof section);
                mend_section(p, n, section);
        }
        if (len >= 4 && len <= n)
                table_put32(p + len - 4, table_crc(0, p, len - 4));
}
