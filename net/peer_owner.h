// SPDX-License-Identifier: Apache-2.0
//
// Asks the kernel who is at the other end of an accepted loopback connection (lib/sock_owner.h says what an answer is).
#pragma once

#include "sock_owner.h"

struct peer_owner;
// listen_fd: a listening socket on 127.0.0.1, by which it is found out whether sock_diag works here. 0, -errno.
int peer_owner_new(struct peer_owner **ret, int listen_fd) _must_check_;
struct peer_owner *peer_owner_free(struct peer_owner *p);
bool peer_owner_by_proc(const struct peer_owner *p); // sock_diag does not work; /proc/net is read

// Who has the other end of fd. 0, or enum sock_owner_result. It is asked while the connection stands: afterwards this end is
// looked at, too, and only if it never heard of an end the socket that was found must be the one it was accepted from.
int peer_owner_find(struct peer_owner *p, int fd, struct sock_owner *ret) _must_check_;
