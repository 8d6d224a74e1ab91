// SPDX-License-Identifier: Apache-2.0
//
// Which loopback port is whose. Each user gets one, once and for good: it stands in a file beside the user table, is
// bound before anybody is told of it, and stays bound as long as this machine runs, through restarts of the daemon too
// (systemd's descriptor store). What is never free is never somebody else's.
//
// The sockets are bound here and listened on by nobody: who connects is refused by the kernel. A user's broker listens on a
// duplicate, and shuts it when it ends.
#pragma once

#include "err.h"
#include "ports_list.h"

#include <sys/types.h>

#define PORTS_MAX PORTS_LIST_MAX

enum ports_result {
        PORTS_E_FULL = 1, // no port is free, or PORTS_MAX users have one
        PORTS_E_UNSAVED,  // it cannot be written down, so it is not given
};

struct ports_stored {
        void (*store)(void *arg, int fd); // keep a duplicate in the descriptor store; may be NULL
        void *arg;
};

struct ports;
// path: of the file, copied. What it says is bound again where it is not adopted afterwards: call ports_bind_all().
int ports_new(struct ports **ret, const char *path, const struct ports_stored *stored) _must_check_;
struct ports *ports_free(struct ports *p); // the sockets are closed; what the store has stays bound
// A socket that the store kept. Taken, and held on to even where the file does not know whose it is.
void ports_adopt(struct ports *p, int fd);
void ports_bind_all(struct ports *p);

// The port of uid, given now where it has none. *ret_fd is borrowed. 0, enum ports_result, -errno.
int ports_get(struct ports *p, uid_t uid, uint16_t *ret_port, int *ret_fd) _must_check_;
