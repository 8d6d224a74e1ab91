// SPDX-License-Identifier: Apache-2.0
//
// A small blocking client of org.valetkey.Broker1, for programs without a loop. Every call has a deadline;
// nothing is ever autolaunched; the credentials arrive as a sealed memory file.
#pragma once

#include "err.h"

struct bus_client;
// The session bus: $DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR/bus. -ENOTCONN with err where there is none.
int bus_client_new(struct bus_client **ret, int timeout_ms, struct err *err) _must_check_;
struct bus_client *bus_client_free(struct bus_client *c);

// Has the bus start the broker where it does not run yet. 0; -ENOENT when the bus knows no such service.
int bus_client_start_broker(struct bus_client *c, int timeout_ms, struct err *err) _must_check_;
// The credential_process document of a role, as a descriptor to read from its beginning. min_ttl_s 0: any.
// -EREMOTEIO with err (and the D-Bus error's name in ret_error) when the broker said no.
int bus_client_get_credentials(struct bus_client *c, const char *role, uint32_t min_ttl_s, int timeout_ms,
        int *ret_fd, char ret_error[64], struct err *err) _must_check_;
