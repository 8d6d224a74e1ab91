// SPDX-License-Identifier: Apache-2.0
//
// The user table: who is one of ours. One file, written by root or valetkeyd and replaced whole by rename;
// read inside other people's processes (PAM, NSS) with libc alone, without locks, memory of its own or
// anybody's answer. A lookup opens, reads a header, one bucket and one record, and verifies exactly what it
// touches: a hundred thousand users are as quick as a hundred. The layout stands in table/format.h.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The ids a federated user can have. Compiled in, held at the encoder and at the decoder: whatever a file
// says, no reader ever hears of a system user, of uid 0 or of -1 from it.
#define TABLE_UID_MIN  1879048192u
#define TABLE_UID_MAX  2147483646u
#define TABLE_UID_NONE UINT32_MAX

enum table_kind {
        TABLE_FEDERATED = 1, // valetkeyd's: users with ids, who exist nowhere else
        TABLE_LOCAL = 2,     // root's: binds users of /etc/passwd to a subject; carries no ids
};

enum table_result {
        TABLE_E_NOT_FOUND = 1, // the table is sound and has no such user
        TABLE_E_MISSING,       // there is no file
        TABLE_E_UNSAFE,        // not a regular file, another owner, or others may write it
        TABLE_E_CORRUPT,       // what was looked at is not what was written
        TABLE_E_DUPLICATE,     // (writer) name, uid or (issuer, subject) would be there twice
        TABLE_E_INVALID,       // (writer) a value that no reader would accept
        TABLE_E_BUSY,          // (writer) somebody else holds the lock
};
const char *table_result_text(int r); // "the table is corrupt"; for a negative r, strerror's text

enum table_flags {
        TABLE_USER_LOCKED = 1 << 0,  // by the admin
        TABLE_USER_REFUSED = 1 << 1, // in the file only: refused_at_s is there
};
#define TABLE_FLAGS_KNOWN TABLE_USER_LOCKED

struct table_user {
        char name[65];
        uint32_t uid, gid;      // TABLE_UID_NONE in a TABLE_LOCAL table
        uint32_t flags;         // enum table_flags
        int64_t expires_at_s;   // 0: never
        int64_t last_success_s; // last successful sign-in or refresh; 0: none yet
        int64_t refused_at_s;   // since then the provider has not stood for this user; 0: it does
        char issuer[513];
        char subject[256];          // "": not bound yet (TABLE_FEDERATED only)
        char display[129];          // for the passwd entry's comment field
        char home[257], shell[129]; // absolute; "" only in TABLE_LOCAL
};

// Why this user cannot stand in a table of that kind, in words; NULL when it can. Encoder and decoder both
// ask.
const char *table_user_check(const struct table_user *u, enum table_kind kind);

struct table_section {
        uint32_t n; // entries
        uint64_t off, len;
};

struct table {
        int fd;
        enum table_kind kind;
        uint32_t n_users, seed;
        uint64_t serial;           // grows with every write
        int64_t max_offline_age_s; // longest time since the last success, for every user in it; 0: no limit
        struct table_section users, by_name, by_uid;
};
#define TABLE_INIT                                                                                           \
        {                                                                                                    \
                .fd = -1                                                                                     \
        }

// Opens and verifies the header. The file must be regular, owned by one of the owners and writable by nobody
// else. 0, TABLE_E_MISSING, TABLE_E_UNSAFE, TABLE_E_CORRUPT (also: of the other kind), -errno. t is
// TABLE_INIT afterwards unless 0.
int table_open(struct table *t, const char *path, enum table_kind kind, const uid_t *owners, size_t n_owners);
void table_close(struct table *t); // legal on TABLE_INIT and twice

// 0 and *ret filled; TABLE_E_NOT_FOUND, TABLE_E_CORRUPT, -errno leave *ret alone.
int table_find_name(const struct table *t, const char *name, struct table_user *ret);
int table_find_uid(const struct table *t, uint32_t uid, struct table_user *ret);
// Walks all users: *cursor starts at 0; TABLE_E_NOT_FOUND after the last.
int table_next(const struct table *t, uint64_t *cursor, struct table_user *ret);
