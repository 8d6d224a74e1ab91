// SPDX-License-Identifier: Apache-2.0
//
// The form of the file of the users' loopback ports: a line that says what it is, then "UID PORT" for each, in the order of
// the uids. valetkeyd writes it, others only read. Nobody has two ports, no port is two users': a text that says otherwise was
// not written here.
#pragma once

#include "buf.h"

#include <sys/types.h>

#define PORTS_LIST_MAX      16384u // users; valetkeyd and the descriptor store have room for as many
#define PORTS_LIST_TEXT_MAX (1u << 20)

struct ports_entry {
        uid_t uid;
        uint16_t port;
};
struct ports_list {
        struct ports_entry *e; // the caller's
        size_t n;
};

// Fills at most max entries of ret->e. 0; -EBADMSG, and what was read before in *ret; -ENOMEM.
int ports_list_parse(struct ports_list *ret, size_t max, const char *text, size_t n) _must_check_;
// Appends the text. -ENOMEM, or out's error.
int ports_list_print(struct buf *out, const struct ports_list *list) _must_check_;
