// SPDX-License-Identifier: Apache-2.0
//
// The table while it is being changed, shared by the files that change and write it.
#pragma once

#include "write.h"

#include "format.h"
#include "write_index.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

struct entry {
        const uint8_t *rec;
        uint32_t len;
        bool owned;
        uint32_t n_gids; // of the groups he is in
        uint32_t *gids;  // ascending; NULL
};

struct edit_group {
        char name[sizeof((struct table_group *)NULL)->name];
        uint32_t gid;
};

struct table_edit {
        enum table_kind kind;
        char base[NAME_MAX + 1];
        struct stat dir_st;
        int dir_fd, lock_fd;
        uint64_t serial;
        int64_t max_offline_age_s;
        uint8_t *blob;
        struct entry *e;
        size_t n, cap;
        struct edit_group *groups; // in the order of their gids
        size_t n_groups;
        struct table_newcomers newcomers;
        bool told; // what name services tell has changed: more than times and locks
};

struct view {
        const uint8_t *p;
        size_t n;
};
int view_cmp(struct view a, struct view b);
// Of a record that has been verified.
struct view entry_name(const struct entry *e);
uint32_t entry_uid(const struct entry *e);
struct entry *edit_find(const struct table_edit *e, const char *name); // NULL

// ---- write_groups.c

size_t edit_group_place(const struct table_edit *e, uint32_t gid); // the index it has, or would have

// Groups, memberships and patterns of the old table, after its users. 0, TABLE_E_CORRUPT, -errno.
int groups_load(struct table_edit *e, const struct table *t);
// TABLE_E_DUPLICATE where a group would have the name or the id of another or of a user.
int groups_check(const struct table_edit *e);

// The sections as they will be written. Nothing at all for a table without groups.
struct group_sections {
        size_t n_groups, n_members;
        struct blob {
                uint8_t *p;
                size_t n;
        } groups, memberships, newcomers;
        uint64_t *group_at, *member_at; // offset of each record in its blob
        uint32_t *uid;                  // whose each membership is
        struct index by_name, by_gid, by_member;
        const struct table_edit *edit;
};
int group_sections_new(
        struct group_sections *s, const struct table_edit *e); // 0, -errno; deinit in either case
void group_sections_deinit(struct group_sections *s);
bool group_sections_fill(struct group_sections *s, uint32_t seed); // as index_fill()
// Puts them into t's header from byte `at` on; returns where they end.
uint64_t group_sections_place(const struct group_sections *s, struct table *t, uint64_t at);
void group_sections_write(struct group_sections *s, const struct table *t, FILE *f);
