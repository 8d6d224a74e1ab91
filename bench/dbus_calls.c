// SPDX-License-Identifier: Apache-2.0
//
// dbus_calls ROLE: calls per second over the session bus, as many programs would make them, in turns: what the bus answers
// itself (GetId), a property of the broker, credentials from its memory. GetId costs the bus one message in and one
// out; everything else costs it two of each, so half of GetId is what a service can reach at best. "one by one" waits
// for each answer; "64 at once" has that many under way, as a loop-driven desktop app might.
#include "util.h"

#include <dbus/dbus.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BUS_NAME "org.valetkey.Broker1"
#define ROOT     "/org/valetkey/Broker1"
#define TURNS    8
#define SLICE_NS INT64_C(250000000)
#define WINDOW   64

enum what {
        GET_ID,
        PROPERTY,
        CREDENTIALS,
        WHATS,
};
static const char *const names[WHATS] = {"GetId (the bus itself)", "Properties.Get", "GetCredentials"};

static int64_t now_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static DBusMessage *must(DBusMessage *m, bool ok)
{
        if (m && ok)
                return m;
        fprintf(stderr, "dbus_calls: out of memory\n");
        exit(1);
}

static DBusMessage *make(enum what w, const char *role)
{
        const char *iface = "org.valetkey.Role1", *property = "State";
        DBusMessageIter args, dict;
        char path[256];
        DBusMessage *m;

        if (w == GET_ID)
                return must(dbus_message_new_method_call(
                                    DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetId"),
                        true);
        if (w == PROPERTY) {
                snprintf(path, sizeof path, ROOT "/role/%s", role);
                m = dbus_message_new_method_call(BUS_NAME, path, DBUS_INTERFACE_PROPERTIES, "Get");
                return must(m, m && dbus_message_append_args(m, DBUS_TYPE_STRING, &iface, DBUS_TYPE_STRING,
                                            &property, DBUS_TYPE_INVALID));
        }
        m = must(dbus_message_new_method_call(BUS_NAME, ROOT, BUS_NAME, "GetCredentials"), true);
        dbus_message_iter_init_append(m, &args);
        return must(m, dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &role) &&
                               dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "{sv}", &dict) &&
                               dbus_message_iter_close_container(&args, &dict));
}

// An error is no answer: a figure of refusals would look splendid.
static void check(DBusMessage *reply)
{
        if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR) {
                fprintf(stderr, "dbus_calls: %s\n", dbus_message_get_error_name(reply));
                exit(1);
        }
        dbus_message_unref(reply); // and with it the descriptor in it
}

static void on_reply(DBusPendingCall *p, void *arg)
{
        (*(unsigned *)arg)--;
        check(dbus_pending_call_steal_reply(p));
}

static void send_one(DBusConnection *c, enum what w, const char *role, unsigned *under_way)
{
        DBusMessage *m = make(w, role);
        DBusPendingCall *p = NULL;

        if (!dbus_connection_send_with_reply(c, m, &p, 30000) || !p ||
                !dbus_pending_call_set_notify(p, on_reply, under_way, NULL))
                must(NULL, false);
        ++*under_way;
        dbus_pending_call_unref(p);
        dbus_message_unref(m);
}

// Answers in one slice.
static unsigned long slice(DBusConnection *c, enum what w, const char *role, unsigned window)
{
        int64_t end = now_ns() + SLICE_NS;
        unsigned long sent = 0;
        unsigned under_way = 0;

        while (now_ns() < end) {
                while (under_way < window) {
                        send_one(c, w, role, &under_way);
                        sent++;
                }
                if (!dbus_connection_read_write_dispatch(c, 1000))
                        exit(1);
                while (dbus_connection_dispatch(c) == DBUS_DISPATCH_DATA_REMAINS)
                        ;
        }
        sent -= under_way;
        while (under_way > 0)
                if (!dbus_connection_read_write_dispatch(c, 1000))
                        exit(1);
        return sent;
}

static void table(DBusConnection *c, const char *role, unsigned window)
{
        unsigned long n[WHATS] = {0};

        for (unsigned turn = 0; turn < TURNS; turn++)
                for (unsigned w = 0; w < WHATS; w++)
                        n[w] += slice(c, w, role, window);
        printf("\n| %-24s | per second | to GetId |\n| ------------------------ | ---------: | -------: |\n",
                window == 1 ? "one by one" : "64 at once");
        for (unsigned w = 0; w < WHATS; w++)
                printf("| %-24s | %10.0f | %8.2f |\n", names[w],
                        (double)n[w] * 1e9 / (double)(SLICE_NS * TURNS), (double)n[w] / (double)n[GET_ID]);
}

int main(int argc, char *argv[])
{
        DBusError e = DBUS_ERROR_INIT;
        DBusConnection *c = dbus_bus_get(DBUS_BUS_SESSION, &e);

        if (argc != 2 || !c) {
                fprintf(stderr, "dbus_calls: %s\n", c ? "one role, please" : e.message);
                return 1;
        }
        table(c, argv[1], 1);
        table(c, argv[1], WINDOW);
        dbus_connection_unref(c);
        return 0;
}
