// SPDX-License-Identifier: Apache-2.0
//
// The objects and what can be read of them. Interfaces are tables: the same rows answer Introspect, Get, GetAll,
// GetManagedObjects and PropertiesChanged, so that none of them can say something else than the others.
#include "bus_internal.h"

#include "json.h"
#include "sts.h"

// ---- properties

static void get_version(const struct bus_object *o _unused_, struct bus_value *v)
{
        v->s = VALETKEY_VERSION;
}

static const struct config_identity *identity(const struct bus_object *o)
{
        return keeper_get_config(o->keeper);
}

static void get_identity_name(const struct bus_object *o, struct bus_value *v)
{
        v->s = identity(o)->name;
}

static void get_identity_type(const struct bus_object *o, struct bus_value *v)
{
        v->s = source_type_name(identity(o)->type);
}

static void get_issuer(const struct bus_object *o, struct bus_value *v)
{
        v->s = identity(o)->issuer;
}

static void get_subject(const struct bus_object *o, struct bus_value *v)
{
        const struct grant *g = keeper_get_grant(o->keeper);

        v->s = g ? g->subject : NULL;
}

static void get_username(const struct bus_object *o, struct bus_value *v)
{
        const struct grant *g = keeper_get_grant(o->keeper);

        v->s = g ? g->display : NULL;
}

static void get_identity_state(const struct bus_object *o, struct bus_value *v)
{
        v->s = keeper_state_name(keeper_get_state(o->keeper));
}

static void get_grant_expires(const struct bus_object *o, struct bus_value *v)
{
        v->x = keeper_get_ends_s(o->keeper);
}

static const struct config_role *role(const struct bus_object *o)
{
        return role_get_config(o->role);
}

static void get_role_name(const struct bus_object *o, struct bus_value *v)
{
        v->s = role(o)->name;
}

static void get_role_arn(const struct bus_object *o, struct bus_value *v)
{
        v->s = role(o)->role_arn;
}

static void get_account_id(const struct bus_object *o, struct bus_value *v)
{
        char account[13];

        if (sts_role_arn_parse(role(o)->role_arn, NULL, account, NULL) == 0) {
                memcpy(v->room, account, sizeof account);
                v->s = v->room;
        }
}

static void get_region(const struct bus_object *o, struct bus_value *v)
{
        v->s = role(o)->region;
}

static void get_source(const struct bus_object *o, struct bus_value *v)
{
        v->s = source_type_name(role_get_source(o->role)->type);
}

static void get_role_state(const struct bus_object *o, struct bus_value *v)
{
        v->s = role_state_name(role_get_state(o->role));
}

static void get_expiration(const struct bus_object *o, struct bus_value *v)
{
        v->x = role_get_expiration_s(o->role);
}

static void get_last_error(const struct bus_object *o, struct bus_value *v)
{
        const char *request_id;

        role_get_last_error(o->role, &v->s, &request_id);
}

static void get_uri(const struct bus_object *o, struct bus_value *v)
{
        v->s = o->sign_in->uri;
}

static void get_uri_complete(const struct bus_object *o, struct bus_value *v)
{
        v->s = o->sign_in->uri_complete;
}

static void get_user_code(const struct bus_object *o, struct bus_value *v)
{
        v->s = o->sign_in->user_code;
}

static void get_expires_at(const struct bus_object *o, struct bus_value *v)
{
        v->x = o->sign_in->expires_at_s;
}

static void get_flow(const struct bus_object *o, struct bus_value *v)
{
        v->s = sign_in_flow_name(o->sign_in->flow);
}

static void get_open(const struct bus_object *o, struct bus_value *v)
{
        v->b = o->sign_in->open;
}

static void get_sign_in_state(const struct bus_object *o, struct bus_value *v)
{
        v->s = o->sign_in->prompted ? "waiting" : "starting";
}

static void get_role_identity(const struct bus_object *o, struct bus_value *v)
{
        if (bus_path(v->room, "identity", role(o)->identity))
                v->s = v->room;
}

static void get_sign_in_identity(const struct bus_object *o, struct bus_value *v)
{
        if (bus_path(v->room, "identity", keeper_get_config(o->sign_in->keeper)->name))
                v->s = v->room;
}

// ---- tables

#define S DBUS_TYPE_STRING
#define X DBUS_TYPE_INT64
#define B DBUS_TYPE_BOOLEAN

static const struct bus_property broker_properties[] = {{"Version", S, true, get_version}, {0}};

static const struct bus_property identity_properties[] = {
        {"Name", S, true, get_identity_name},
        {"Type", S, true, get_identity_type},
        {"Issuer", S, true, get_issuer},
        {"Subject", S, false, get_subject},
        {"Username", S, false, get_username},
        {"State", S, false, get_identity_state},
        {"GrantExpires", X, false, get_grant_expires},
        {0},
};

static const struct bus_property role_properties[] = {
        {"Name", S, true, get_role_name},
        {"RoleArn", S, true, get_role_arn},
        {"AccountId", S, true, get_account_id},
        {"Region", S, true, get_region},
        {"Source", S, true, get_source},
        {"Identity", DBUS_TYPE_OBJECT_PATH, true, get_role_identity},
        {"State", S, false, get_role_state},
        {"Expiration", X, false, get_expiration},
        {"LastError", S, false, get_last_error},
        {0},
};

static const struct bus_property sign_in_properties[] = {
        {"Identity", DBUS_TYPE_OBJECT_PATH, true, get_sign_in_identity},
        {"Flow", S, true, get_flow},
        {"VerificationUri", S, true, get_uri},
        {"VerificationUriComplete", S, true, get_uri_complete},
        {"UserCode", S, true, get_user_code},
        {"Open", B, true, get_open},
        {"ExpiresAt", X, true, get_expires_at},
        {"State", S, false, get_sign_in_state},
        {0},
};

#define ARGS(...) ((const char *const[]){__VA_ARGS__})

static const struct bus_signal no_signals[] = {{0}};
static const struct bus_signal identity_signals[] = {
        {"SignInRequired", "ss", ARGS("reason", "message")}, {0}};
static const struct bus_signal role_signals[] = {
        {"CredentialsRotated", "sx", ARGS("access_key_id", "expiration")}, {0}};
static const struct bus_signal sign_in_signals[] = {{"Completed", "ss", ARGS("outcome", "message")}, {0}};

const struct bus_interface bus_interfaces[BUS_KINDS] = {
        [BUS_BROKER] = {BUS_NAME, bus_methods_broker, broker_properties, no_signals},
        [BUS_IDENTITY] = {"org.valetkey.Identity1", bus_methods_identity, identity_properties,
                identity_signals},
        [BUS_ROLE] = {"org.valetkey.Role1", bus_methods_role, role_properties, role_signals},
        [BUS_SIGN_IN] = {"org.valetkey.SignIn1", bus_methods_sign_in, sign_in_properties, sign_in_signals},
};

// ---- reading

static bool append_variant(DBusMessageIter *to, const struct bus_property *p, const struct bus_object *o)
{
        const char type[] = {(char)p->type, 0};
        struct bus_value v;
        DBusMessageIter inner;
        dbus_int64_t x;
        dbus_bool_t b;

        v.s = NULL;
        v.x = 0;
        v.b = false;
        p->get(o, &v);
        x = v.x;
        b = v.b;
        if (!v.s)
                v.s = p->type == DBUS_TYPE_OBJECT_PATH ? "/" : "";
        if (!dbus_validate_utf8(v.s, NULL))
                v.s = "?";
        return dbus_message_iter_open_container(to, DBUS_TYPE_VARIANT, type, &inner) &&
               dbus_message_iter_append_basic(&inner, p->type,
                       p->type == DBUS_TYPE_INT64     ? (const void *)&x
                       : p->type == DBUS_TYPE_BOOLEAN ? (const void *)&b
                                                      : (const void *)&v.s) &&
               dbus_message_iter_close_container(to, &inner);
}

bool bus_append_properties(DBusMessageIter *to, const struct bus_object *o, bool constant_too)
{
        DBusMessageIter dict;

        if (!dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "{sv}", &dict))
                return false;
        for (const struct bus_property *p = bus_interfaces[o->kind].properties; p->name; p++) {
                DBusMessageIter entry;

                if (p->constant && !constant_too)
                        continue;
                if (!dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) ||
                        !dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &p->name) ||
                        !append_variant(&entry, p, o) || !dbus_message_iter_close_container(&dict, &entry))
                        return false;
        }
        return dbus_message_iter_close_container(to, &dict);
}

int bus_append_property(DBusMessageIter *to, const struct bus_object *o, const char *name)
{
        for (const struct bus_property *p = bus_interfaces[o->kind].properties; p->name; p++)
                if (strcmp(p->name, name) == 0)
                        return append_variant(to, p, o) ? 0 : -ENOMEM;
        return -ENOENT;
}

bool bus_append_interfaces(DBusMessageIter *to, const struct bus_object *o)
{
        const char *name = bus_interfaces[o->kind].name;
        DBusMessageIter dict, entry;

        return dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "{sa{sv}}", &dict) &&
               dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
               dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) &&
               bus_append_properties(&entry, o, true) && dbus_message_iter_close_container(&dict, &entry) &&
               dbus_message_iter_close_container(to, &dict);
}
