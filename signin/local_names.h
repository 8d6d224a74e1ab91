// SPDX-License-Identifier: Apache-2.0
//
// Which names and ids are not a federated user's to have on this machine: the system's, whether they are here or not, and
// those of /etc/passwd and /etc/group. A user has a group of his own with his name and his uid for its gid, so both
// files count for either. Read from the files themselves, past NSS: our own answers are not to be asked.
#pragma once

#include "err.h"

#include <stdint.h>

struct local_names;
// Either file may be missing. 0, -ENOMEM, -errno. Names that are no user's of ours by their form are left out.
int local_names_load(struct local_names **ret, const char *passwd, const char *group) _must_check_;
struct local_names *local_names_free(struct local_names *l);
DEFINE_CLEANUP(struct local_names *, local_names_free);

// True when somebody from elsewhere may be called that and have that id (0: not asked). Else why not, in err.
bool local_names_leave(const struct local_names *l, const char *name, uint32_t id, struct err *err);
