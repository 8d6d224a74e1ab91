// SPDX-License-Identifier: Apache-2.0
//
// Programs that ask and do not read. What they are sent lies in the bus, and there it counts against us: past its limits
// a bus stops reading from the connection whose messages lie around (dbus-daemon: max_incoming_bytes, and it runs out of
// descriptors), which is ours, and everybody waits. So we count what each program was sent, and when it was much, ask the
// bus how much of that is still there (Debug.Stats of dbus-daemon). A program that leaves too much unread gets no more
// until it has read. A bus that does not say (dbus-broker) settles this by itself: it charges the receiver.
#include "bus_internal.h"

#include "log.h"

#define LOOK_AT       (UINT64_C(4) << 20)
#define TOO_MUCH      (UINT64_C(16) << 20) // 256 descriptors
#define DESCRIPTOR    (UINT64_C(64) << 10)
#define LOOK_EVERY_MS INT64_C(1000)

static uint64_t read_stats(DBusMessage *reply)
{
        DBusMessageIter args, dict, entry, value;
        uint64_t unread = 0;

        dbus_message_iter_init(reply, &args);
        dbus_message_iter_recurse(&args, &dict);
        for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&dict)) {
                const char *name;
                dbus_uint32_t n;

                dbus_message_iter_recurse(&dict, &entry);
                dbus_message_iter_get_basic(&entry, &name);
                dbus_message_iter_next(&entry);
                dbus_message_iter_recurse(&entry, &value);
                if (dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_UINT32)
                        continue;
                dbus_message_iter_get_basic(&value, &n);
                if (strcmp(name, "OutgoingBytes") == 0)
                        unread += n;
                else if (strcmp(name, "OutgoingFDs") == 0)
                        unread += n * DESCRIPTOR;
        }
        return unread;
}

static void on_stats(DBusPendingCall *p _unused_, void *arg)
{
        struct bus_caller *c = arg;
        DBusMessage *reply = bus_ask_take(&c->looking);

        if (reply && dbus_message_has_signature(reply, "a{sv}")) {
                c->unread = read_stats(reply);
        } else {
                c->unread = 0;
                // One that has just left is no reason to look at nobody any more.
                if (!reply || !dbus_message_is_error(reply, DBUS_ERROR_NAME_HAS_NO_OWNER))
                        c->service->cannot_look = true;
        }
        if (reply)
                dbus_message_unref(reply);
        if (c->unread >= TOO_MUCH && !c->deaf)
                log_event(LOG_E_WARNING, "caller.deaf", "bus_name=%s pid=%d reason=%s", c->name,
                        (int)c->who.pid, "it does not read what it is sent, and is sent no more");
        c->deaf = c->unread >= TOO_MUCH;
        if (c->deaf && !timer_is_armed(c->service->look))
                timer_arm_in(c->service->look, LOOK_EVERY_MS);
        bus_queue_turn(c);
}

static void look(struct bus_caller *c)
{
        if (!c->looking &&
                !bus_ask(&c->looking, c, "org.freedesktop.DBus.Debug.Stats", "GetConnectionStats", on_stats))
                c->unread = 0; // looked at when it has been sent as much once more
}

// Whether they have read meanwhile.
void bus_unread_look_again(struct bus_service *s)
{
        struct bus_caller *c;

        TAILQ_FOREACH(c, &s->callers, by_use)
        if (c->deaf)
                look(c);
}

void bus_unread_add(struct bus_caller *c, uint64_t bytes)
{
        c->unread += bytes;
        if (c->unread >= LOOK_AT && !c->deaf && !c->service->cannot_look)
                look(c);
}

bool bus_unread_too_much(const struct bus_caller *c)
{
        return c->unread >= TOO_MUCH && !c->service->cannot_look;
}
