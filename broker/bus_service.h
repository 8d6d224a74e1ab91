// SPDX-License-Identifier: Apache-2.0
//
// The second door: org.valetkey.Broker1 on the session bus (dbus/org.valetkey.Broker1.xml, valetkey-dbus(7)).
// Credentials leave as a sealed memory file, so their bytes are in no message. Without a bus the broker works
// all the same.
#pragma once

#include "broker.h"

struct bus_service;
// A machine without a session bus is no error. The broker's events are listened to.
int bus_service_new(struct bus_service **ret, struct broker *b) _must_check_;
bool bus_service_is_idle(
        const struct bus_service *s); // every call is answered, and the answers are on their way
// The loopback port, or who is signed in, has changed: what the bus and the service manager start is told.
void bus_service_furnish(struct bus_service *s);
struct bus_service *bus_service_free(struct bus_service *s); // before the broker
