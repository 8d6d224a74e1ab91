// SPDX-License-Identifier: Apache-2.0
//
// The user table: who is one of ours. One file, written by root or valetkeyd and replaced whole by rename;
// read inside other people's processes (PAM, NSS) with libc alone, without locks, memory of its own or
// anybody's answer. A lookup opens, reads a header, one bucket and one record, and verifies exactly what it
// touches: a hundred thousand users are as quick as a hundred. The layout stands in table/format.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The ids a federated user can have. Compiled in, held at the encoder and at the decoder: whatever a file
// says, no reader ever hears of a system user, of uid 0 or of -1 from it. Groups' ids are of the same range.
#define TABLE_UID_MIN  1879048192u
#define TABLE_UID_MAX  2147483646u
#define TABLE_UID_NONE UINT32_MAX

#define TABLE_GROUPS_OF_USER_MAX 256u // beside his own
#define TABLE_NEWCOMERS_MAX      16u  // patterns…
#define TABLE_PATTERN_MAX        64u  // …of so many bytes, with the NUL

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

// A group beside the users' own: each user has one of his name, with his uid as its gid, which is written nowhere.
struct table_group {
        char name[65];
        uint32_t gid;
        uint32_t n_members, members_len; // how many names, and their bytes with a NUL after each
        uint32_t members_crc;
        uint64_t members_off;
};

// Which groups somebody is in, beside his own.
struct table_membership {
        uint32_t uid;
        size_t n_gids;
        uint32_t gids[TABLE_GROUPS_OF_USER_MAX]; // ascending
};

// What names somebody may have who is not in the table yet and may sign in all the same.
struct table_newcomers {
        size_t n;
        char pattern[TABLE_NEWCOMERS_MAX][TABLE_PATTERN_MAX];
};

struct table_section {
        uint32_t n; // entries
        uint64_t off, len;
};

// Of the file, as table/format.h describes them.
enum table_section_id {
        TABLE_SECTION_USERS = 1,
        TABLE_SECTION_BY_NAME = 2,
        TABLE_SECTION_BY_UID = 3,
        TABLE_SECTION_GROUPS = 4,
        TABLE_SECTION_BY_GROUP_NAME = 5,
        TABLE_SECTION_BY_GID = 6,
        TABLE_SECTION_MEMBERSHIPS = 7,
        TABLE_SECTION_BY_MEMBER = 8,
        TABLE_SECTION_NEWCOMERS = 9,
        TABLE_SECTIONS,
};

struct table {
        int fd;
        uid_t owner; // of the file
        enum table_kind kind;
        uint32_t n_users, seed;
        uint64_t serial;           // grows with every write
        int64_t max_offline_age_s; // longest time since the last success, for every user in it; 0: no limit
        struct table_section section[TABLE_SECTIONS]; // by its id; those that are not there are empty
};
#define TABLE_INIT                                                                                           \
        {                                                                                                    \
                .fd = -1                                                                                     \
        }

// Opens and verifies the header. The file must be regular, owned by one of the owners and writable by nobody
// else. 0, TABLE_E_MISSING, TABLE_E_UNSAFE, TABLE_E_CORRUPT (also: of the other kind), -errno. t is
// TABLE_INIT afterwards unless 0.
int table_open(struct table *t, const char *path, enum table_kind kind, const uid_t *owners, size_t n_owners);
// The same, but whoever owns the file: for who finds out only later whose it may be, and believes nothing before.
int table_open_unowned(struct table *t, const char *path, enum table_kind kind);
void table_close(struct table *t); // legal on TABLE_INIT and twice

// 0 and *ret filled; TABLE_E_NOT_FOUND, TABLE_E_CORRUPT, -errno leave *ret alone.
int table_find_name(const struct table *t, const char *name, struct table_user *ret);
int table_find_uid(const struct table *t, uint32_t uid, struct table_user *ret);
// Walks all users: *cursor starts at 0; TABLE_E_NOT_FOUND after the last.
int table_next(const struct table *t, uint64_t *cursor, struct table_user *ret);

// As table_find_name(), of the groups.
int table_find_group(const struct table *t, const char *name, struct table_group *ret);
int table_find_gid(const struct table *t, uint32_t gid, struct table_group *ret);
// The members' names of a group that was found, in ascending order, each ended by a NUL: into room for members_len bytes,
// and pointers to them into room for n_members. 0, TABLE_E_CORRUPT, -errno; what is in the rooms then means nothing.
int table_group_members(const struct table *t, const struct table_group *g, char *names, char **ret);
// TABLE_E_NOT_FOUND for a user who is in no group, and for nobody's uid.
int table_groups_of(const struct table *t, uint32_t uid, struct table_membership *ret);

// 0 (also for a table without patterns), TABLE_E_CORRUPT, -errno.
int table_newcomers(const struct table *t, struct table_newcomers *ret);
// Is that name one that somebody may sign in with who is not in the table yet?
bool table_admits(const struct table_newcomers *x, const char *name);
// "PREFIX*" or "*SUFFIX": at least two characters, all of which a user name may have there.
bool table_pattern_is_valid(const char *pattern);
bool table_pattern_matches(const char *pattern, const char *name);
