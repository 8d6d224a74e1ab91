// SPDX-License-Identifier: Apache-2.0
//
// Whose is the other end of a connection on the loopback interface? The kernel tells in two ways, sock_diag(7) and
// /proc/net/tcp; here is how either is asked and read, and when an answer counts: exactly that socket, established, and still
// somebody's (a socket that was closed has inode 0 and reads as root's).
#pragma once

#include "util.h"

#include <sys/types.h>

// One end as it sees itself, in host byte order.
struct sock_tuple {
        uint32_t local, remote;
        uint16_t local_port, remote_port;
        bool six; // both addresses are ::1, and the two above mean nothing
};

struct sock_owner {
        uid_t uid;
        uint64_t inode;
        uint64_t cgroup_id; // 0: the kernel does not say
};

enum sock_owner_result {
        SOCK_OWNER_E_NONE = 1,    // there is no such socket (any more)
        SOCK_OWNER_E_CLOSED,      // it is not, or not longer, established, or nobody's
        SOCK_OWNER_E_UNCLEAR,     // the answer makes no sense, or names more than one
        SOCK_OWNER_E_UNAVAILABLE, // this kernel, or the way this process is confined, gives no answer
};

#define SOCK_DIAG_REQUEST_N 72u
// The question for NETLINK_SOCK_DIAG about the socket whose end that is.
void sock_diag_request(uint8_t dst[SOCK_DIAG_REQUEST_N], const struct sock_tuple *t, uint32_t seq);
// One datagram of the answer. 0 and *ret, or enum sock_owner_result; -EAGAIN: it answers another question.
int sock_diag_read(struct sock_owner *ret, const void *p, size_t n, const struct sock_tuple *t,
        uint32_t seq) _must_check_;

// All of /proc/net/tcp, or with v6 of /proc/net/tcp6 (where IPv4 connections of IPv6 sockets are). Adds to *found how many
// sockets are that one; *ret is the last.
void sock_proc_read(struct sock_owner *ret, unsigned *found, const char *text, size_t n,
        const struct sock_tuple *t, bool v6);
