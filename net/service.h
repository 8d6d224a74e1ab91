// SPDX-License-Identifier: Apache-2.0
//
// What a daemon of ours owes the system it runs on: it closes itself to debuggers and core dumps, takes the sockets
// systemd made for it, and says when it is ready. The protocols are two environment variables and a datagram; no
// library is needed for them.
#pragma once

#include "util.h"

// First thing in main(): descriptors 0-2 open, no core, not dumpable, secrets locked as far as the limit allows.
int service_harden(void) _must_check_;

// Room for that many descriptors, or as many as this process may have.
int service_allow_files(unsigned n) _must_check_;

// The sockets that were passed on (LISTEN_FDS), those of systemd's descriptor store among them, by the names of
// LISTEN_FDNAMES. Reads and removes the variables: call once. 0, -ENOMEM, or -EBADMSG when they make no sense.
#define SERVICE_FDS_MAX 20000
struct service_fds {
        struct service_fd {
                char name[64];
                int fd; // -1: taken
        } * e;
        size_t n;
};
int service_listen_fds(struct service_fds *ret) _must_check_;
int service_take_fd(struct service_fds *f, const char *name); // -1: there is none of that name
void service_fds_deinit(struct service_fds *f);               // closes what was not taken

// Says state ("READY=1", "STOPPING=1") to whoever $NOTIFY_SOCKET names. 0, also where nobody is named; -errno.
int service_notify(const char *state);
// The same with a descriptor: for "FDSTORE=1".
int service_notify_fd(const char *state, int fd);
