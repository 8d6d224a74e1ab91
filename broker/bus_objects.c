// SPDX-License-Identifier: Apache-2.0
//
// The objects and what can be read of them. Interfaces are tables: the same rows answer Introspect, Get, GetAll
// and GetManagedObjects, so that none of them can say something else than the others.
#include "bus_internal.h"

#include "json.h"
#include "sts.h"

struct value {
        const char *s; // type "s"
        int64_t x;     // type "x"
        char room[16];
};

struct property {
        const char *name;
        int type;
        void (*get)(const struct bus_object *o, struct value *v);
};

struct signal {
        const char *name, *signature;
        const char *const *args;
};

struct bus_interface {
        const char *name;
        const struct bus_method *methods;
        const struct property *properties;
        const struct signal *signals;
};

// ---- properties

static void get_version(const struct bus_object *o _unused_, struct value *v)
{
        v->s = VALETKEY_VERSION;
}

static const struct config_identity *identity(const struct bus_object *o)
{
        return keeper_get_config(o->keeper);
}

static void get_identity_name(const struct bus_object *o, struct value *v)
{
        v->s = identity(o)->name;
}

static void get_identity_type(const struct bus_object *o, struct value *v)
{
        v->s = source_type_name(identity(o)->type);
}

static void get_issuer(const struct bus_object *o, struct value *v)
{
        v->s = identity(o)->issuer;
}

static void get_subject(const struct bus_object *o, struct value *v)
{
        const struct grant *g = keeper_get_grant(o->keeper);

        v->s = g ? g->subject : NULL;
}

static void get_username(const struct bus_object *o, struct value *v)
{
        const struct grant *g = keeper_get_grant(o->keeper);

        v->s = g ? g->display : NULL;
}

static void get_identity_state(const struct bus_object *o, struct value *v)
{
        v->s = keeper_state_name(keeper_get_state(o->keeper));
}

static void get_grant_expires(const struct bus_object *o, struct value *v)
{
        const struct grant *g = keeper_get_grant(o->keeper);

        v->x = g ? g->refresh_exp_s : 0;
}

static const struct config_role *role(const struct bus_object *o)
{
        return role_get_config(o->role);
}

static void get_role_name(const struct bus_object *o, struct value *v)
{
        v->s = role(o)->name;
}

static void get_role_arn(const struct bus_object *o, struct value *v)
{
        v->s = role(o)->role_arn;
}

static void get_account_id(const struct bus_object *o, struct value *v)
{
        char account[13];

        if (sts_role_arn_parse(role(o)->role_arn, NULL, account, NULL) == 0) {
                memcpy(v->room, account, sizeof account);
                v->s = v->room;
        }
}

static void get_region(const struct bus_object *o, struct value *v)
{
        v->s = role(o)->region;
}

static void get_source(const struct bus_object *o, struct value *v)
{
        v->s = source_type_name(role_get_source(o->role)->type);
}

static void get_role_state(const struct bus_object *o, struct value *v)
{
        v->s = role_state_name(role_get_state(o->role));
}

static void get_expiration(const struct bus_object *o, struct value *v)
{
        v->x = role_get_expiration_s(o->role);
}

static void get_last_error(const struct bus_object *o, struct value *v)
{
        const char *request_id;

        role_get_last_error(o->role, &v->s, &request_id);
}

static void get_uri(const struct bus_object *o, struct value *v)
{
        v->s = o->sign_in->uri;
}

static void get_uri_complete(const struct bus_object *o, struct value *v)
{
        v->s = o->sign_in->uri_complete;
}

static void get_user_code(const struct bus_object *o, struct value *v)
{
        v->s = o->sign_in->user_code;
}

static void get_expires_at(const struct bus_object *o, struct value *v)
{
        v->x = o->sign_in->expires_at_s;
}

static void get_sign_in_state(const struct bus_object *o, struct value *v)
{
        v->s = o->sign_in->prompted ? "waiting" : "starting";
}

// ---- tables

static const struct property broker_properties[] = {{"Version", DBUS_TYPE_STRING, get_version}, {0}};

static const struct property identity_properties[] = {
        {"Name", DBUS_TYPE_STRING, get_identity_name},
        {"Type", DBUS_TYPE_STRING, get_identity_type},
        {"Issuer", DBUS_TYPE_STRING, get_issuer},
        {"Subject", DBUS_TYPE_STRING, get_subject},
        {"Username", DBUS_TYPE_STRING, get_username},
        {"State", DBUS_TYPE_STRING, get_identity_state},
        {"GrantExpires", DBUS_TYPE_INT64, get_grant_expires},
        {0},
};

static const struct property role_properties[] = {
        {"Name", DBUS_TYPE_STRING, get_role_name},
        {"RoleArn", DBUS_TYPE_STRING, get_role_arn},
        {"AccountId", DBUS_TYPE_STRING, get_account_id},
        {"Region", DBUS_TYPE_STRING, get_region},
        {"Source", DBUS_TYPE_STRING, get_source},
        {"State", DBUS_TYPE_STRING, get_role_state},
        {"Expiration", DBUS_TYPE_INT64, get_expiration},
        {"LastError", DBUS_TYPE_STRING, get_last_error},
        {0},
};

static const struct property sign_in_properties[] = {
        {"VerificationUri", DBUS_TYPE_STRING, get_uri},
        {"VerificationUriComplete", DBUS_TYPE_STRING, get_uri_complete},
        {"UserCode", DBUS_TYPE_STRING, get_user_code},
        {"ExpiresAt", DBUS_TYPE_INT64, get_expires_at},
        {"State", DBUS_TYPE_STRING, get_sign_in_state},
        {0},
};

static const char *const completed_args[] = {"outcome", "message"};
static const struct signal no_signals[] = {{0}};
static const struct signal sign_in_signals[] = {{"Completed", "ss", completed_args}, {0}};

static const struct bus_interface interfaces[] = {
        [BUS_BROKER] = {"org.valetkey.Broker1", bus_methods_broker, broker_properties, no_signals},
        [BUS_IDENTITY] = {"org.valetkey.Identity1", bus_methods_identity, identity_properties, no_signals},
        [BUS_ROLE] = {"org.valetkey.Role1", bus_methods_role, role_properties, no_signals},
        [BUS_SIGN_IN] = {"org.valetkey.SignIn1", bus_methods_sign_in, sign_in_properties, sign_in_signals},
};

const struct bus_interface *bus_interface_of(enum bus_kind kind)
{
        return kind == BUS_NODE ? NULL : &interfaces[kind];
}

const char *bus_interface_name(const struct bus_interface *i)
{
        return i->name;
}

const struct bus_method *bus_interface_methods(const struct bus_interface *i)
{
        return i->methods;
}

// ---- paths

int bus_path(struct buf *out, const char *folder, const char *name)
{
        buf_printf(out, BUS_ROOT "/%s/", folder);
        for (; *name; name++) {
                bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                             (*name >= '0' && *name <= '9');

                if (plain)
                        buf_append_char(out, *name);
                else
                        buf_printf(out, "_%02x", (unsigned)(unsigned char)*name);
        }
        return buf_error(out);
}

static bool is_path(const char *path, const char *folder, const char *name)
{
        cleanup_buf struct buf b = BUF_INIT(2048);

        return bus_path(&b, folder, name) == 0 && strcmp(buf_str(&b), path) == 0;
}

bool bus_find(struct bus_service *s, const char *path, struct bus_object *ret)
{
        struct role *const *roles;
        struct keeper *const *keepers;
        size_t n = broker_roles(s->broker, &roles), m = broker_identities(s->broker, &keepers);

        *ret = (struct bus_object){.service = s};
        if (strcmp(path, BUS_ROOT) == 0) {
                ret->kind = BUS_BROKER;
                return true;
        }
        for (size_t i = 0; i < n; i++)
                if (is_path(path, "role", role_get_config(roles[i])->name)) {
                        ret->kind = BUS_ROLE;
                        ret->role = roles[i];
                        return true;
                }
        for (size_t i = 0; i < m; i++)
                if (is_path(path, "identity", keeper_get_config(keepers[i])->name)) {
                        ret->kind = BUS_IDENTITY;
                        ret->keeper = keepers[i];
                        return true;
                }
        for (struct bus_sign_in *x = s->sign_ins; x; x = x->next)
                if (strcmp(path, x->path) == 0) {
                        ret->kind = BUS_SIGN_IN;
                        ret->sign_in = x;
                        return true;
                }
        return strcmp(path, BUS_ROOT "/role") == 0 || strcmp(path, BUS_ROOT "/identity") == 0 ||
               strcmp(path, BUS_ROOT "/sign_in") == 0;
}

// ---- reading

static bool append_variant(DBusMessageIter *to, const struct property *p, const struct bus_object *o)
{
        const char type[] = {(char)p->type, 0};
        struct value v = {0};
        DBusMessageIter inner;
        dbus_int64_t x;

        p->get(o, &v);
        x = v.x;
        if (!v.s)
                v.s = "";
        if (!dbus_validate_utf8(v.s, NULL))
                v.s = "?";
        return dbus_message_iter_open_container(to, DBUS_TYPE_VARIANT, type, &inner) &&
               dbus_message_iter_append_basic(&inner, p->type,
                       p->type == DBUS_TYPE_STRING ? (const void *)&v.s : (const void *)&x) &&
               dbus_message_iter_close_container(to, &inner);
}

bool bus_append_properties(DBusMessageIter *to, const struct bus_object *o)
{
        const struct bus_interface *iface = bus_interface_of(o->kind);
        DBusMessageIter dict;

        if (!dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "{sv}", &dict))
                return false;
        for (const struct property *p = iface->properties; p->name; p++) {
                DBusMessageIter entry;

                if (!dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) ||
                        !dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &p->name) ||
                        !append_variant(&entry, p, o) || !dbus_message_iter_close_container(&dict, &entry))
                        return false;
        }
        return dbus_message_iter_close_container(to, &dict);
}

int bus_append_property(DBusMessageIter *to, const struct bus_object *o, const char *name)
{
        for (const struct property *p = bus_interface_of(o->kind)->properties; p->name; p++)
                if (strcmp(p->name, name) == 0)
                        return append_variant(to, p, o) ? 0 : -ENOMEM;
        return -ENOENT;
}

static bool append_object(DBusMessageIter *dict, const char *path, const struct bus_object *o)
{
        const char *name = bus_interface_of(o->kind)->name;
        DBusMessageIter entry, ifaces, iface;

        return dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
               dbus_message_iter_append_basic(&entry, DBUS_TYPE_OBJECT_PATH, &path) &&
               dbus_message_iter_open_container(&entry, DBUS_TYPE_ARRAY, "{sa{sv}}", &ifaces) &&
               dbus_message_iter_open_container(&ifaces, DBUS_TYPE_DICT_ENTRY, NULL, &iface) &&
               dbus_message_iter_append_basic(&iface, DBUS_TYPE_STRING, &name) &&
               bus_append_properties(&iface, o) && dbus_message_iter_close_container(&ifaces, &iface) &&
               dbus_message_iter_close_container(&entry, &ifaces) &&
               dbus_message_iter_close_container(dict, &entry);
}

static bool append_named(
        DBusMessageIter *dict, const char *folder, const char *name, const struct bus_object *o)
{
        cleanup_buf struct buf path = BUF_INIT(2048);

        return bus_path(&path, folder, name) == 0 && append_object(dict, buf_str(&path), o);
}

bool bus_append_objects(DBusMessageIter *to, struct bus_service *s)
{
        struct role *const *roles;
        struct keeper *const *keepers;
        size_t n = broker_roles(s->broker, &roles), m = broker_identities(s->broker, &keepers);
        struct bus_object o = {.kind = BUS_IDENTITY, .service = s};
        DBusMessageIter dict;

        if (!dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "{oa{sa{sv}}}", &dict))
                return false;
        for (size_t i = 0; i < m; i++) {
                o.keeper = keepers[i];
                if (!append_named(&dict, "identity", keeper_get_config(keepers[i])->name, &o))
                        return false;
        }
        o.kind = BUS_ROLE;
        for (size_t i = 0; i < n; i++) {
                o.role = roles[i];
                if (!append_named(&dict, "role", role_get_config(roles[i])->name, &o))
                        return false;
        }
        o.kind = BUS_SIGN_IN;
        for (o.sign_in = s->sign_ins; o.sign_in; o.sign_in = o.sign_in->next)
                if (o.sign_in->prompted && !append_object(&dict, o.sign_in->path, &o))
                        return false;
        return dbus_message_iter_close_container(to, &dict);
}

// ---- introspection

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

static void add_interface(struct buf *out, const struct bus_interface *iface)
{
        buf_printf(out, " <interface name=\"%s\">\n", iface->name);
        for (const struct bus_method *m = iface->methods; m->name; m++) {
                const char *const *names = m->args;

                buf_printf(out, "  <method name=\"%s\">\n", m->name);
                add_args(out, m->in, &names, "in");
                add_args(out, m->out, &names, "out");
                buf_append_str(out, "  </method>\n");
        }
        for (const struct signal *s = iface->signals; s->name; s++) {
                const char *const *names = s->args;

                buf_printf(out, "  <signal name=\"%s\">\n", s->name);
                add_args(out, s->signature, &names, NULL);
                buf_append_str(out, "  </signal>\n");
        }
        for (const struct property *p = iface->properties; p->name; p++)
                buf_printf(out, "  <property name=\"%s\" type=\"%c\" access=\"read\"/>\n", p->name, p->type);
        buf_append_str(out, " </interface>\n");
}

static void add_child(struct buf *out, const char *folder, const char *name)
{
        cleanup_buf struct buf path = BUF_INIT(2048);

        if (bus_path(&path, folder, name) == 0)
                buf_printf(out, " <node name=\"%s\"/>\n", strrchr(buf_str(&path), '/') + 1);
}

static void add_children(struct bus_service *s, const char *path, struct buf *out)
{
        struct role *const *roles;
        struct keeper *const *keepers;
        size_t n = broker_roles(s->broker, &roles), m = broker_identities(s->broker, &keepers);

        if (strcmp(path, BUS_ROOT) == 0)
                buf_append_str(out,
                        " <node name=\"identity\"/>\n <node name=\"role\"/>\n <node name=\"sign_in\"/>\n");
        if (strcmp(path, BUS_ROOT "/role") == 0)
                for (size_t i = 0; i < n; i++)
                        add_child(out, "role", role_get_config(roles[i])->name);
        if (strcmp(path, BUS_ROOT "/identity") == 0)
                for (size_t i = 0; i < m; i++)
                        add_child(out, "identity", keeper_get_config(keepers[i])->name);
        if (strcmp(path, BUS_ROOT "/sign_in") == 0)
                for (struct bus_sign_in *x = s->sign_ins; x; x = x->next)
                        buf_printf(out, " <node name=\"%s\"/>\n", strrchr(x->path, '/') + 1);
}

static const char standard_interfaces[] =
        " <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
        "  <method name=\"Introspect\">\n   <arg name=\"xml_data\" type=\"s\" direction=\"out\"/>\n  "
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

int bus_introspect(struct bus_service *s, const char *path, const struct bus_object *o, struct buf *out)
{
        buf_append_str(out, DBUS_INTROSPECT_1_0_XML_DOCTYPE_DECL_NODE "<node>\n");
        buf_append_str(out, standard_interfaces);
        if (o->kind != BUS_NODE)
                add_interface(out, bus_interface_of(o->kind));
        if (o->kind == BUS_BROKER)
                buf_append_str(out, object_manager);
        add_children(s, path, out);
        buf_append_str(out, "</node>\n");
        return buf_error(out);
}
