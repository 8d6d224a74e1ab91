// SPDX-License-Identifier: Apache-2.0
//
// A session policy: a JSON file that narrows what a role session may do. Read when the role is assumed, so that an edit
// counts from the next rotation on; sent without white space, since STS counts characters (2048 at most).
#pragma once

#include "err.h"

// path NULL: *ret NULL. 0; -EINVAL with err (not a file, too large, no JSON object); -ENOMEM.
int policy_file_read(char **ret, const char *path, struct err *err) _must_check_;
