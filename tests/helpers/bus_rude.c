// SPDX-License-Identifier: Apache-2.0
//
// Programs nobody wants on their bus:
//
//   bus_rude flood METHOD N   has N calls under way without a pause; says how many were answered at each line of its input
//   bus_rude shout METHOD     calls without an end and wants no answer
//   bus_rude deaf ROLE N      asks N times for credentials and reads nothing; at a line of its input it reads all
//   bus_rude names N          N connections that have each asked one thing and stay
//
// METHOD is one of the root object without arguments (GetStatus, GetManagedObjects), or "Get" (of a property).
#include "util.h"

#include <dbus/dbus.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUS_NAME "org.valetkey.Broker1"
#define ROOT     "/org/valetkey/Broker1"

static unsigned answered, refused, under_way;

static DBusConnection *join(void)
{
        DBusError e = DBUS_ERROR_INIT;
        DBusConnection *c = dbus_bus_get_private(DBUS_BUS_SESSION, &e);

        if (!c) {
                fprintf(stderr, "bus_rude: %s\n", e.message);
                exit(1);
        }
        return c;
}

static DBusMessage *make(const char *method)
{
        const char *iface = strcmp(method, "Get") == 0                 ? DBUS_INTERFACE_PROPERTIES
                            : strcmp(method, "GetManagedObjects") == 0 ? "org.freedesktop.DBus.ObjectManager"
                                                                       : BUS_NAME;
        const char *of = BUS_NAME, *property = "Version";
        DBusMessage *m = dbus_message_new_method_call(BUS_NAME, ROOT, iface, method);

        if (!m || (strcmp(method, "Get") == 0 && !dbus_message_append_args(m, DBUS_TYPE_STRING, &of,
                                                         DBUS_TYPE_STRING, &property, DBUS_TYPE_INVALID)))
                exit(1);
        return m;
}

static DBusMessage *make_credentials(const char *role)
{
        DBusMessage *m = dbus_message_new_method_call(BUS_NAME, ROOT, BUS_NAME, "GetCredentials");
        DBusMessageIter args, dict;

        dbus_message_iter_init_append(m, &args);
        dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &role);
        dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "{sv}", &dict);
        dbus_message_iter_close_container(&args, &dict);
        return m;
}

static void on_reply(DBusPendingCall *p, void *arg _unused_)
{
        DBusMessage *m = dbus_pending_call_steal_reply(p);

        under_way--;
        if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR)
                refused++;
        else
                answered++;
        dbus_message_unref(m);
}

static void send_one(DBusConnection *c, DBusMessage *m)
{
        DBusPendingCall *p = NULL;

        if (!dbus_connection_send_with_reply(c, m, &p, 300000) || !p ||
                !dbus_pending_call_set_notify(p, on_reply, NULL, NULL))
                exit(1);
        dbus_pending_call_unref(p);
        dbus_message_unref(m);
        under_way++;
}

// False: our input has ended.
static bool report(int timeout_ms)
{
        struct pollfd p = {.fd = 0, .events = POLLIN};
        char line[16];

        if (poll(&p, 1, timeout_ms) <= 0)
                return true;
        if (read(0, line, sizeof line) <= 0)
                return false;
        printf("%u %u\n", answered, refused);
        fflush(stdout);
        return true;
}

static int flood(const char *method, unsigned n)
{
        DBusConnection *c = join();

        while (report(0)) {
                while (under_way < n)
                        send_one(c, make(method));
                dbus_connection_read_write_dispatch(c, 1000);
                while (dbus_connection_dispatch(c) == DBUS_DISPATCH_DATA_REMAINS)
                        ;
        }
        return 0;
}

static int shout(const char *method)
{
        DBusConnection *c = join();

        while (report(0)) {
                for (unsigned i = 0; i < 64; i++) {
                        DBusMessage *m = make(method);

                        dbus_message_set_no_reply(m, TRUE);
                        dbus_connection_send(c, m, NULL);
                        dbus_message_unref(m);
                }
                dbus_connection_flush(c);
                answered += 64;
        }
        return 0;
}

// ---- a program without a library, for those read whenever they write

static void line(int fd, const char *say, const char *expect)
{
        char got[256] = "";

        if (write(fd, say, strlen(say)) < 0 || read(fd, got, sizeof got - 1) < 0 ||
                strncmp(got, expect, strlen(expect)) != 0) {
                fprintf(stderr, "bus_rude: %s: %s\n", say, got);
                exit(1);
        }
}

static void put(int fd, DBusMessage *m, uint32_t serial)
{
        char *p;
        int n;

        dbus_message_set_serial(m, serial);
        if (!dbus_message_marshal(m, &p, &n) || write(fd, p, (size_t)n) != n)
                exit(1);
        dbus_free(p);
        dbus_message_unref(m);
}

static int join_raw(void)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
        char auth[64] = "AUTH EXTERNAL ", uid[16];
        size_t n;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (!address || strncmp(address, "unix:path=", 10) != 0)
                exit(1);
        n = strcspn(address + 10, ",");
        memcpy(a.sun_path, address + 10, n < sizeof a.sun_path ? n : 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0 || write(fd, "", 1) != 1)
                exit(1);
        snprintf(uid, sizeof uid, "%u", (unsigned)getuid());
        for (const char *c = uid; *c; c++)
                snprintf(auth + strlen(auth), sizeof auth - strlen(auth), "%02x", (unsigned)*c);
        snprintf(auth + strlen(auth), 3, "\r\n");
        line(fd, auth, "OK");
        line(fd, "NEGOTIATE_UNIX_FD\r\n", "AGREE");
        if (write(fd, "BEGIN\r\n", 7) != 7)
                exit(1);
        put(fd, dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello"),
                1);
        return fd;
}

static int deaf(const char *role, unsigned n)
{
        char block[65536];
        int fd = join_raw();

        for (unsigned i = 0; i < n; i++)
                put(fd, make_credentials(role), i + 2);
        puts("sent");
        fflush(stdout);
        if (read(0, block, sizeof block) <= 0)
                return 0;
        // The descriptors that come along are dropped by the kernel: nobody asked for them here.
        for (struct pollfd p = {.fd = fd, .events = POLLIN}; poll(&p, 1, 1500) > 0;)
                if (read(fd, block, sizeof block) <= 0)
                        return 1;
        puts("read");
        fflush(stdout);
        return read(0, block, sizeof block) < 0;
}

static int names(unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                DBusError e = DBUS_ERROR_INIT;
                DBusMessage *m = make("Get"),
                            *reply = dbus_connection_send_with_reply_and_block(join(), m, 30000, &e);

                dbus_message_unref(m);
                if (reply)
                        dbus_message_unref(reply);
                *(reply ? &answered : &refused) += 1;
                dbus_error_free(&e);
        }
        printf("%u %u\n", answered, refused);
        fflush(stdout);
        while (report(-1))
                ;
        return 0;
}

int main(int argc, char *argv[])
{
        unsigned n = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;

        if (argc == 4 && strcmp(argv[1], "flood") == 0)
                return flood(argv[2], n);
        if (argc == 3 && strcmp(argv[1], "shout") == 0)
                return shout(argv[2]);
        if (argc == 4 && strcmp(argv[1], "deaf") == 0)
                return deaf(argv[2], n);
        if (argc == 3 && strcmp(argv[1], "names") == 0)
                return names((unsigned)strtoul(argv[2], NULL, 10));
        return 2;
}
