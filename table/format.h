// SPDX-License-Identifier: Apache-2.0
//
// The layout of the user table's file, shared by its reader and its writer. All numbers are little-endian.
//
//   header      magic "VKEYUSER", version, header length, kind, number of sections, file length, serial,
//               number of users, hash seed, longest age of a sign-in; one entry {id, n, offset, length} per
//               section; CRC-32 of all that
//   section 1   user records, one after the other: length, CRC-32 of the rest, numbers, strings; with
//               the flag TABLE_USER_REFUSED the time of that, which a reader that does not know the flag refuses whole
//   section 2   index of them by name: n buckets {CRC-32, number of slots, offset}, then the slots
//               {hash, record offset}
//   section 3   by uid: the same
//
// A TABLE_FEDERATED table that has groups (all five sections, or none):
//
//   section 4   group records: length, CRC-32 of the head, gid, number of members, their bytes' length and CRC-32,
//               the name's length, the name (to here the head); the members' names, ascending, a NUL after each
//   section 5   index of them by name; section 6 by gid
//   section 7   memberships, one record for each user who is in a group, in the order of the users: length,
//               CRC-32 of the rest, uid, gids ascending
//   section 8   index of them by uid
//
// Who is in which group is written twice, once for each question that is asked; the writer makes both from one.
//
//   section 9   patterns of newcomers' names: CRC-32 of the rest; n patterns, each {length, bytes}
//
// A bucket's CRC covers its own number and its slots, so a bucket that is damaged or in another's place reads
// as corrupt and never as "no such user". A reader skips sections it does not know, so sections 4 to 9 left the
// version as it was: a reader of before finds the same users. A change that old readers must not misread
// raises the version. The checksums guard against accidents; against people the file's owner and mode do.
#pragma once

#include "table.h"

#include <stdbool.h>

#define TABLE_MAGIC             "VKEYUSER"
#define TABLE_VERSION           1u
#define TABLE_SECTIONS_MAX      16u
#define TABLE_HEADER_FIXED      56u
#define TABLE_SECTION_SIZE      24u
#define TABLE_HEADER_MIN        (TABLE_HEADER_FIXED + 2 * TABLE_SECTION_SIZE + 4)
#define TABLE_HEADER_MAX        (TABLE_HEADER_FIXED + TABLE_SECTIONS_MAX * TABLE_SECTION_SIZE + 4)
#define TABLE_BUCKET_SIZE       16u
#define TABLE_SLOT_SIZE         12u
#define TABLE_SLOTS_MAX         64u // of one bucket; the writer chooses a seed that keeps to it
#define TABLE_USERS_MAX         (1u << 20)
#define TABLE_FILE_MAX          (1ull << 30)
#define TABLE_RECORD_MIN        48u
#define TABLE_RECORD_MAX        2048u
#define TABLE_GROUPS_MAX        (1u << 16)
#define TABLE_GROUP_FIXED       26u
#define TABLE_GROUP_HEAD_MAX    (TABLE_GROUP_FIXED + 64u)
#define TABLE_MEMBERSHIP_FIXED  12u
#define TABLE_MEMBERSHIP_MAX    (TABLE_MEMBERSHIP_FIXED + 4 * TABLE_GROUPS_OF_USER_MAX)
#define TABLE_NEWCOMERS_LEN_MAX (4 + TABLE_NEWCOMERS_MAX * (1 + TABLE_PATTERN_MAX))

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

bool table_id_is_ours(uint32_t id);

// The same of groups (head only, at most TABLE_GROUP_HEAD_MAX bytes; the members' names follow), memberships and patterns:
// an encoder returns 0 for what it objects to. A decoder is given what there is from the record's start on, and says how
// much of it the record takes: of a group more than it was given, with the members.
size_t table_group_encode(uint8_t *p, const struct table_group *g);
bool table_group_decode(struct table_group *ret, const uint8_t *p, size_t n, uint64_t *ret_len);
size_t table_membership_encode(uint8_t *p, const struct table_membership *m);
bool table_membership_decode(struct table_membership *ret, const uint8_t *p, size_t n, uint64_t *ret_len);
size_t table_newcomers_encode(uint8_t *p, const struct table_newcomers *x);
bool table_newcomers_decode(struct table_newcomers *ret, const uint8_t *p, size_t len, uint32_t n);

// 0; TABLE_E_CORRUPT when the file ends early; -errno.
int table_read_at(int fd, void *dst, size_t n, uint64_t off);
// The offsets that an index has for that hash: usually none or one.
int table_probe(const struct table *t, const struct table_section *index, uint32_t hash,
        uint64_t ret[TABLE_SLOTS_MAX], uint32_t *ret_n);

// Opens the table in a descriptor (taken on success) without asking whose file it is.
int table_attach(struct table *t, int fd, enum table_kind kind);
