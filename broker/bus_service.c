// SPDX-License-Identifier: Apache-2.0
//
// The connection and the way of a message: from a caller whose uid the bus vouches for (asked once for each),
// through the standard interfaces or the table of the object it names, to a reply now or later. Callers are
// told apart by unique name; when one leaves, everything it waits for goes.
#include "bus_internal.h"

#include "log.h"

#include <unistd.h>

#define BUS_NAME       "org.valetkey.Broker1"
#define CALLERS_MAX    512
#define CALLS_MAX_EACH 256
#define RECONNECT_MS   INT64_C(10000)
#define ASK_MS         5000

static struct bus_caller *caller_free(struct bus_caller *c)
{
        struct bus_service *s = c->service;

        for (struct bus_sign_in *x = s->sign_ins, *next; x; x = next) {
                next = x->next;
                if (x->caller == c)
                        bus_sign_in_free(x);
        }
        for (struct bus_call *x = s->calls, *next; x; x = next) {
                next = x->next;
                if (x->caller == c)
                        bus_call_free(x);
        }
        for (struct bus_caller **p = &s->callers; *p; p = &(*p)->next)
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        if (c->asking) {
                dbus_pending_call_cancel(c->asking);
                dbus_pending_call_unref(c->asking);
        }
        s->n_callers--;
        free(c->name);
        free(c);
        return NULL;
}

// ---- methods

static bool is_interface(const struct bus_object *o, const char *name)
{
        return o->kind != BUS_NODE && strcmp(name, bus_interface_name(bus_interface_of(o->kind))) == 0;
}

static void reply_property(struct bus_call *c, const struct bus_object *o, bool all)
{
        DBusMessage *reply = dbus_message_new_method_return(c->message);
        const char *iface = NULL, *name = NULL;
        DBusMessageIter args;
        int r;

        if (!reply) {
                bus_reply(c, NULL);
                return;
        }
        // The signature has been compared: these are strings.
        dbus_message_get_args(c->message, NULL, DBUS_TYPE_STRING, &iface,
                all ? DBUS_TYPE_INVALID : DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
        dbus_message_iter_init_append(reply, &args);
        if (!is_interface(o, iface))
                r = -ENOENT;
        else if (all)
                r = bus_append_properties(&args, o) ? 0 : -ENOMEM;
        else
                r = bus_append_property(&args, o, name);
        if (r < 0) {
                dbus_message_unref(reply);
                reply = NULL;
        }
        if (r == -ENOENT)
                bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_PROPERTY, "no such property here");
        else
                bus_reply(c, reply);
}

static void reply_introspection(struct bus_call *c, const struct bus_object *o)
{
        cleanup_buf struct buf xml = BUF_INIT(4u << 20);
        DBusMessage *reply = NULL;
        const char *text;

        if (bus_introspect(c->service, dbus_message_get_path(c->message), o, &xml) == 0) {
                text = buf_str(&xml);
                reply = dbus_message_new_method_return(c->message);
                if (reply && !dbus_message_append_args(reply, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID)) {
                        dbus_message_unref(reply);
                        reply = NULL;
                }
        }
        bus_reply(c, reply);
}

static void reply_objects(struct bus_call *c)
{
        DBusMessage *reply = dbus_message_new_method_return(c->message);
        DBusMessageIter args;

        if (reply) {
                dbus_message_iter_init_append(reply, &args);
                if (!bus_append_objects(&args, c->service)) {
                        dbus_message_unref(reply);
                        reply = NULL;
                }
        }
        bus_reply(c, reply);
}

static bool is_call(DBusMessage *m, const char *iface, const char *member, const char *signature)
{
        return dbus_message_is_method_call(m, iface, member) && dbus_message_has_signature(m, signature);
}

static void own_method(struct bus_call *c, const struct bus_object *o)
{
        const char *iface = dbus_message_get_interface(c->message),
                   *member = dbus_message_get_member(c->message);

        if (o->kind != BUS_NODE && (!iface || is_interface(o, iface))) {
                const struct bus_method *m = bus_interface_methods(bus_interface_of(o->kind));

                for (; m->name; m++) {
                        if (strcmp(m->name, member) != 0)
                                continue;
                        if (dbus_message_has_signature(c->message, m->in))
                                m->handle(c, o);
                        else
                                bus_reply_dbus_error(c, DBUS_ERROR_INVALID_ARGS, "wrong arguments");
                        return;
                }
        }
        bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_METHOD, "no such method here");
}

static void begin(struct bus_call *c)
{
        DBusMessage *m = c->message;
        struct bus_object o;

        c->begun = true;
        if (c->caller->state == CALLER_FOREIGN)
                bus_reply_error(c, OUTCOME_ACCESS_DENIED, "this broker serves another user");
        else if (!bus_find(c->service, dbus_message_get_path(m), &o))
                bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_OBJECT, "no such object");
        else if (is_call(m, DBUS_INTERFACE_INTROSPECTABLE, "Introspect", ""))
                reply_introspection(c, &o);
        else if (is_call(m, DBUS_INTERFACE_PROPERTIES, "Get", "ss"))
                reply_property(c, &o, false);
        else if (is_call(m, DBUS_INTERFACE_PROPERTIES, "GetAll", "s"))
                reply_property(c, &o, true);
        else if (is_call(m, DBUS_INTERFACE_PROPERTIES, "Set", "ssv"))
                bus_reply_dbus_error(c, DBUS_ERROR_PROPERTY_READ_ONLY, "properties are read-only");
        else if (o.kind == BUS_BROKER &&
                 is_call(m, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ""))
                reply_objects(c);
        else
                own_method(c, &o);
}

// ---- callers

static struct bus_caller *caller_find(const struct bus_service *s, const char *name)
{
        struct bus_caller *c = s->callers;

        while (c && strcmp(c->name, name) != 0)
                c = c->next;
        return c;
}

static void begin_all(struct bus_caller *caller)
{
        struct bus_service *s = caller->service;
        struct bus_call *c;

        do {
                for (c = s->calls; c && (c->caller != caller || c->begun); c = c->next)
                        ;
                if (c)
                        begin(c);
        } while (c);
}

static void on_credentials(DBusPendingCall *pending, void *arg)
{
        struct bus_caller *c = arg;
        DBusMessage *m = dbus_pending_call_steal_reply(pending);
        uid_t uid = 0;
        bool ours = bus_read_caller(m, &uid, &c->who, &c->who_error) && uid == geteuid();

        if (m)
                dbus_message_unref(m);
        dbus_pending_call_unref(c->asking);
        c->asking = NULL;
        c->state = ours ? CALLER_OURS : CALLER_FOREIGN;
        if (!ours)
                log_event(LOG_E_WARNING, "caller.refused", "uid=%u bus_name=%s reason=%s", (unsigned)uid,
                        c->name, "another user");
        begin_all(c);
}

// Asks the bus, which has it from the kernel, whose process this is.
static bool ask_who(struct bus_caller *c)
{
        DBusMessage *m = dbus_message_new_method_call(
                DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetConnectionCredentials");
        bool ok = m && dbus_message_append_args(m, DBUS_TYPE_STRING, &c->name, DBUS_TYPE_INVALID) &&
                  dbus_connection_send_with_reply(bus_connection(c->service->bus), m, &c->asking, ASK_MS) &&
                  c->asking && dbus_pending_call_set_notify(c->asking, on_credentials, c, NULL);

        if (m)
                dbus_message_unref(m);
        return ok;
}

static struct bus_caller *caller_get(struct bus_service *s, const char *name)
{
        struct bus_caller *c = caller_find(s, name);

        if (c || s->n_callers >= CALLERS_MAX)
                return c;
        c = calloc(1, sizeof *c);
        if (!c)
                return NULL;
        *c = (struct bus_caller){.service = s, .next = s->callers, .name = strdup(name)};
        s->callers = c;
        s->n_callers++;
        if (!c->name || !ask_who(c))
                return caller_free(c);
        return c;
}

static DBusHandlerResult refuse_now(DBusConnection *connection, DBusMessage *m)
{
        DBusMessage *reply = dbus_message_new_error(m, outcome_info(OUTCOME_BUSY)->dbus_error,
                "too many calls are waiting; try again in a moment");

        if (reply && !dbus_message_get_no_reply(m))
                (void)dbus_connection_send(connection, reply, NULL);
        if (reply)
                dbus_message_unref(reply);
        return DBUS_HANDLER_RESULT_HANDLED;
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *m, void *arg)
{
        struct bus_service *s = arg;
        const char *sender = dbus_message_get_sender(m);
        struct bus_caller *caller;
        struct bus_call *c;

        if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_METHOD_CALL || !sender)
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        caller = caller_get(s, sender);
        if (!caller || caller->n_calls >= CALLS_MAX_EACH)
                return refuse_now(connection, m);
        c = calloc(1, sizeof *c);
        if (!c)
                return DBUS_HANDLER_RESULT_NEED_MEMORY;
        *c = (struct bus_call){.service = s,
                .caller = caller,
                .message = dbus_message_ref(m),
                .next = s->calls,
                .link = &s->calls};
        if (c->next)
                c->next->link = &c->next;
        s->calls = c;
        caller->n_calls++;
        if (caller->state != CALLER_ASKED)
                begin(c);
        return DBUS_HANDLER_RESULT_HANDLED;
}

static DBusHandlerResult on_signal(DBusConnection *connection _unused_, DBusMessage *m, void *arg)
{
        struct bus_service *s = arg;
        const char *name, *old, *new;
        struct bus_caller *c;

        if (!dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameOwnerChanged") ||
                !dbus_message_has_sender(m, DBUS_SERVICE_DBUS) ||
                !dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &old,
                        DBUS_TYPE_STRING, &new, DBUS_TYPE_INVALID) ||
                new[0])
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        c = caller_find(s, name);
        if (c)
                caller_free(c);
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

// ---- what has changed

static void emit_changed(
        struct bus_service *s, const char *folder, const char *name, const struct bus_object *o)
{
        cleanup_buf struct buf path = BUF_INIT(2048);
        const char *iface = bus_interface_name(bus_interface_of(o->kind));
        DBusMessageIter args, none;
        DBusMessage *m;

        if (!s->bus || bus_path(&path, folder, name) < 0)
                return;
        m = dbus_message_new_signal(buf_str(&path), DBUS_INTERFACE_PROPERTIES, "PropertiesChanged");
        if (!m)
                return;
        dbus_message_iter_init_append(m, &args);
        if (dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &iface) &&
                bus_append_properties(&args, o) &&
                dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "s", &none) &&
                dbus_message_iter_close_container(&args, &none))
                bus_emit(s, m);
        else
                dbus_message_unref(m);
}

static void on_role(struct role *r, void *arg)
{
        struct bus_object o = {.kind = BUS_ROLE, .service = arg, .role = r};

        emit_changed(arg, "role", role_get_config(r)->name, &o);
}

static void on_identity(struct keeper *k, void *arg)
{
        struct bus_object o = {.kind = BUS_IDENTITY, .service = arg, .keeper = k};

        emit_changed(arg, "identity", keeper_get_config(k)->name, &o);
}

// ---- the connection

static void disconnect(struct bus_service *s)
{
        while (s->callers)
                caller_free(s->callers);
        s->bus = bus_free(s->bus);
}

static void on_lost(void *arg)
{
        struct bus_service *s = arg;

        log_event(LOG_E_NOTICE, "bus.lost", "next=%s", "trying again");
        disconnect(s);
        timer_arm_in(s->reconnect, RECONNECT_MS);
}

static void on_name(DBusPendingCall *pending, void *arg _unused_)
{
        DBusMessage *m = dbus_pending_call_steal_reply(pending);
        dbus_uint32_t result = 0;

        if (!m || !dbus_message_get_args(m, NULL, DBUS_TYPE_UINT32, &result, DBUS_TYPE_INVALID) ||
                result != DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER)
                log_event(LOG_E_WARNING, "bus.no_name", "name=%s reason=%s", BUS_NAME,
                        "another program has it, or the bus refuses it");
        if (m)
                dbus_message_unref(m);
}

static bool request_name(DBusConnection *c)
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
                  dbus_pending_call_set_notify(pending, on_name, NULL, NULL);

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
                log_event(LOG_E_INFO, "bus.none", "reason=%s", err.text);
                return 0;
        }
        if (r < 0)
                return r;
        c = bus_connection(s->bus);
        if (!dbus_connection_register_fallback(c, BUS_ROOT, &vtable, s) ||
                !dbus_connection_add_filter(c, on_signal, s, NULL) || !request_name(c)) {
                disconnect(s);
                return -ENOMEM;
        }
        dbus_bus_add_match(c, rule, NULL); // without an error to fill it only queues the call
        return 0;
}

static void on_reconnect(void *arg)
{
        struct bus_service *s = arg;

        if (connect_bus(s) < 0 || !s->bus)
                timer_arm_in(s->reconnect, RECONNECT_MS);
}

int bus_service_new(struct bus_service **ret, struct broker *b)
{
        static const struct broker_events events = {
                .role_changed = on_role, .role_rotated = on_role, .identity_changed = on_identity};
        struct bus_service *s = calloc(1, sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        s->broker = b;
        r = timer_new(&s->reconnect, broker_loop(b), on_reconnect, s);
        if (r == 0)
                r = connect_bus(s);
        if (r < 0) {
                bus_service_free(s);
                return err_trace(r);
        }
        broker_listen(b, &events, s);
        *ret = s;
        return 0;
}

bool bus_service_is_idle(const struct bus_service *s)
{
        return !s->calls && (!s->bus || !dbus_connection_has_messages_to_send(bus_connection(s->bus)));
}

struct bus_service *bus_service_free(struct bus_service *s)
{
        if (!s)
                return NULL;
        broker_listen(s->broker, NULL, NULL);
        disconnect(s);
        if (s->reconnect)
                timer_free(s->reconnect);
        free(s);
        return NULL;
}
