// SPDX-License-Identifier: Apache-2.0
//
// The writer of the user table: take the lock, change entries in memory, commit. A commit writes a whole new
// file beside the old one and renames it into place, so a reader sees the table of before or of after and a
// power cut leaves one of the two. Used by valetkeyd only; never linked into a module.
#pragma once

#include "table.h"

struct table_edit;

// Locks and loads. A missing file is an empty table; a corrupt or unsafe one is refused, not overwritten.
// Waits at most wait_ms for the lock (TABLE_E_BUSY). 0, TABLE_E_*, -errno.
int table_edit_begin(struct table_edit **ret, const char *path, enum table_kind kind, const uid_t *owners,
        size_t n_owners, int wait_ms);
int table_edit_get(const struct table_edit *e, const char *name, struct table_user *ret); // TABLE_E_NOT_FOUND
int table_edit_get_uid(const struct table_edit *e, uint32_t uid, struct table_user *ret); // TABLE_E_NOT_FOUND
int table_edit_add(struct table_edit *e, const struct table_user *u);                     // TABLE_E_INVALID
int table_edit_replace(struct table_edit *e, const struct table_user *u); // the entry of that name
int table_edit_remove(struct table_edit *e, const char *name);
// The longest age of a sign-in, which the account phase reads here: modules read no configuration.
int64_t table_edit_max_offline_age(const struct table_edit *e);
void table_edit_set_max_offline_age(struct table_edit *e, int64_t s);

// Groups, of a TABLE_FEDERATED table. Their ids are in the range that users' are in, and none has the name or the id of a
// user, who has a group of his own already: TABLE_E_DUPLICATE at the commit.
//
// Defines the group gid, or gives it another name and leaves its members. TABLE_E_INVALID, -errno.
int table_edit_set_group(struct table_edit *e, const char *name, uint32_t gid);
int table_edit_remove_group(
        struct table_edit *e, uint32_t gid); // and everybody's membership in it; TABLE_E_NOT_FOUND
// Walks the groups: *cursor starts at 0; *ret_name is borrowed until the next change; TABLE_E_NOT_FOUND after the last.
int table_edit_next_group(
        const struct table_edit *e, size_t *cursor, const char **ret_name, uint32_t *ret_gid);
// The groups the user is in from now on, instead of those he was in; none for n_gids 0. TABLE_E_NOT_FOUND: no such user;
// TABLE_E_INVALID: a group that is not defined, or more than TABLE_GROUPS_OF_USER_MAX; -errno.
int table_edit_set_groups_of(struct table_edit *e, const char *user, const uint32_t *gids, size_t n_gids);
int table_edit_get_groups_of(const struct table_edit *e, const char *user, struct table_membership *ret);

// Who may sign in without being in the table yet. TABLE_E_INVALID: not a pattern (table_pattern_is_valid()).
int table_edit_set_newcomers(struct table_edit *e, const struct table_newcomers *x);
void table_edit_get_newcomers(const struct table_edit *e, struct table_newcomers *ret);

size_t table_edit_count(const struct table_edit *e);
// Durable when it returns 0. Where a name service would now answer otherwise than before, the folder PATH.changed, if
// there is one, has a file. TABLE_E_DUPLICATE, -errno: the old table stands untouched.
int table_edit_commit(struct table_edit *e);
struct table_edit *table_edit_free(struct table_edit *e); // unlocks; NULL is legal
