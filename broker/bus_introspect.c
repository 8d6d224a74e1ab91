// SPDX-License-Identifier: Apache-2.0
//
// What an object says of itself in XML, out of the same tables that answer its calls: dbus/org.valetkey.Broker1.xml is
// held against it by a test.
#include "bus_internal.h"

static const char standard_interfaces[] =
        " <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
        "  <method name=\"Introspect\">\n   <arg name=\"xml_data\" type=\"s\" direction=\"out\"/>\n  "
        "</method>\n"
        " </interface>\n"
        " <interface name=\"org.freedesktop.DBus.Peer\">\n"
        "  <method name=\"Ping\"/>\n"
        "  <method name=\"GetMachineId\">\n   <arg name=\"machine_uuid\" type=\"s\" direction=\"out\"/>\n  "
        "</method>\n"
        " </interface>\n"
        " <interface name=\"org.freedesktop.DBus.Properties\">\n"
        "  <method name=\"Get\">\n   <arg name=\"interface_name\" type=\"s\" direction=\"in\"/>\n"
        "   <arg name=\"property_name\" type=\"s\" direction=\"in\"/>\n"
        "   <arg name=\"value\" type=\"v\" direction=\"out\"/>\n  </method>\n"
        "  <method name=\"GetAll\">\n   <arg name=\"interface_name\" type=\"s\" direction=\"in\"/>\n"
        "   <arg name=\"properties\" type=\"a{sv}\" direction=\"out\"/>\n  </method>\n"
        "  <method name=\"Set\">\n   <arg name=\"interface_name\" type=\"s\" direction=\"in\"/>\n"
        "   <arg name=\"property_name\" type=\"s\" direction=\"in\"/>\n"
        "   <arg name=\"value\" type=\"v\" direction=\"in\"/>\n  </method>\n"
        "  <signal name=\"PropertiesChanged\">\n   <arg name=\"interface_name\" type=\"s\"/>\n"
        "   <arg name=\"changed_properties\" type=\"a{sv}\"/>\n"
        "   <arg name=\"invalidated_properties\" type=\"as\"/>\n  </signal>\n"
        " </interface>\n";

static const char object_manager[] =
        " <interface name=\"org.freedesktop.DBus.ObjectManager\">\n"
        "  <method name=\"GetManagedObjects\">\n"
        "   <arg name=\"objects\" type=\"a{oa{sa{sv}}}\" direction=\"out\"/>\n  </method>\n"
        "  <signal name=\"InterfacesAdded\">\n   <arg name=\"object\" type=\"o\"/>\n"
        "   <arg name=\"interfaces\" type=\"a{sa{sv}}\"/>\n  </signal>\n"
        "  <signal name=\"InterfacesRemoved\">\n   <arg name=\"object\" type=\"o\"/>\n"
        "   <arg name=\"interfaces\" type=\"as\"/>\n  </signal>\n"
        " </interface>\n";

static void add_args(struct buf *out, const char *signature, const char *const **names, const char *direction)
{
        DBusSignatureIter i;

        if (!*signature)
                return;
        dbus_signature_iter_init(&i, signature);
        do {
                char *type = dbus_signature_iter_get_signature(&i);

                buf_printf(out, "   <arg name=\"%s\" type=\"%s\"", *(*names)++, type ? type : "");
                if (direction)
                        buf_printf(out, " direction=\"%s\"", direction);
                buf_append_str(out, "/>\n");
                dbus_free(type);
        } while (dbus_signature_iter_next(&i));
}

static void add_method(struct buf *out, const struct bus_method *m)
{
        const char *const *names = m->args;

        if (!m->args) {
                buf_printf(out, "  <method name=\"%s\"/>\n", m->name);
                return;
        }
        buf_printf(out, "  <method name=\"%s\">\n", m->name);
        add_args(out, m->in, &names, "in");
        add_args(out, m->out, &names, "out");
        buf_append_str(out, "  </method>\n");
}

static void add_property(struct buf *out, const struct bus_property *p)
{
        buf_printf(out, "  <property name=\"%s\" type=\"%c\" access=\"read\"", p->name, p->type);
        if (!p->constant) {
                buf_append_str(out, "/>\n"); // with PropertiesChanged, as is the rule
                return;
        }
        buf_append_str(out, ">\n   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
                            "value=\"const\"/>\n  </property>\n");
}

static void add_interface(struct buf *out, const struct bus_interface *iface)
{
        buf_printf(out, " <interface name=\"%s\">\n", iface->name);
        for (const struct bus_method *m = iface->methods; m->name; m++)
                add_method(out, m);
        for (const struct bus_signal *s = iface->signals; s->name; s++) {
                const char *const *names = s->args;

                buf_printf(out, "  <signal name=\"%s\">\n", s->name);
                add_args(out, s->signature, &names, NULL);
                buf_append_str(out, "  </signal>\n");
        }
        for (const struct bus_property *p = iface->properties; p->name; p++)
                add_property(out, p);
        buf_append_str(out, " </interface>\n");
}

static bool add_child(const struct bus_object *o _unused_, const char *path, void *arg)
{
        buf_append_str(arg, " <node name=\"");
        buf_append_str(arg, strrchr(path, '/') + 1);
        return buf_append_str(arg, "\"/>\n") == 0;
}

int bus_introspect(
        const struct bus_caller *caller, const char *path, const struct bus_object *o, struct buf *out)
{
        buf_append_str(out, DBUS_INTROSPECT_1_0_XML_DOCTYPE_DECL_NODE "<node>\n");
        buf_append_str(out, standard_interfaces);
        if (o->kind != BUS_NODE)
                add_interface(out, &bus_interfaces[o->kind]);
        if (o->kind == BUS_BROKER) {
                buf_append_str(out, object_manager);
                buf_append_str(out,
                        " <node name=\"identity\"/>\n <node name=\"role\"/>\n <node name=\"sign_in\"/>\n");
        }
        if (strcmp(path, BUS_ROOT "/role") == 0)
                bus_for_each(caller, BUS_ROLE, add_child, out);
        else if (strcmp(path, BUS_ROOT "/identity") == 0)
                bus_for_each(caller, BUS_IDENTITY, add_child, out);
        else if (strcmp(path, BUS_ROOT "/sign_in") == 0)
                bus_for_each(caller, BUS_SIGN_IN, add_child, out);
        buf_append_str(out, "</node>\n");
        return buf_error(out);
}
