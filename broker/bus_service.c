// SPDX-License-Identifier: Apache-2.0
//
// The connection: made when there is a bus, with our name on it; made anew when the bus went away. Without a bus the
// broker is the same but for this door.
#include "bus_internal.h"

#include "backoff.h"
#include "log.h"

#define RECONNECT_MS     INT64_C(500)
#define RECONNECT_MAX_MS INT64_C(60000)
#define ASK_MS           5000

// ---- what comes in

static DBusHandlerResult on_message(DBusConnection *connection _unused_, DBusMessage *m, void *arg)
{
        if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_METHOD_CALL || !dbus_message_get_sender(m))
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        return bus_queue_add(arg, m);
}

static DBusHandlerResult on_signal(DBusConnection *connection _unused_, DBusMessage *m, void *arg)
{
        const char *name, *old, *new;

        if (dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameOwnerChanged") &&
                dbus_message_has_sender(m, DBUS_SERVICE_DBUS) &&
                dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &old,
                        DBUS_TYPE_STRING, &new, DBUS_TYPE_INVALID) &&
                !new[0])
                bus_caller_left(arg, name);
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static void on_serve(void *arg)
{
        bus_queue_serve(arg);
}

static void on_look(void *arg)
{
        bus_unread_look_again(arg);
}

// ---- the connection

static void disconnect(struct bus_service *s)
{
        struct bus_caller *c;

        while ((c = TAILQ_FIRST(&s->callers)))
                bus_caller_free(c);
        s->bus = bus_free(s->bus);
        s->cannot_look = false;
}

static void try_later(struct bus_service *s)
{
        timer_arm_in(s->reconnect, backoff_ms(s->attempts, RECONNECT_MS, RECONNECT_MAX_MS));
        if (s->attempts < 16)
                s->attempts++;
}

static void on_lost(void *arg)
{
        struct bus_service *s = arg;

        log_event(LOG_E_NOTICE, "bus.lost", "next=%s", "trying again");
        disconnect(s);
        try_later(s);
}

static void on_name(DBusPendingCall *pending, void *arg)
{
        struct bus_service *s = arg;
        DBusMessage *m = dbus_pending_call_steal_reply(pending);
        dbus_uint32_t result = 0;

        if (!m || !dbus_message_get_args(m, NULL, DBUS_TYPE_UINT32, &result, DBUS_TYPE_INVALID) ||
                result != DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER)
                log_event(LOG_E_WARNING, "bus.no_name", "name=%s reason=%s", BUS_NAME,
                        "another program has it, or the bus refuses it");
        else
                s->attempts = 0;
        if (m)
                dbus_message_unref(m);
}

static bool request_name(struct bus_service *s, DBusConnection *c)
{
        DBusMessage *m = dbus_message_new_method_call(
                DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "RequestName");
        const char *name = BUS_NAME;
        dbus_uint32_t flags = DBUS_NAME_FLAG_DO_NOT_QUEUE;
        DBusPendingCall *pending = NULL;
        bool ok = m &&
                  dbus_message_append_args(
                          m, DBUS_TYPE_STRING, &name, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID) &&
                  dbus_connection_send_with_reply(c, m, &pending, ASK_MS) && pending &&
                  dbus_pending_call_set_notify(pending, on_name, s, NULL);

        if (pending)
                dbus_pending_call_unref(pending);
        if (m)
                dbus_message_unref(m);
        return ok;
}

static int connect_bus(struct bus_service *s)
{
        static const DBusObjectPathVTable vtable = {.message_function = on_message};
        // Who leaves the bus.
        static const char *const rule = "type='signal',sender='org.freedesktop.DBus',"
                                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''";
        struct err err = ERR_INIT;
        DBusConnection *c;
        int r = bus_new(&s->bus, broker_loop(s->broker), DBUS_BUS_SESSION, on_lost, s, &err);

        if (r == -ENOTCONN) {
                if (s->attempts == 0)
                        log_event(LOG_E_INFO, "bus.none", "reason=%s", err.text);
                try_later(s);
                return 0;
        }
        if (r < 0)
                return r;
        c = bus_connection(s->bus);
        if (!dbus_connection_register_fallback(c, BUS_ROOT, &vtable, s) ||
                !dbus_connection_add_filter(c, on_signal, s, NULL) || !request_name(s, c)) {
                disconnect(s);
                return -ENOMEM;
        }
        dbus_bus_add_match(c, rule, NULL);   // without an error to fill it only queues the call
        s->env = (struct activation_env){0}; // another bus knows nothing
        bus_service_furnish(s);
        return 0;
}

static void on_reconnect(void *arg)
{
        struct bus_service *s = arg;

        if (connect_bus(s) < 0)
                try_later(s);
}

static int make_parts(struct bus_service *s)
{
        struct loop *l = broker_loop(s->broker);
        struct keeper *const *keepers;
        int r = timer_new(&s->reconnect, l, on_reconnect, s);

        if (r == 0)
                r = timer_new(&s->serve, l, on_serve, s);
        if (r == 0)
                r = timer_new(&s->look, l, on_look, s);
        s->told = calloc(broker_identities(s->broker, &keepers) + 1, sizeof *s->told);
        if (r == 0 && !s->told)
                r = -ENOMEM;
        return r < 0 ? r : connect_bus(s);
}

int bus_service_new(struct bus_service **ret, struct broker *b)
{
        struct bus_service *s = calloc(1, sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        s->broker = b;
        TAILQ_INIT(&s->callers);
        TAILQ_INIT(&s->turns);
        TAILQ_INIT(&s->sign_ins);
        r = make_parts(s);
        if (r < 0) {
                bus_service_free(s);
                return err_trace(r);
        }
        broker_listen(b, &bus_events, s);
        *ret = s;
        return 0;
}

bool bus_service_is_idle(const struct bus_service *s)
{
        return s->n_calls == 0 && (!s->bus || !dbus_connection_has_messages_to_send(bus_connection(s->bus)));
}

void bus_service_furnish(struct bus_service *s)
{
        activation_env_update(&s->env, s->bus ? bus_connection(s->bus) : NULL, s->broker);
}

struct bus_service *bus_service_free(struct bus_service *s)
{
        if (!s)
                return NULL;
        broker_listen(s->broker, NULL, NULL);
        if (s->bus) {
                activation_env_clear(&s->env, bus_connection(s->bus));
                dbus_connection_read_write(bus_connection(s->bus), 0); // as far as it goes without waiting
        }
        disconnect(s);
        timer_free(s->reconnect);
        timer_free(s->serve);
        timer_free(s->look);
        free(s->told);
        free(s);
        return NULL;
}
