// SPDX-License-Identifier: Apache-2.0
//
// What the bus knows of a program from the kernel (GetConnectionCredentials), which it took when the program connected. A key
// that is missing is a thing it could not know.
#include "bus_internal.h"

#define LABEL_MAX 4096

struct credentials {
        struct caller_peer peer;
        bool has_uid;
        int pidfd;
        char label[LABEL_MAX];
};

// Bytes with a NUL behind them.
static void read_label(struct credentials *c, DBusMessageIter *value)
{
        DBusMessageIter bytes;
        const char *p;
        int n = 0;

        if (dbus_message_iter_get_element_type(value) != DBUS_TYPE_BYTE)
                return;
        dbus_message_iter_recurse(value, &bytes);
        dbus_message_iter_get_fixed_array(&bytes, &p, &n);
        if (n < 1 || n > LABEL_MAX || p[n - 1] != 0)
                return;
        memcpy(c->label, p, (size_t)n);
        c->peer.label = c->label;
}

static void read_entry(struct credentials *c, const char *key, DBusMessageIter *value)
{
        int type = dbus_message_iter_get_arg_type(value);
        DBusBasicValue v = {0};

        if (strcmp(key, "LinuxSecurityLabel") == 0 && type == DBUS_TYPE_ARRAY)
                read_label(c, value);
        if (type != DBUS_TYPE_UINT32 && type != DBUS_TYPE_UNIX_FD)
                return;
        dbus_message_iter_get_basic(value, &v);
        if (strcmp(key, "UnixUserID") == 0 && type == DBUS_TYPE_UINT32) {
                c->peer.uid = v.u32;
                c->has_uid = true;
        } else if (strcmp(key, "ProcessID") == 0 && type == DBUS_TYPE_UINT32) {
                c->peer.pid = (pid_t)v.u32;
        } else if (strcmp(key, "ProcessFD") == 0 && type == DBUS_TYPE_UNIX_FD && c->pidfd < 0) {
                c->pidfd = c->peer.pidfd = v.fd; // ours now
        } else if (type == DBUS_TYPE_UNIX_FD && v.fd >= 0) {
                close(v.fd);
        }
}

bool bus_read_caller(DBusMessage *reply, uid_t *ret_uid, struct caller *ret, int *ret_error)
{
        struct credentials *c;
        DBusMessageIter args, dict, entry, value;
        const char *key;
        bool known;

        *ret_error = -ENODATA;
        if (!reply || dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_METHOD_RETURN ||
                !dbus_message_has_signature(reply, "a{sv}"))
                return false;
        c = calloc(1, sizeof *c);
        if (!c)
                return false;
        c->pidfd = c->peer.pidfd = -1;
        dbus_message_iter_init(reply, &args);
        dbus_message_iter_recurse(&args, &dict);
        for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&dict)) {
                dbus_message_iter_recurse(&dict, &entry);
                dbus_message_iter_get_basic(&entry, &key);
                dbus_message_iter_next(&entry);
                dbus_message_iter_recurse(&entry, &value);
                read_entry(c, key, &value);
        }
        known = c->has_uid;
        *ret_uid = c->peer.uid;
        if (known)
                *ret_error = caller_from_peer(ret, &c->peer, "dbus");
        if (c->pidfd >= 0)
                close(c->pidfd);
        free(c);
        return known;
}
