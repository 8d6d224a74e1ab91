// SPDX-License-Identifier: Apache-2.0
//
// login.sock: PAM's requests. Who may ask is decided once, when the connection is accepted, by the uid the kernel
// names: root, and on a machine that is one person's sandbox, that person. Everybody else may ask about himself: which port
// is his, and whether it is he who sits there.
#pragma once

#include "signin.h"

void login_accepted(struct packet_conn *c, void *arg); // arg: struct signin
struct login *login_free(struct login *l);
