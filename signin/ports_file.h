// SPDX-License-Identifier: Apache-2.0
//
// The file of the users' loopback ports (lib/ports_list.h says its form), replaced whole by rename. One that makes no sense
// is put aside: ports are given anew then.
#pragma once

#include "ports_list.h"

// Fills at most max entries of ret->e. 0, also where there is no file, and where it had to be put aside; -errno.
int ports_file_read(struct ports_list *ret, size_t max, const char *path) _must_check_;
int ports_file_write(const char *path, const struct ports_list *list) _must_check_;
