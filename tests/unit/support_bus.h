// SPDX-License-Identifier: Apache-2.0
//
// A message bus of the test's own: a real dbus-daemon.
#pragma once

#include <sys/types.h>

// Starts one and puts its address into an environment variable. listen: where, NULL for a place of its own choosing.
pid_t support_bus_start(const char *variable, const char *listen);
void support_bus_stop(pid_t pid);
