// SPDX-License-Identifier: Apache-2.0
//
// Groups of the table as group entries: each user's own, which has his name and for gid his uid, and those that users
// are in beside it.
#pragma once

#include "guest.h"

#include <grp.h>

// 0 and *ret in buf; TABLE_E_*; -ERANGE; -errno. *ret is left alone unless 0.
int group_by_name(const struct guest_paths *p, const char *name, struct group *ret, char *buf, size_t n);
int group_by_gid(const struct guest_paths *p, uint32_t gid, struct group *ret, char *buf, size_t n);

// The gids of the groups that the user is in, beside his own. 0 (also for a user who is in none); as above.
int group_of_user(const struct guest_paths *p, const char *name, struct table_membership *ret);
