// SPDX-License-Identifier: Apache-2.0
//
// The path of a cgroup by its id, which is all that a socket remembers of the process that made it.
#pragma once

#include "util.h"

#define CGROUP_PATH_MAX 4096u

// With version 2 only. 0; -ENOENT: no cgroup (any more) that can be seen from here; -EOPNOTSUPP: no cgroups of version 2 here;
// -errno. uid: whose it probably is, looked at first.
int cgroup_path(char dst[CGROUP_PATH_MAX], uint64_t id, uid_t uid) _must_check_;
