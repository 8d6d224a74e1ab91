// SPDX-License-Identifier: Apache-2.0
//
// Which configuration files a user's programs read: the system's, then the user's own; or exactly one (--config).
#pragma once

#include "config.h"

// one_file NULL: the search path. 0, or -errno with a sentence.
int settings_load(struct config **ret, const char *one_file, struct err *err) _must_check_;
