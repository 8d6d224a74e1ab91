// SPDX-License-Identifier: Apache-2.0
//
// Two calls, neither waited for: SetEnvironment of the user's systemd, and UpdateActivationEnvironment of the bus, for services
// that the bus starts by itself. systemd can take a variable back, a bus cannot: what the bus starts after a logout finds a
// port at which nobody has credentials, and goes on as without.
#include "activation_env.h"

#include "bus.h"
#include "log.h"
#include "session_vars.h"

#include <stdio.h>

#define SYSTEMD           "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE SYSTEMD ".Manager"

struct variables {
        const char *names[3];
        const char *values[3];
        size_t n;
};

static bool anybody_signed_in(const struct broker *b)
{
        struct keeper *const *k;
        size_t n = broker_identities(b, &k);

        for (size_t i = 0; i < n; i++)
                if (keeper_get_state(k[i]) == KEEPER_SIGNED_IN)
                        return true;
        return false;
}

// What stands in our own environment the service manager had before us. On loopback it is ours, if an earlier broker's.
static bool is_somebody_elses(void)
{
        static const char ours[] = "http://" SESSION_LOOPBACK ":";
        const char *v = getenv(SESSION_POINTER);

        return v && strncmp(v, ours, sizeof ours - 1) != 0;
}

static void send(DBusConnection *c, DBusMessage *m, bool ok)
{
        if (m && ok) {
                dbus_message_set_no_reply(m, TRUE);
                dbus_message_set_auto_start(m, FALSE);
                ok = dbus_connection_send(c, m, NULL);
        }
        if (!m || !ok)
                log_event(LOG_E_WARNING, "session.environment", "reason=%s", "no memory");
        if (m)
                dbus_message_unref(m);
}

static void tell_systemd(DBusConnection *c, const struct variables *v)
{
        DBusMessage *m =
                dbus_message_new_method_call(SYSTEMD, SYSTEMD_PATH, SYSTEMD_INTERFACE, "SetEnvironment");
        DBusMessageIter it, array;
        bool ok = m != NULL;

        if (ok) {
                dbus_message_iter_init_append(m, &it);
                ok = dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "s", &array);
        }
        for (size_t i = 0; ok && i < v->n; i++) {
                cleanup_free char *s = NULL;

                if (asprintf(&s, "%s=%s", v->names[i], v->values[i]) < 0)
                        s = NULL;
                ok = s && dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &s);
        }
        send(c, m, ok && dbus_message_iter_close_container(&it, &array));
}

static bool append_pair(DBusMessageIter *array, const char *name, const char *value)
{
        DBusMessageIter pair;

        return dbus_message_iter_open_container(array, DBUS_TYPE_DICT_ENTRY, NULL, &pair) &&
               dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &name) &&
               dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &value) &&
               dbus_message_iter_close_container(array, &pair);
}

static void tell_bus(DBusConnection *c, const struct variables *v)
{
        DBusMessage *m = dbus_message_new_method_call(
                DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "UpdateActivationEnvironment");
        DBusMessageIter it, array;
        bool ok = m != NULL;

        if (ok) {
                dbus_message_iter_init_append(m, &it);
                ok = dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{ss}", &array);
        }
        for (size_t i = 0; ok && i < v->n; i++)
                ok = append_pair(&array, v->names[i], v->values[i]);
        send(c, m, ok && dbus_message_iter_close_container(&it, &array));
}

static void take_back(DBusConnection *c)
{
        DBusMessage *m =
                dbus_message_new_method_call(SYSTEMD, SYSTEMD_PATH, SYSTEMD_INTERFACE, "UnsetEnvironment");
        const char *name = SESSION_POINTER, **names = &name;

        send(c, m,
                m && dbus_message_append_args(
                             m, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &names, 1, DBUS_TYPE_INVALID));
}

static void tell(DBusConnection *c, const char *pointer)
{
        static const char *const names[] = {"NO_PROXY", "no_proxy"};
        struct variables v = {.names = {SESSION_POINTER}, .values = {pointer}, .n = 1};
        char lists[2][SESSION_NO_PROXY_MAX];

        for (size_t i = 0; i < 2; i++)
                if (session_no_proxy(lists[i], getenv(names[i]), getenv(names[1 - i]))) {
                        v.names[v.n] = names[i];
                        v.values[v.n++] = lists[i];
                }
        tell_systemd(c, &v);
        tell_bus(c, &v);
}

void activation_env_update(struct activation_env *a, DBusConnection *c, const struct broker *b)
{
        const struct broker_endpoint *e = broker_get_endpoint(b);
        char pointer[sizeof a->pointer];

        if (!c)
                return;
        if (!e->url || !e->url[0] || !broker_config(b)->endpoint.imds || !anybody_signed_in(b) ||
                snprintf(pointer, sizeof pointer, "%s/", e->url) >= (int)sizeof pointer) {
                activation_env_clear(a, c);
                return;
        }
        if (strcmp(pointer, a->pointer) == 0 || is_somebody_elses() || session_is_ec2(SESSION_DMI))
                return;
        tell(c, pointer);
        memcpy(a->pointer, pointer, sizeof pointer);
}

void activation_env_clear(struct activation_env *a, DBusConnection *c)
{
        if (c && a->pointer[0])
                take_back(c);
        a->pointer[0] = 0;
}
