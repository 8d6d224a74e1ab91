// SPDX-License-Identifier: Apache-2.0
//
// What is told without being asked. No signal has a secret in it. A session bus cannot keep a broadcast from a program in
// a sandbox that may talk to us; so where the configuration lets such programs in, nothing is broadcast: a signal goes to
// each program that has asked something and may see the object.
#include "bus_internal.h"

#define SIGNAL_WEIGHT 512 // of an ordinary one, in bytes, for bus_unread.c

static bool lets_sandboxes_in(const struct bus_service *s)
{
        const struct config *config = broker_config(s->broker);

        for (size_t i = 0; i < config->n_apps; i++)
                if (config->apps[i].flatpak || config->apps[i].snap)
                        return true;
        return false;
}

static void send_to(struct bus_caller *c, DBusMessage *m)
{
        DBusMessage *copy = dbus_message_copy(m);

        if (copy && dbus_message_set_destination(copy, c->name) &&
                dbus_connection_send(bus_connection(c->service->bus), copy, NULL))
                bus_unread_add(c, SIGNAL_WEIGHT);
        if (copy)
                dbus_message_unref(copy);
}

// Takes m; NULL: there was no memory, and those who listen look when they need to.
static void tell(struct bus_service *s, const struct bus_object *o, DBusMessage *m)
{
        struct bus_caller *c;

        if (!m)
                return;
        // Before the bus knows us nobody can have asked us anything.
        if (s->bus && dbus_bus_get_unique_name(bus_connection(s->bus))) {
                if (!lets_sandboxes_in(s))
                        (void)dbus_connection_send(bus_connection(s->bus), m, NULL);
                else
                        TAILQ_FOREACH(c, &s->callers, by_use)
                if (c->state == BUS_CALLER_KNOWN && !bus_unread_too_much(c) && bus_may_see(c, o))
                        send_to(c, m);
        }
        dbus_message_unref(m);
}

static DBusMessage *signal_of(const struct bus_object *o, const char *iface, const char *name)
{
        char path[BUS_PATH_MAX];

        return bus_object_path(path, o) ? dbus_message_new_signal(path, iface, name) : NULL;
}

static DBusMessage *unless(bool ok, DBusMessage *m)
{
        if (ok)
                return m;
        if (m)
                dbus_message_unref(m);
        return NULL;
}

void bus_tell_changed(struct bus_service *s, const struct bus_object *o)
{
        DBusMessage *m = signal_of(o, DBUS_INTERFACE_PROPERTIES, "PropertiesChanged");
        DBusMessageIter args, none;
        bool ok = m != NULL;

        if (ok)
                dbus_message_iter_init_append(m, &args);
        ok = ok && dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &bus_interfaces[o->kind].name) &&
             bus_append_properties(&args, o, false) &&
             dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "s", &none) &&
             dbus_message_iter_close_container(&args, &none);
        tell(s, o, unless(ok, m));
}

void bus_tell_rotated(struct bus_service *s, struct role *r)
{
        const struct bus_object o = {.kind = BUS_ROLE, .service = s, .role = r};
        const struct sts_credentials *c = role_get_credentials(r);
        dbus_int64_t expiration = role_get_expiration_s(r);
        DBusMessage *m;

        if (!c)
                return;
        m = signal_of(&o, bus_interfaces[BUS_ROLE].name, "CredentialsRotated");
        tell(s, &o,
                unless(m && dbus_message_append_args(m, DBUS_TYPE_STRING, &c->access_key_id, DBUS_TYPE_INT64,
                                    &expiration, DBUS_TYPE_INVALID),
                        m));
}

void bus_tell_added(struct bus_service *s, const struct bus_object *o)
{
        const struct bus_object root = {.kind = BUS_BROKER};
        DBusMessage *m = signal_of(&root, BUS_OBJECT_MANAGER, "InterfacesAdded");
        char path[BUS_PATH_MAX], *p = path;
        DBusMessageIter args;
        bool ok = m && bus_object_path(path, o);

        if (ok)
                dbus_message_iter_init_append(m, &args);
        ok = ok && dbus_message_iter_append_basic(&args, DBUS_TYPE_OBJECT_PATH, &p) &&
             bus_append_interfaces(&args, o);
        tell(s, o, unless(ok, m));
}

void bus_tell_removed(struct bus_service *s, const struct bus_object *o)
{
        const struct bus_object root = {.kind = BUS_BROKER};
        DBusMessage *m = signal_of(&root, BUS_OBJECT_MANAGER, "InterfacesRemoved");
        const char *const *ifaces = &bus_interfaces[o->kind].name;
        char path[BUS_PATH_MAX], *p = path;

        tell(s, o,
                unless(m && bus_object_path(path, o) &&
                                dbus_message_append_args(m, DBUS_TYPE_OBJECT_PATH, &p, DBUS_TYPE_ARRAY,
                                        DBUS_TYPE_STRING, &ifaces, 1, DBUS_TYPE_INVALID),
                        m));
}

static void tell_two(struct bus_service *s, const struct bus_object *o, const char *name, const char *word,
        const char *text)
{
        DBusMessage *m = signal_of(o, bus_interfaces[o->kind].name, name);

        if (!dbus_validate_utf8(text, NULL))
                text = "?";
        tell(s, o,
                unless(m && dbus_message_append_args(
                                    m, DBUS_TYPE_STRING, &word, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID),
                        m));
}

void bus_tell_completed(struct bus_sign_in *x, enum outcome outcome, const char *text)
{
        const struct bus_object o = {.kind = BUS_SIGN_IN, .service = x->service, .sign_in = x};

        tell_two(x->service, &o, "Completed", outcome_info(outcome)->id, text);
}

// ---- somebody should sign in: said once, until somebody has

static bool *told_of(struct bus_service *s, const struct keeper *k)
{
        struct keeper *const *all;
        size_t n = broker_identities(s->broker, &all);

        for (size_t i = 0; i < n; i++)
                if (all[i] == k)
                        return &s->told[i];
        return NULL;
}

void bus_tell_sign_in_required(struct bus_service *s, struct keeper *k, const char *reason, const char *text)
{
        const struct bus_object o = {.kind = BUS_IDENTITY, .service = s, .keeper = k};
        bool *told = told_of(s, k);

        if (!told || *told)
                return;
        *told = true;
        tell_two(s, &o, "SignInRequired", reason, text);
}

void bus_sign_in_answered(struct bus_service *s, const struct keeper *k)
{
        bool *told = told_of(s, k);

        if (told)
                *told = false;
}

// ---- the broker's events

static void on_role_changed(struct role *r, void *arg)
{
        const struct bus_object o = {.kind = BUS_ROLE, .service = arg, .role = r};
        const char *text, *request_id;
        struct keeper *k = NULL;
        struct bus_service *s = arg;

        bus_tell_changed(s, &o);
        if (role_get_state(r) != ROLE_NEEDS_LOGIN ||
                broker_find_identity(s->broker, role_get_config(r)->identity, &k, NULL) != OUTCOME_OK)
                return;
        role_get_last_error(r, &text, &request_id);
        bus_tell_sign_in_required(s, k, "needs-login", text);
}

static void on_role_rotated(struct role *r, void *arg)
{
        bus_tell_rotated(arg, r);
}

static void on_role_added(struct role *r, void *arg)
{
        const struct bus_object o = {.kind = BUS_ROLE, .service = arg, .role = r};

        bus_tell_added(arg, &o);
}

static void on_role_removed(struct role *r, void *arg)
{
        const struct bus_object o = {.kind = BUS_ROLE, .service = arg, .role = r};

        bus_tell_removed(arg, &o);
}

static void on_identity_changed(struct keeper *k, void *arg)
{
        const struct bus_object o = {.kind = BUS_IDENTITY, .service = arg, .keeper = k};

        bus_tell_changed(arg, &o);
        bus_service_furnish(arg);
        if (keeper_get_state(k) == KEEPER_SIGNED_IN)
                bus_sign_in_answered(arg, k);
        else if (keeper_get_state(k) == KEEPER_NEEDS_LOGIN)
                bus_tell_sign_in_required(arg, k, "needs-login", keeper_get_reason(k));
}

// Not the same as that it has ended, which is told when it comes.
static void on_grant_ends_soon(struct keeper *k, void *arg)
{
        const struct bus_object o = {.kind = BUS_IDENTITY, .service = arg, .keeper = k};
        struct err text = ERR_INIT;

        err_set(&text,
                "the sign-in to identity %s ends soon, and needs a person to go on. Run: valetkey login",
                keeper_get_config(k)->name);
        tell_two(arg, &o, "SignInRequired", "ends-soon", text.text);
}

const struct broker_events bus_events = {
        .role_changed = on_role_changed,
        .role_rotated = on_role_rotated,
        .role_added = on_role_added,
        .role_removed = on_role_removed,
        .identity_changed = on_identity_changed,
        .grant_ends_soon = on_grant_ends_soon,
};
