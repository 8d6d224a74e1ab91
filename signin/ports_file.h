// SPDX-License-Identifier: Apache-2.0
//
// The file of the users' loopback ports: a line that says what it is, then "UID PORT" for each. Replaced whole by rename. One
// that makes no sense is put aside: ports are given anew then.
#pragma once

#include "util.h"

#include <sys/types.h>

struct ports_entry {
        uid_t uid;
        uint16_t port;
};
struct ports_list {
        struct ports_entry *e;
        size_t n;
};

// Fills at most max entries of ret->e. 0, also where there is no file, and where it had to be put aside; -errno.
int ports_file_read(struct ports_list *ret, size_t max, const char *path) _must_check_;
int ports_file_write(const char *path, const struct ports_list *list) _must_check_;
// The text alone: 0; -EBADMSG, and what was read before in *ret.
int ports_file_parse(struct ports_list *ret, size_t max, const char *text, size_t n) _must_check_;
