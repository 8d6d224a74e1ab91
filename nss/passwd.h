// SPDX-License-Identifier: Apache-2.0
//
// Users of the table as passwd entries.
#pragma once

#include "guest.h"

#include <pwd.h>

// 0 and *ret in buf; TABLE_E_*; -ERANGE; -errno. *ret is left alone unless 0.
int passwd_by_name(const struct guest_paths *p, const char *name, struct passwd *ret, char *buf, size_t n);
int passwd_by_uid(const struct guest_paths *p, uint32_t uid, struct passwd *ret, char *buf, size_t n);
