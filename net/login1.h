// SPDX-License-Identifier: Apache-2.0
//
// systemd-logind on the system bus, for whoever listens to it: one connection for all of a process, made again when it
// was lost. A machine without a system bus or without logind is an ordinary machine: nobody is ever told "up".
#pragma once

#include "bus.h"

#define LOGIN1           "org.freedesktop.login1"
#define LOGIN1_PATH      "/org/freedesktop/login1"
#define LOGIN1_INTERFACE "org.freedesktop.login1.Manager"

struct login1;
int login1_new(struct login1 **ret, struct loop *l) _must_check_; // 0 or -ENOMEM; it connects from the loop
struct login1 *login1_free(struct login1 *x);                     // after its listeners
// To ask it something, without being started for it (dbus_message_set_auto_start); NULL while it is not there.
DBusConnection *login1_connection(struct login1 *x);

// Called from the loop; none of them may end a listener. Each may be NULL.
struct login1_events {
        void (*up)(void *arg);   // it is there, or there anew: what was known may be old
        void (*down)(void *arg); // it went, or the bus did: calls under way are never answered
        // A signal of its Manager interface. Its sender is who owns login1's name, as the bus says: any program may send
        // us what looks like one.
        void (*signal)(void *arg, const char *member, DBusMessage *m);
};
struct login1_listener;
// events are borrowed. up() comes from the loop also where it is there already.
int login1_listen(struct login1_listener **ret, struct login1 *x, const struct login1_events *events,
        void *arg) _must_check_;
struct login1_listener *login1_unlisten(struct login1_listener *n);
