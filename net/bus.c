// SPDX-License-Identifier: Apache-2.0
//
// libdbus asks its host for three things — watch these descriptors, call me after this time, dispatch what
// arrived — and assumes one trap in each. It adds two watches, one a direction, for one descriptor: we keep
// one entry a descriptor and OR what they want. It removes watches while their handler is on the stack: an
// entry being handled is only marked, and freed when the handler is back. It may call "there is something to
// dispatch" from anywhere, also from inside a handler: outside of our own reading that arms a zero timer. It reads
// two kilobytes at a time; we go on until there is nothing more, so that who serves the messages sees all who ask and can
// be fair, but only so often in a turn of the loop: a flood on the bus cannot starve the rest of the daemon.
//
// Connecting does not wait for the bus either: dbus_bus_get() would block in Hello, so Hello is sent like any
// other call. What the owner queues behind it the bus handles in order.
#include "bus.h"

#include <stdio.h>

struct entry {
        struct entry *next;
        struct bus *bus;
        int fd;
        DBusWatch *directions[2]; // reading, writing; NULL where libdbus has none
        struct watch *watch;
        bool busy, dead;
};

struct bus {
        struct loop *loop;
        DBusConnection *connection;
        struct entry *entries;
        struct timer *dispatch;
        bool reading; // on_ready dispatches itself
        bool lost;
        bool *freed; // where dispatch() learns that a handler freed the bus
        void (*on_lost)(void *arg);
        void *arg;
};

#define READS_A_TURN    32
#define MESSAGES_A_TURN 512

static unsigned dispatch(struct bus *b, unsigned max, bool *ret_freed);

// ---- watches

static void entry_update(struct entry *e)
{
        unsigned what = 0;

        if (e->directions[0] && dbus_watch_get_enabled(e->directions[0]))
                what |= WATCH_READ;
        if (e->directions[1] && dbus_watch_get_enabled(e->directions[1]))
                what |= WATCH_WRITE;
        watch_set(e->watch, what);
}

static void entry_drop(struct entry *e)
{
        for (struct entry **p = &e->bus->entries; *p; p = &(*p)->next) {
                if (*p == e) {
                        *p = e->next;
                        break;
                }
        }
        e->watch = watch_free(e->watch);
        if (e->busy)
                e->dead = true;
        else
                free(e);
}

static bool handle(struct entry *e, bool writing)
{
        DBusWatch *w = e->directions[writing];

        if (!w || !dbus_watch_get_enabled(w))
                return false;
        // A hang-up or an error reads as "ready": the read or write itself finds out.
        dbus_watch_handle(w, writing ? DBUS_WATCH_WRITABLE : DBUS_WATCH_READABLE);
        return true;
}

static void on_ready(unsigned ready, void *arg)
{
        struct entry *e = arg;
        struct bus *b = e->bus;
        DBusConnection *c = dbus_connection_ref(b->connection);
        bool freed = false, more = true;

        e->busy = true;
        if (ready & WATCH_WRITE) {
                handle(e, true);
        } else {
                b->reading = true;
                for (unsigned i = 0; i < READS_A_TURN && more && !e->dead; i++)
                        more = handle(e, false) && dispatch(b, MESSAGES_A_TURN, &freed) > 0 && !freed;
                if (!freed)
                        b->reading = false;
        }
        e->busy = false;
        if (e->dead)
                free(e);
        dbus_connection_unref(c);
}

static dbus_bool_t add_watch(DBusWatch *w, void *arg)
{
        struct bus *b = arg;
        int fd = dbus_watch_get_unix_fd(w);
        struct entry *e = b->entries;

        while (e && e->fd != fd)
                e = e->next;
        if (!e) {
                e = calloc(1, sizeof *e);
                if (!e)
                        return FALSE;
                *e = (struct entry){.bus = b, .fd = fd};
                if (watch_new(&e->watch, b->loop, fd, 0, on_ready, e) < 0) {
                        free(e);
                        return FALSE;
                }
                e->next = b->entries;
                b->entries = e;
        }
        e->directions[dbus_watch_get_flags(w) & DBUS_WATCH_WRITABLE ? 1 : 0] = w;
        dbus_watch_set_data(w, e, NULL);
        entry_update(e);
        return TRUE;
}

static void remove_watch(DBusWatch *w, void *arg _unused_)
{
        struct entry *e = dbus_watch_get_data(w);

        if (!e)
                return;
        dbus_watch_set_data(w, NULL, NULL);
        for (size_t i = 0; i < 2; i++)
                if (e->directions[i] == w)
                        e->directions[i] = NULL;
        if (e->directions[0] || e->directions[1])
                entry_update(e);
        else
                entry_drop(e);
}

static void toggle_watch(DBusWatch *w, void *arg _unused_)
{
        struct entry *e = dbus_watch_get_data(w);

        if (e)
                entry_update(e);
}

// ---- timeouts

static void on_timeout(void *arg)
{
        DBusTimeout *t = arg;
        struct timer *timer = dbus_timeout_get_data(t);

        // libdbus's timeouts repeat until they are removed; handling may remove this one.
        timer_arm_in(timer, dbus_timeout_get_interval(t));
        dbus_timeout_handle(t);
}

static void toggle_timeout(DBusTimeout *t, void *arg _unused_)
{
        struct timer *timer = dbus_timeout_get_data(t);

        if (dbus_timeout_get_enabled(t))
                timer_arm_in(timer, dbus_timeout_get_interval(t));
        else
                timer_disarm(timer);
}

static dbus_bool_t add_timeout(DBusTimeout *t, void *arg)
{
        struct bus *b = arg;
        struct timer *timer;

        if (timer_new(&timer, b->loop, on_timeout, t) < 0)
                return FALSE;
        dbus_timeout_set_data(t, timer, NULL);
        toggle_timeout(t, b);
        return TRUE;
}

static void remove_timeout(DBusTimeout *t, void *arg _unused_)
{
        timer_free(dbus_timeout_get_data(t));
        dbus_timeout_set_data(t, NULL, NULL);
}

// ---- dispatching

static void tell_lost(struct bus *b)
{
        void (*cb)(void *) = b->on_lost;

        // Called once; the owner frees the bus in it.
        b->lost = false;
        b->on_lost = NULL;
        if (cb)
                cb(b->arg);
}

// Messages handled, at most max. *ret_freed: the bus is no more.
static unsigned dispatch(struct bus *b, unsigned max, bool *ret_freed)
{
        DBusConnection *c = dbus_connection_ref(b->connection);
        DBusDispatchStatus s = dbus_connection_get_dispatch_status(c);
        unsigned n = 0;

        b->freed = ret_freed;
        while (s == DBUS_DISPATCH_DATA_REMAINS && n < max && !*ret_freed && !b->lost) {
                s = dbus_connection_dispatch(c);
                n++;
        }
        if (!*ret_freed && b->lost)
                tell_lost(b);
        if (!*ret_freed) {
                b->freed = NULL;
                if (s == DBUS_DISPATCH_DATA_REMAINS)
                        timer_arm_in(b->dispatch, 0);
                else if (s == DBUS_DISPATCH_NEED_MEMORY)
                        timer_arm_in(b->dispatch, 100);
        }
        dbus_connection_unref(c);
        return n;
}

static void on_dispatch(void *arg)
{
        bool freed = false;

        dispatch(arg, MESSAGES_A_TURN, &freed);
}

static void on_status(DBusConnection *c _unused_, DBusDispatchStatus s, void *arg)
{
        struct bus *b = arg;

        if (s != DBUS_DISPATCH_COMPLETE && !b->reading && !timer_is_armed(b->dispatch))
                timer_arm_in(b->dispatch, 0);
}

static DBusHandlerResult filter(DBusConnection *c _unused_, DBusMessage *m, void *arg)
{
        struct bus *b = arg;

        if (dbus_message_is_signal(m, DBUS_INTERFACE_LOCAL, "Disconnected"))
                b->lost = true; // dispatch() is on the stack and tells
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

// ---- connecting

static void on_hello(DBusPendingCall *call, void *arg)
{
        struct bus *b = arg;
        DBusMessage *m = dbus_pending_call_steal_reply(call);
        const char *name = NULL;

        if (m && dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) &&
                dbus_bus_set_unique_name(b->connection, name)) {
                dbus_message_unref(m);
                return;
        }
        // A bus that does not answer Hello is no bus.
        if (m)
                dbus_message_unref(m);
        dbus_connection_close(b->connection);
}

static int say_hello(struct bus *b)
{
        DBusMessage *m =
                dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello");
        DBusPendingCall *call = NULL;
        bool ok = m && dbus_connection_send_with_reply(b->connection, m, &call, 10000) && call &&
                  dbus_pending_call_set_notify(call, on_hello, b, NULL);

        if (call)
                dbus_pending_call_unref(call); // the connection keeps it until it is answered
        if (m)
                dbus_message_unref(m);
        return ok ? 0 : -ENOMEM;
}

// Where the bus is: what the environment says, else where systemd and every distribution put it. Never
// autolaunch, which would start a bus nobody else uses.
static const char *address(DBusBusType type, char *room, size_t n)
{
        const char *dir, *a = secure_getenv(type == DBUS_BUS_SYSTEM ? "DBUS_SYSTEM_BUS_ADDRESS"
                                                                    : "DBUS_SESSION_BUS_ADDRESS");

        if (a && a[0])
                return a;
        if (type == DBUS_BUS_SYSTEM)
                return "unix:path=/run/dbus/system_bus_socket";
        dir = secure_getenv("XDG_RUNTIME_DIR");
        if (!dir || dir[0] != '/' || snprintf(room, n, "unix:path=%s/bus", dir) >= (int)n)
                return NULL;
        return room;
}

static int set_functions(struct bus *b)
{
        DBusConnection *c = b->connection;

        dbus_connection_set_exit_on_disconnect(c, FALSE);
        if (!dbus_connection_set_watch_functions(c, add_watch, remove_watch, toggle_watch, b, NULL) ||
                !dbus_connection_set_timeout_functions(
                        c, add_timeout, remove_timeout, toggle_timeout, b, NULL) ||
                !dbus_connection_add_filter(c, filter, b, NULL))
                return -ENOMEM;
        dbus_connection_set_dispatch_status_function(c, on_status, b, NULL);
        return 0;
}

// ret: freed by bus_free. 0; -ENOMEM; -ENOTCONN with err where there is no bus.
int bus_new(struct bus **ret, struct loop *l, DBusBusType type, void (*lost)(void *arg), void *arg,
        struct err *err)
{
        struct bus *b = calloc(1, sizeof *b);
        DBusError e = DBUS_ERROR_INIT;
        const char *where;
        char room[256];
        int r;

        if (!b)
                return -ENOMEM;
        *b = (struct bus){.loop = l, .on_lost = lost, .arg = arg};
        r = timer_new(&b->dispatch, l, on_dispatch, b);
        if (r < 0) {
                bus_free(b);
                return err_trace(r);
        }
        where = address(type, room, sizeof room);
        b->connection = where ? dbus_connection_open_private(where, &e) : NULL;
        if (!b->connection) {
                err_set(err, "no %s bus: %s", type == DBUS_BUS_SYSTEM ? "system" : "session",
                        where ? e.message : "no address is known");
                r = dbus_error_has_name(&e, DBUS_ERROR_NO_MEMORY) ? -ENOMEM : -ENOTCONN;
                dbus_error_free(&e);
                bus_free(b);
                return r;
        }
        r = set_functions(b);
        if (r == 0)
                r = say_hello(b);
        if (r < 0) {
                bus_free(b);
                return err_trace(r);
        }
        on_status(b->connection, dbus_connection_get_dispatch_status(b->connection), b);
        *ret = b;
        return 0;
}

// Closes the connection; calls pending on it are never answered. Legal in lost(), in a message's handler, and with NULL.
struct bus *bus_free(struct bus *b)
{
        if (!b)
                return NULL;
        if (b->freed)
                *b->freed = true;
        if (b->connection) {
                b->on_lost = NULL;
                dbus_connection_set_dispatch_status_function(b->connection, NULL, NULL, NULL);
                dbus_connection_remove_filter(b->connection, filter, b);
                dbus_connection_close(b->connection);
                dbus_connection_set_watch_functions(b->connection, NULL, NULL, NULL, NULL, NULL);
                dbus_connection_set_timeout_functions(b->connection, NULL, NULL, NULL, NULL, NULL);
                dbus_connection_unref(b->connection);
        }
        timer_free(b->dispatch);
        free(b);
        return NULL;
}

DBusConnection *bus_connection(struct bus *b)
{
        return b->connection;
}
