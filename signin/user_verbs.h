// SPDX-License-Identifier: Apache-2.0
//
// What the verbs on the user tables share: their arguments, which files they are about, and how a failure is told. Private to
// signin/user_*.c.
#pragma once

#include "outcome.h"
#include "write.h"

#include <stdbool.h>

#define USER_PASSWD "/etc/passwd"
#define USER_GROUP  "/etc/group"

struct user_args {
        const char *name; // or, for check, the file
        const char *issuer, *subject, *display, *home, *shell, *expires, *uid;
        bool local, json;
};

struct user_tables {
        char federated[512], removed[512];
        const char *local;
        uid_t owners[3];
        size_t n_owners;
};

// Each says on stderr what is wrong, and returns the exit status that goes with it.
int user_fail(enum outcome o, const char *what);
int user_fail_table(int r, const char *path); // a table's fault, with the file it is in

// Root's table is believed only when root (or, in a sandbox, the one who runs us) owns it.
int user_begin(struct table_edit **ret, const struct user_tables *t, bool local);
int user_open(struct table *ret, const struct user_tables *t, bool local);

// In the range, by digits alone. 0 or -EINVAL.
int user_parse_uid(const char *s, size_t n, uint32_t *ret);

int user_add(const struct user_tables *t, const struct user_args *a);
int user_set(const struct user_tables *t, const struct user_args *a);
int user_list(const struct user_tables *t, const struct user_args *a);
int user_show(const struct user_tables *t, const struct user_args *a);
int user_check(const struct user_tables *t, const struct user_args *a);
