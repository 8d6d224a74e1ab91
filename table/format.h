// SPDX-License-Identifier: Apache-2.0
//
// The layout of the user table's file, shared by its reader and its writer. All numbers are little-endian.
//
//   header    magic "VKEYUSER", version, header length, kind, number of sections, file length, serial, number
//   of
//             users, hash seed, longest age of a sign-in; one entry {id, n, offset, length} per section; CRC-32 of all that
//   section 1 user records, one after the other: length, CRC-32 of the rest, numbers, strings; with the flag
//             TABLE_USER_REFUSED the time of that, which a reader that does not know the flag refuses whole
//   section 2 index by name: n buckets {CRC-32, number of slots, offset}, then the slots {hash, record
//   offset} section 3 index by uid: the same
//
// A bucket's CRC covers its own number and its slots, so a bucket that is damaged or in another's place reads
// as corrupt and never as "no such user". A reader skips sections it does not know (groups will be one); a
// change that old readers must not misread raises the version. The checksums guard against accidents; against
// people the file's owner and mode do.
#pragma once

#include "table.h"

#include <stdbool.h>

#define TABLE_MAGIC        "VKEYUSER"
#define TABLE_VERSION      1u
#define TABLE_SECTIONS_MAX 16u
#define TABLE_HEADER_FIXED 56u
#define TABLE_SECTION_SIZE 24u
#define TABLE_HEADER_MIN   (TABLE_HEADER_FIXED + 2 * TABLE_SECTION_SIZE + 4)
#define TABLE_HEADER_MAX   (TABLE_HEADER_FIXED + TABLE_SECTIONS_MAX * TABLE_SECTION_SIZE + 4)
#define TABLE_BUCKET_SIZE  16u
#define TABLE_SLOT_SIZE    12u
#define TABLE_SLOTS_MAX    64u // of one bucket; the writer chooses a seed that keeps to it
#define TABLE_USERS_MAX    (1u << 20)
#define TABLE_FILE_MAX     (1ull << 30)
#define TABLE_RECORD_MIN   48u
#define TABLE_RECORD_MAX   2048u

enum table_section_id {
        TABLE_SECTION_USERS = 1,
        TABLE_SECTION_BY_NAME = 2,
        TABLE_SECTION_BY_UID = 3,
};

void table_put16(uint8_t *p, uint32_t v);
void table_put32(uint8_t *p, uint32_t v);
void table_put64(uint8_t *p, uint64_t v);
uint32_t table_get16(const uint8_t *p);
uint32_t table_get32(const uint8_t *p);
uint64_t table_get64(const uint8_t *p);

// Continues a CRC-32 (IEEE 802.3) from c; start with 0.
uint32_t table_crc(uint32_t c, const void *p, size_t n);
uint32_t table_hash(uint32_t seed, const void *p, size_t n);
uint32_t table_hash_uid(uint32_t seed, uint32_t uid);
// The checksum of bucket number i with these slots.
uint32_t table_bucket_crc(uint32_t i, uint32_t n, uint64_t off, const uint8_t *slots);

// Header: into room for TABLE_HEADER_MAX bytes; returns its length. Decoding verifies everything in it,
// against the file's length too.
size_t table_header_encode(uint8_t *p, const struct table *t, uint64_t file_len);
bool table_header_decode(struct table *ret, const uint8_t *p, size_t n, uint64_t file_len);

// Record: into room for TABLE_RECORD_MAX bytes; returns its length, 0 when table_user_check() objects.
size_t table_record_encode(uint8_t *p, const struct table_user *u, enum table_kind kind);
// Exactly one record of n bytes; false unless checksum, bounds and table_user_check() agree.
bool table_record_decode(struct table_user *ret, const uint8_t *p, size_t n, enum table_kind kind);

// Opens the table in a descriptor (taken on success) without asking whose file it is.
int table_attach(struct table *t, int fd, enum table_kind kind);
