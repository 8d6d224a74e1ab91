// SPDX-License-Identifier: Apache-2.0
//
// The parts of valetkey on this machine and in this session: configuration, broker, bus, daemon, units, the shim, the loopback
// port. Sockets are connected to and nothing is asked that changes anything; only the broker may be started by it.
#include "doctor.h"

#include "cmd.h"
#include "json.h"
#include "protocol.h"
#include "settings.h"
#include "shim_path.h"
#include "translate.h"

#include <arpa/inet.h>
#include <dbus/dbus.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PATIENCE_MS 2000

static const char *text_of(const json_t *o, const char *key)
{
        const char *s;

        return json_get_string(o, key, 4096, &s) == 0 ? s : "";
}

void doctor_config(struct doctor *d)
{
        struct err err = ERR_INIT;
        int r = settings_load(&d->config, d->cli->config, &err);

        if (r == 0) {
                findings_ok(&d->found, "config", "it loads; identities: %zu, roles: %zu",
                        d->config->n_identities, d->config->n_roles);
                return;
        }
        // A broker can be given a file that nobody else finds.
        if (r == -ENOENT && d->status) {
                findings_unknown(&d->found, "config",
                        "there is none where this program looks; the broker that runs has one");
                return;
        }
        findings_wrong(&d->found, "config", "%s",
                r == -ENOENT && !err.text[0] ? _("there is no configuration")
                : err.text[0]                ? err.text
                                             : strerror(-r));
        findings_mend(&d->found, r == -EPERM ? N_("give the file to root or to you, writable by nobody else")
                                             : N_("see valetkey.conf(5)"));
}

static void tell_identity(struct doctor *d, const json_t *o)
{
        const char *name = text_of(o, "name"), *reason = text_of(o, "reason");
        char check[300];

        snprintf(check, sizeof check, "identity:%.200s", name);
        if (strcmp(text_of(o, "state"), "signed-in") != 0) {
                findings_wrong(&d->found, check, "%s", *reason ? reason : _("nobody is signed in"));
                findings_mend(&d->found, "valetkey login %s", name);
        } else if (!json_is_true(json_object_get(o, "refreshable"))) {
                findings_wrong(&d->found, check,
                        "signed in, and the provider gave no refresh token: it ends with "
                        "the ID token");
                findings_mend(&d->found, "let the client have offline_access at the provider");
        } else {
                findings_ok(&d->found, check, "signed in as %s", text_of(o, "display"));
        }
}

static void tell_role(struct doctor *d, const json_t *o)
{
        const json_t *e = json_object_get(o, "last_error");
        char check[300];

        if (!json_is_object(e))
                return;
        snprintf(check, sizeof check, "role:%.200s", text_of(o, "name"));
        findings_wrong(&d->found, check, "%s", text_of(e, "message"));
        findings_mend(&d->found, "valetkey why %s", text_of(o, "name"));
}

void doctor_broker(struct doctor *d)
{
        struct err err = ERR_INIT;
        enum outcome o = cmd_get_status(d->cli, &d->status, &err);
        const json_t *item;
        size_t i;

        if (o != OUTCOME_OK) {
                findings_wrong(&d->found, "broker", "%s", err.text[0] ? err.text : _(outcome_info(o)->text));
                findings_mend(
                        &d->found, "systemctl --user status valetkey-broker.socket valetkey-broker.service");
                return;
        }
        findings_ok(&d->found, "broker", "it answers");
        json_array_foreach(json_object_get(d->status, "identities"), i, item) tell_identity(d, item);
        json_array_foreach(json_object_get(d->status, "roles"), i, item) tell_role(d, item);
}

// ---- the session bus

static bool has_name(DBusConnection *c, const char *name)
{
        DBusMessage *call = dbus_message_new_method_call(
                            DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "ListActivatableNames"),
                    *reply = NULL;
        char **names = NULL;
        int n = 0;
        bool found = dbus_bus_name_has_owner(c, name, NULL);

        if (call && !found)
                reply = dbus_connection_send_with_reply_and_block(c, call, PATIENCE_MS, NULL);
        if (reply && dbus_message_get_args(
                             reply, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &names, &n, DBUS_TYPE_INVALID))
                for (int i = 0; i < n; i++)
                        found = found || strcmp(names[i], name) == 0;
        dbus_free_string_array(names);
        if (reply)
                dbus_message_unref(reply);
        if (call)
                dbus_message_unref(call);
        return found;
}

static void check_bus(struct doctor *d)
{
        DBusError e = DBUS_ERROR_INIT;
        DBusConnection *c;

        if (!getenv("DBUS_SESSION_BUS_ADDRESS") && !getenv("XDG_RUNTIME_DIR")) {
                findings_unknown(&d->found, "bus", "no session bus is known here");
                return;
        }
        c = dbus_bus_get_private(DBUS_BUS_SESSION, &e);
        if (!c) {
                findings_unknown(&d->found, "bus", "there is no session bus: %s", e.message);
                dbus_error_free(&e);
                return;
        }
        dbus_connection_set_exit_on_disconnect(c, FALSE);
        if (has_name(c, "org.valetkey.Broker1")) {
                findings_ok(&d->found, "bus", "org.valetkey.Broker1 is there or can be started");
        } else {
                findings_wrong(
                        &d->found, "bus", "nobody offers org.valetkey.Broker1: desktop apps get nothing");
                findings_mend(&d->found, "install org.valetkey.Broker1.service, or start valetkey-broker");
        }
        dbus_connection_close(c);
        dbus_connection_unref(c);
}

// ---- valetkeyd

static void check_daemon(struct doctor *d)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = PATH_RUN "/login.sock"};
        cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
                connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
                if (errno == ENOENT || errno == ENOTDIR) {
                        findings_unknown(&d->found, "valetkeyd",
                                "%s is not there: sign-ins at the login prompt are not set up", a.sun_path);
                        return;
                }
                findings_wrong(&d->found, "valetkeyd", "%s: %s", a.sun_path, strerror(errno));
                findings_mend(&d->found, "systemctl start valetkeyd-login.socket valetkeyd-claim.socket");
                return;
        }
        findings_ok(&d->found, "valetkeyd", "%s is listened on", a.sun_path);
}

// ---- units

static bool find_unit(char path[PATH_MAX], const char *kind, const char *name)
{
        static const char *const dirs[] = {
                "/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"};
        struct stat st;

        for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
                if (snprintf(path, PATH_MAX, "%s/%s/%s", dirs[i], kind, name) < PATH_MAX &&
                        lstat(path, &st) == 0)
                        return true;
        return false;
}

static void check_unit(struct doctor *d, const char *kind, const char *name)
{
        char path[PATH_MAX], target[PATH_MAX], check[128];

        snprintf(check, sizeof check, "unit:%s", name);
        if (!find_unit(path, kind, name)) {
                findings_unknown(&d->found, check, "it is not installed");
        } else if (realpath(path, target) && strcmp(target, "/dev/null") == 0) {
                findings_wrong(&d->found, check, "%s: it is masked", path);
                findings_mend(
                        &d->found, "systemctl %sunmask %s", strcmp(kind, "user") == 0 ? "--user " : "", name);
        } else {
                findings_ok(&d->found, check, "%s", path);
        }
}

static void check_units(struct doctor *d)
{
        if (access("/run/systemd/system", F_OK) < 0) {
                findings_unknown(&d->found, "units", "this machine does not run systemd");
                return;
        }
        check_unit(d, "user", "valetkey-broker.socket");
        check_unit(d, "user", "valetkey-broker.service");
        check_unit(d, "system", "valetkeyd-login.socket");
        check_unit(d, "system", "valetkeyd-claim.socket");
        check_unit(d, "system", "valetkeyd.service");
}

// ---- the shim, the loopback port

static void check_shim(struct doctor *d)
{
        char path[PATH_MAX];

        if (shim_find(path)) {
                findings_ok(&d->found, "shim", "%s", path);
                return;
        }
        findings_wrong(&d->found, "shim", SHIM_NAME " is not installed beside this program");
        findings_mend(&d->found, "install valetkey whole");
}

// The uid of who listens there, by the kernel's list. False: nobody does, or it cannot be told.
static bool find_listener(uid_t *ret, unsigned port)
{
        FILE *f = fopen("/proc/net/tcp", "re");
        unsigned local_port, state, address, uid;
        char line[512];
        bool found = false;

        while (f && !found && fgets(line, sizeof line, f)) {
                const char *p = strchr(line, ':');
                char *end;

                // "  sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid"
                if (!p)
                        continue;
                address = (unsigned)strtoul(p + 1, &end, 16);
                if (*end != ':')
                        continue;
                local_port = (unsigned)strtoul(end + 1, &end, 16);
                p = strchr(end, ':');
                if (!p)
                        continue;
                (void)strtoul(p + 1, &end, 16);
                state = (unsigned)strtoul(end, &end, 16);
                for (int skip = 0; skip < 3 && *end; skip++) { // queues, timer, retransmissions
                        end += strspn(end, " ");
                        end += strcspn(end, " \n");
                }
                uid = (unsigned)strtoul(end, &end, 10);
                found = state == 10 && local_port == port && address == htonl(INADDR_LOOPBACK);
                if (found)
                        *ret = uid;
        }
        if (f)
                fclose(f);
        return found;
}

static bool can_connect(unsigned port)
{
        struct sockaddr_in a = {.sin_family = AF_INET,
                .sin_port = htons((uint16_t)port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int e = 0;
        socklen_t n = sizeof e;

        if (fd < 0)
                return false;
        if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
                return true;
        return errno == EINPROGRESS && poll(&p, 1, PATIENCE_MS) == 1 &&
               getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0 && e == 0;
}

static void check_endpoint(struct doctor *d)
{
        const json_t *e = json_object_get(d->status, "endpoint");
        const char *url = text_of(e, "url"), *colon = strrchr(url, ':');
        unsigned port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
        uid_t uid;

        if (!d->status || !port) {
                findings_unknown(&d->found, "endpoint",
                        d->status ? _("the broker has no loopback port") : _("the broker does not answer"));
        } else if (!can_connect(port)) {
                findings_wrong(&d->found, "endpoint", "nobody listens at %s", url);
                findings_mend(&d->found, "systemctl --user restart valetkey-broker");
        } else if (!find_listener(&uid, port)) {
                findings_unknown(
                        &d->found, "endpoint", "%s answers; whose it is the kernel does not say", url);
        } else if (uid != geteuid() && uid != 0 && !json_is_true(json_object_get(e, "kept"))) {
                findings_wrong(&d->found, "endpoint", "%s is listened on by uid %u", url, (unsigned)uid);
                findings_mend(&d->found,
                        "ask the admin what runs there; start valetkeyd, which keeps users' ports");
        } else if (uid != geteuid()) { // valetkeyd makes the socket and hands it over: it stays its maker's
                findings_ok(&d->found, "endpoint", "%s answers; uid %u keeps it, as valetkeyd does", url,
                        (unsigned)uid);
        } else {
                findings_ok(&d->found, "endpoint", "%s answers, and is this user's", url);
        }
}

void doctor_here(struct doctor *d)
{
        check_bus(d);
        check_daemon(d);
        check_units(d);
        check_shim(d);
        check_endpoint(d);
}
