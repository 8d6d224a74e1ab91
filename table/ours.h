// SPDX-License-Identifier: Apache-2.0
//
// "Is this user ours?", decided from files alone, the same way in the PAM module and in valetkeyd: root never
// is; a local user is when root's table names him; anybody else is when valetkeyd's table does. A table that
// is missing or damaged leaves root and local users to their other modules, and everybody else undecided,
// which is not yes.
#pragma once

#include "local.h"
#include "table.h"

enum ours {
        OURS_NOT = 1,   // proved not ours
        OURS_LOCAL,     // of the passwd file, bound in root's table
        OURS_FEDERATED, // of valetkeyd's table
        OURS_NEWCOMER,  // in no table, but the name is one that valetkeyd may make a user of; no ids
        OURS_UNKNOWN,   // cannot be decided: refuse
};

struct ours_paths {
        const char *passwd, *root_table, *table;
        const uid_t *owners; // of table files
        size_t n_owners;
};

struct ours_user {
        enum ours kind;
        uint32_t uid, gid;         // LOCAL: of the passwd file; FEDERATED: of the table
        struct table_user entry;   // LOCAL, FEDERATED
        int64_t max_offline_age_s; // FEDERATED: of the table; 0: no limit
        int fault;                 // what was wrong with a file (enum table_result or -errno); 0: nothing
        const char *fault_path;    // which (borrowed from the paths); NULL
};

void ours_find(struct ours_user *ret, const struct ours_paths *paths, const char *name);

// May this user come in now, by the entry alone? The answers are the account phase's.
enum ours_standing {
        STANDING_GOOD = 0,
        STANDING_LOCKED,
        STANDING_EXPIRED, // expires_at has passed
        STANDING_REFUSED, // the provider no longer stands for this user, until he signs in there
        STANDING_TOO_OLD, // no successful sign-in or refresh for longer than max_offline_age_s, or none ever
        STANDING_CLOCK_WRONG, // the clock is before the last success: no age can be told
};
// max_offline_age_s 0: no limit but the table's own; the stricter of the two counts. It is asked of federated users only: a local user's account belongs to the admin,
// who locks it or lets it expire, and nothing of ours records his sign-ins.
enum ours_standing ours_standing(const struct ours_user *u, int64_t now_s, int64_t max_offline_age_s);
