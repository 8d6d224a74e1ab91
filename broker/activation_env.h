// SPDX-License-Identifier: Apache-2.0
//
// What programs started by the user's service manager and by the session bus (desktop apps, user timers) are told of the
// loopback port: the pointer a PAM session has, for as long as somebody is signed in. Only where nobody set it before us,
// and not on EC2.
#pragma once

#include "broker.h"

#include <dbus/dbus.h>

struct activation_env {
        char pointer[64]; // what was said; "": nothing, or it was taken back
};
// Says it, or takes it back, as things are now. c NULL: there is no bus, nothing can be said.
void activation_env_update(struct activation_env *a, DBusConnection *c, const struct broker *b);
// Takes it back: this broker ends.
void activation_env_clear(struct activation_env *a, DBusConnection *c);
