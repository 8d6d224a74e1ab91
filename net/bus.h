// SPDX-License-Identifier: Apache-2.0
//
// libdbus on our loop. One entry per descriptor though libdbus adds two watches for it; a turn of the loop reads
// what has come, up to a bound, and never from inside a callback of libdbus; losing the bus is an event, never an exit().
#pragma once

#include "err.h"
#include "loop.h"

#include <dbus/dbus.h>

struct bus;
// type DBUS_BUS_SESSION or _SYSTEM, a private connection. lost(): the bus went away (called once, from the
// loop).
int bus_new(struct bus **ret, struct loop *l, DBusBusType type, void (*lost)(void *arg), void *arg,
        struct err *err) _must_check_;
struct bus *bus_free(struct bus *b);
DBusConnection *bus_connection(struct bus *b);

static inline void cleanup_dbus_msgp(DBusMessage **m)
{
        if (*m)
                dbus_message_unref(*m);
}
#define cleanup_dbus_msg _cleanup_(cleanup_dbus_msgp)
