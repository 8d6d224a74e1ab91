// SPDX-License-Identifier: Apache-2.0
//
// A listening socket on 127.0.0.1, and on no other address: who listens elsewhere is asked by other machines.
#pragma once

#include "err.h"
#include "util.h"

// "127.0.0.1:PORT", "localhost:PORT" or "PORT"; port 0 takes a free one. The descriptor; -1 with err.
int listen_local(const char *address, uint16_t *ret_port, struct err *err) _must_check_;
