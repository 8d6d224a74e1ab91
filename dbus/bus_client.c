// SPDX-License-Identifier: Apache-2.0
//
// dbus_bus_get() would autolaunch a bus and wait without end for Hello; so the connection is opened by address
// and Hello is a call with a deadline like the others.
#include "bus_client.h"

#include <dbus/dbus.h>
#include <stdio.h>

#define BUS_NAME "org.valetkey.Broker1"
#define BUS_PATH "/org/valetkey/Broker1"

struct bus_client {
        DBusConnection *connection;
};

static const char *address(char *room, size_t n)
{
        const char *a = secure_getenv("DBUS_SESSION_BUS_ADDRESS"), *dir = secure_getenv("XDG_RUNTIME_DIR");

        if (a && a[0])
                return a;
        if (!dir || dir[0] != '/' || snprintf(room, n, "unix:path=%s/bus", dir) >= (int)n)
                return NULL;
        return room;
}

// Sends m (taken) and waits. NULL: e says why.
static DBusMessage *call(struct bus_client *c, DBusMessage *m, int timeout_ms, DBusError *e)
{
        DBusMessage *reply;

        if (!m) {
                dbus_set_error_const(e, DBUS_ERROR_NO_MEMORY, "out of memory");
                return NULL;
        }
        reply = dbus_connection_send_with_reply_and_block(c->connection, m, timeout_ms, e);
        dbus_message_unref(m);
        return reply;
}

static int said(DBusError *e, struct err *err)
{
        int r = -EREMOTEIO;

        if (dbus_error_has_name(e, DBUS_ERROR_NO_MEMORY))
                r = -ENOMEM;
        else if (dbus_error_has_name(e, DBUS_ERROR_SERVICE_UNKNOWN))
                r = -ENOENT;
        else if (dbus_error_has_name(e, DBUS_ERROR_NO_REPLY) || dbus_error_has_name(e, DBUS_ERROR_TIMEOUT))
                r = -ETIMEDOUT;
        else if (dbus_error_has_name(e, DBUS_ERROR_DISCONNECTED))
                r = -ENOTCONN;
        if (err && !err->text[0]) {
                char text[ERR_MAX];

                err_sanitise(text, sizeof text, e->message, strlen(e->message));
                err_set(err, "%s", text);
        }
        dbus_error_free(e);
        return r;
}

static int say_hello(struct bus_client *c, int timeout_ms, struct err *err)
{
        DBusError e = DBUS_ERROR_INIT;
        DBusMessage *reply = call(c,
                dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello"),
                timeout_ms, &e);
        const char *name = NULL;
        bool ok;

        if (!reply)
                return said(&e, err);
        ok = dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) &&
             dbus_bus_set_unique_name(c->connection, name);
        dbus_message_unref(reply);
        return ok ? 0 : -ENOMEM;
}

int bus_client_new(struct bus_client **ret, int timeout_ms, struct err *err)
{
        struct bus_client *c = calloc(1, sizeof *c);
        DBusError e = DBUS_ERROR_INIT;
        const char *where;
        char room[256];
        int r;

        if (!c)
                return -ENOMEM;
        where = address(room, sizeof room);
        c->connection = where ? dbus_connection_open_private(where, &e) : NULL;
        if (!c->connection) {
                err_set(err, "no session bus: %s", where ? e.message : "no address is known");
                dbus_error_free(&e);
                bus_client_free(c);
                return -ENOTCONN;
        }
        dbus_connection_set_exit_on_disconnect(c->connection, FALSE);
        r = say_hello(c, timeout_ms, err);
        if (r < 0) {
                bus_client_free(c);
                return err_trace(r);
        }
        *ret = c;
        return 0;
}

struct bus_client *bus_client_free(struct bus_client *c)
{
        if (c && c->connection) {
                dbus_connection_close(c->connection);
                dbus_connection_unref(c->connection);
        }
        free(c);
        return NULL;
}

int bus_client_start_broker(struct bus_client *c, int timeout_ms, struct err *err)
{
        DBusError e = DBUS_ERROR_INIT;
        DBusMessage *m = dbus_message_new_method_call(
                DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "StartServiceByName");
        const char *name = BUS_NAME;
        dbus_uint32_t flags = 0;
        DBusMessage *reply;

        if (m && !dbus_message_append_args(
                         m, DBUS_TYPE_STRING, &name, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID)) {
                dbus_message_unref(m);
                m = NULL;
        }
        reply = call(c, m, timeout_ms, &e);
        if (!reply)
                return said(&e, err);
        dbus_message_unref(reply);
        return 0;
}

static bool append_min_ttl(DBusMessageIter *dict, dbus_uint32_t min_ttl)
{
        const char *name = "min_ttl";
        DBusMessageIter entry, value;

        return dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
               dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) &&
               dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "u", &value) &&
               dbus_message_iter_append_basic(&value, DBUS_TYPE_UINT32, &min_ttl) &&
               dbus_message_iter_close_container(&entry, &value) &&
               dbus_message_iter_close_container(dict, &entry);
}

static DBusMessage *request(const char *role, uint32_t min_ttl_s)
{
        DBusMessage *m = dbus_message_new_method_call(BUS_NAME, BUS_PATH, BUS_NAME, "GetCredentials");
        DBusMessageIter args, dict;

        if (!m)
                return NULL;
        dbus_message_iter_init_append(m, &args);
        if (dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &role) &&
                dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "{sv}", &dict) &&
                (min_ttl_s == 0 || append_min_ttl(&dict, min_ttl_s)) &&
                dbus_message_iter_close_container(&args, &dict))
                return m;
        dbus_message_unref(m);
        return NULL;
}

int bus_client_get_credentials(struct bus_client *c, const char *role, uint32_t min_ttl_s, int timeout_ms,
        int *ret_fd, char ret_error[64], struct err *err)
{
        DBusError e = DBUS_ERROR_INIT;
        DBusMessage *reply;
        int fd = -1;

        ret_error[0] = 0;
        if (!dbus_validate_utf8(role, NULL)) {
                err_set(err, "the role's name is no UTF-8");
                return -EINVAL;
        }
        reply = call(c, request(role, min_ttl_s), timeout_ms, &e);
        if (!reply) {
                snprintf(ret_error, 64, "%s", e.name);
                return said(&e, err);
        }
        dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
        dbus_message_unref(reply);
        if (fd < 0) {
                err_set(err, "the broker's answer makes no sense");
                return -EBADMSG;
        }
        *ret_fd = fd;
        return 0;
}
