// SPDX-License-Identifier: Apache-2.0
//
// Which method of which object a call means: the standard interfaces here, ours by their tables. Arguments are compared
// with the signature before a method sees them.
#include "bus_internal.h"

// A session bus carries a gigabyte in a message; ten thousand roles with long names are some megabytes.
#define ANSWER_MAX (64u << 20)

static bool is_interface(const struct bus_object *o, const char *name)
{
        return o->kind != BUS_NODE && strcmp(name, bus_interfaces[o->kind].name) == 0;
}

// ---- org.freedesktop.DBus.Properties

static void get_property(struct bus_call *c, const struct bus_object *o, bool all)
{
        DBusMessage *reply = dbus_message_new_method_return(c->message);
        const char *iface = NULL, *name = NULL;
        DBusMessageIter args;
        int r;

        if (!reply) {
                bus_reply(c, NULL);
                return;
        }
        dbus_message_iter_init(c->message, &args);
        dbus_message_iter_get_basic(&args, &iface);
        if (!all) {
                dbus_message_iter_next(&args);
                dbus_message_iter_get_basic(&args, &name);
        }
        dbus_message_iter_init_append(reply, &args);
        if (o->kind == BUS_NODE || (iface[0] && !is_interface(o, iface)))
                r = -ENOENT;
        else if (all)
                r = bus_append_properties(&args, o, true) ? 0 : -ENOMEM;
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

static void get(struct bus_call *c, const struct bus_object *o)
{
        get_property(c, o, false);
}

static void get_all(struct bus_call *c, const struct bus_object *o)
{
        get_property(c, o, true);
}

static void set(struct bus_call *c, const struct bus_object *o _unused_)
{
        bus_reply_dbus_error(c, DBUS_ERROR_PROPERTY_READ_ONLY, "properties are read-only");
}

// ---- org.freedesktop.DBus.Introspectable

static void introspect(struct bus_call *c, const struct bus_object *o)
{
        cleanup_buf struct buf xml = BUF_INIT(ANSWER_MAX);

        if (bus_introspect(c->caller, dbus_message_get_path(c->message), o, &xml) == 0)
                bus_reply_string(c, &xml);
        else
                bus_reply(c, NULL);
}

// ---- org.freedesktop.DBus.ObjectManager

struct listing {
        DBusMessageIter *dict;
        uint64_t weight;
};

static bool append_object(const struct bus_object *o, const char *path, void *arg)
{
        struct listing *l = arg;
        DBusMessageIter entry;

        l->weight += 1024;
        return dbus_message_iter_open_container(l->dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
               dbus_message_iter_append_basic(&entry, DBUS_TYPE_OBJECT_PATH, &path) &&
               bus_append_interfaces(&entry, o) && dbus_message_iter_close_container(l->dict, &entry);
}

static void get_managed_objects(struct bus_call *c, const struct bus_object *o)
{
        DBusMessage *reply = dbus_message_new_method_return(c->message);
        DBusMessageIter args, dict;
        struct listing l = {.dict = &dict};

        if (o->kind != BUS_BROKER) {
                if (reply)
                        dbus_message_unref(reply);
                bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_METHOD, "no such method here");
                return;
        }
        if (reply) {
                dbus_message_iter_init_append(reply, &args);
                if (!dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "{oa{sa{sv}}}", &dict) ||
                        !bus_for_each(c->caller, BUS_IDENTITY, append_object, &l) ||
                        !bus_for_each(c->caller, BUS_ROLE, append_object, &l) ||
                        !bus_for_each(c->caller, BUS_SIGN_IN, append_object, &l) ||
                        !dbus_message_iter_close_container(&args, &dict)) {
                        dbus_message_unref(reply);
                        reply = NULL;
                }
        }
        c->weight = l.weight;
        bus_reply(c, reply);
}

// ---- finding the method

static const struct {
        const char *interface;
        struct bus_method method;
} standard[] = {
        {DBUS_INTERFACE_PROPERTIES, {"Get", "ss", "v", NULL, get, BUS_READS | BUS_SANDBOX}},
        {DBUS_INTERFACE_PROPERTIES, {"GetAll", "s", "a{sv}", NULL, get_all, BUS_READS | BUS_SANDBOX}},
        {DBUS_INTERFACE_PROPERTIES, {"Set", "ssv", "", NULL, set, BUS_READS | BUS_SANDBOX}},
        {DBUS_INTERFACE_INTROSPECTABLE, {"Introspect", "", "s", NULL, introspect, BUS_READS | BUS_SANDBOX}},
        {BUS_OBJECT_MANAGER, {"GetManagedObjects", "", "a{oa{sa{sv}}}", NULL, get_managed_objects,
                                     BUS_READS | BUS_SANDBOX}},
};

// A call without an interface means ours first.
static const struct bus_method *find_method(DBusMessage *m, const struct bus_object *o)
{
        const char *iface = dbus_message_get_interface(m), *member = dbus_message_get_member(m);

        if (o->kind != BUS_NODE && (!iface || is_interface(o, iface)))
                for (const struct bus_method *x = bus_interfaces[o->kind].methods; x->name; x++)
                        if (strcmp(x->name, member) == 0)
                                return x;
        for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
                if (strcmp(standard[i].method.name, member) == 0 &&
                        (!iface || strcmp(standard[i].interface, iface) == 0))
                        return &standard[i].method;
        return NULL;
}

void bus_begin(struct bus_call *c)
{
        DBusMessage *m = c->message;
        const struct bus_method *method;
        struct bus_object o;

        if (c->caller->state == BUS_CALLER_REFUSED) {
                bus_reply_error(c, OUTCOME_ACCESS_DENIED, c->caller->refusal.text);
                return;
        }
        if (!bus_find(c->caller, dbus_message_get_path(m), &o)) {
                bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_OBJECT, "no such object");
                return;
        }
        method = find_method(m, &o);
        if (!method)
                bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_METHOD, "no such method here");
        else if (!dbus_message_has_signature(m, method->in))
                bus_reply_dbus_error(c, DBUS_ERROR_INVALID_ARGS, "wrong arguments");
        else if (!(method->flags & BUS_SANDBOX) && !handout_may_manage(&c->caller->who))
                bus_reply_error(c, OUTCOME_ACCESS_DENIED, "this is not for programs in a sandbox");
        else if ((method->flags & BUS_READS) && dbus_message_get_no_reply(m))
                bus_call_free(c); // whoever floods in this way shall not have us work, too
        else
                method->handle(c, &o);
}
