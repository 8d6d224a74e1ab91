// SPDX-License-Identifier: Apache-2.0
//
// The loopback port of a user: only of one that is ours and may come in.
#pragma once

#include "signin.h"

// *ret_fd is borrowed: bound, and not listened on. OUTCOME_OK, or the reason in one sentence.
enum outcome port_of_uid(struct signin *s, uid_t uid, uint32_t *ret_port, int *ret_fd, struct err *err);
// OK with the port, and with the socket beside it where fd >= 0; or the error.
void port_reply(struct packet_conn *c, uint32_t port, int fd);
