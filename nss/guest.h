// SPDX-License-Identifier: Apache-2.0
//
// How to be a guest in every process of the machine: what each of the module's functions does before and after, and
// what it believes. Nothing is kept from one call to the next: a table that has been replaced is seen at once, and
// threads, forks and setuid programs have nothing to share or to inherit.
#pragma once

#include "table.h"

#include <nss.h>

struct guest_paths {
        const char *table, *passwd, *group;
};
extern const struct guest_paths guest_paths; // the machine's

// Around a call: keeps the process from being cancelled with a descriptor of ours open, and its errno as it was.
struct guest {
        int saved_errno, cancel_state;
};
struct guest guest_enter(void);
// What to answer for r: 0, enum table_result, -ERANGE (the caller's buffer is too small), -errno. *errnop is set unless
// the answer is success.
enum nss_status guest_leave(const struct guest *g, int r, int *errnop);

// The end of a lookup in t whose result so far is r: r itself where the file is root's or valetkeyd's, and name, of what was
// found with r 0 (NULL: not asked), no local user's. Else TABLE_E_UNSAFE, TABLE_E_NOT_FOUND (a local user's), -errno.
int guest_believe(const struct guest_paths *p, const struct table *t, int r, const char *name);
// Takes the local users out of a list of names in ascending order.
int guest_drop_local(const struct guest_paths *p, char **names, size_t *n);
// 0; TABLE_E_NOT_FOUND: the group file has a group of that name; -errno.
int guest_believe_group(const struct guest_paths *p, const char *name);
// Can that be a name of ours at all? Decided before any file is opened.
bool guest_is_name(const char *name);
