// SPDX-License-Identifier: Apache-2.0
//
// First the portal (org.freedesktop.portal.OpenURI), which desktops have for this. Where there is none, the user's systemd is
// asked to run xdg-open as a unit of its own, with the environment that the session gave it (DISPLAY, WAYLAND_DISPLAY); the unit
// lasts as long as anything in it, for the browser may be started by it. No shell, and the URL is one argument.
#include "desktop_open.h"

#include "bus.h"
#include "log.h"
#include "random.h"

#include <stdio.h>

#define PORTAL      "org.freedesktop.portal.Desktop"
#define PORTAL_PATH "/org/freedesktop/portal/desktop"
#define PORTAL_URI  "org.freedesktop.portal.OpenURI"
#define PORTAL_MS   20000 // it may have to be started first

#define SYSTEMD         "org.freedesktop.systemd1"
#define SYSTEMD_PATH    "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD ".Manager"
#define SYSTEMD_MS      5000
#define OPENER          "/usr/bin/xdg-open"

#define DEADLINE_MS (PORTAL_MS + SYSTEMD_MS + 1000) // whatever becomes of the bus

struct desktop_open {
        struct desktop *desktop;
        char *url;
        DBusPendingCall *call;
        struct timer *timer; // the deadline, then the telling
        bool taken;
        void (*done)(void *arg, bool taken);
        void *arg;
};

// What no URL has (RFC 3986) could mean something on the way: systemd puts its environment in the place of ${NAME} in a command.
static bool is_safe(const char *url)
{
        if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
                return false;
        for (; *url; url++)
                if (*url <= ' ' || *url > '~' || strchr("\"<>\\^`{|}", *url))
                        return false;
        return true;
}

static void end(struct desktop_open *o, bool taken)
{
        o->taken = taken;
        timer_arm_in(o->timer, 0);
}

static void on_timer(void *arg)
{
        struct desktop_open *o = arg;

        o->done(o->arg, o->taken); // may free o
}

// ---- messages

static bool append_text(DBusMessageIter *to, const char *s)
{
        return dbus_message_iter_append_basic(to, DBUS_TYPE_STRING, &s);
}

static DBusMessage *finished(DBusMessage *m, bool ok)
{
        if (ok)
                return m;
        if (m)
                dbus_message_unref(m);
        return NULL;
}

// OpenURI(parent window, URI, options)
static DBusMessage *portal_call(const char *url)
{
        DBusMessage *m = dbus_message_new_method_call(PORTAL, PORTAL_PATH, PORTAL_URI, "OpenURI");
        DBusMessageIter args, options;

        if (!m)
                return NULL;
        dbus_message_iter_init_append(m, &args);
        return finished(
                m, append_text(&args, "") && append_text(&args, url) &&
                           dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "{sv}", &options) &&
                           dbus_message_iter_close_container(&args, &options));
}

static bool open_property(DBusMessageIter *list, const char *name, const char *type, DBusMessageIter *entry,
        DBusMessageIter *value)
{
        return dbus_message_iter_open_container(list, DBUS_TYPE_STRUCT, NULL, entry) &&
               append_text(entry, name) &&
               dbus_message_iter_open_container(entry, DBUS_TYPE_VARIANT, type, value);
}

static bool close_property(DBusMessageIter *list, DBusMessageIter *entry, DBusMessageIter *value)
{
        return dbus_message_iter_close_container(entry, value) &&
               dbus_message_iter_close_container(list, entry);
}

static bool append_property(DBusMessageIter *list, const char *name, const char *text)
{
        DBusMessageIter entry, value;

        return open_property(list, name, "s", &entry, &value) && append_text(&value, text) &&
               close_property(list, &entry, &value);
}

// ExecStart: (program, arguments, a failure is none)
static bool append_command(DBusMessageIter *list, const char *url)
{
        DBusMessageIter entry, value, commands, command, words;
        dbus_bool_t no = FALSE;

        return open_property(list, "ExecStart", "a(sasb)", &entry, &value) &&
               dbus_message_iter_open_container(&value, DBUS_TYPE_ARRAY, "(sasb)", &commands) &&
               dbus_message_iter_open_container(&commands, DBUS_TYPE_STRUCT, NULL, &command) &&
               append_text(&command, OPENER) &&
               dbus_message_iter_open_container(&command, DBUS_TYPE_ARRAY, "s", &words) &&
               append_text(&words, OPENER) && append_text(&words, url) &&
               dbus_message_iter_close_container(&command, &words) &&
               dbus_message_iter_append_basic(&command, DBUS_TYPE_BOOLEAN, &no) &&
               dbus_message_iter_close_container(&commands, &command) &&
               dbus_message_iter_close_container(&value, &commands) && close_property(list, &entry, &value);
}

// StartTransientUnit(name, mode, properties, other units)
static DBusMessage *unit_call(const char *url)
{
        char serial[17], name[64];
        DBusMessage *m;
        DBusMessageIter args, list;

        if (random_hex(serial, 8) < 0)
                return NULL;
        snprintf(name, sizeof name, "app-valetkey-open-%s.service", serial);
        m = dbus_message_new_method_call(SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "StartTransientUnit");
        if (!m)
                return NULL;
        dbus_message_set_auto_start(m, FALSE);
        dbus_message_iter_init_append(m, &args);
        return finished(
                m, append_text(&args, name) && append_text(&args, "fail") &&
                           dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "(sv)", &list) &&
                           append_property(&list, "Description", "Browser for a sign-in of valetkey's") &&
                           append_property(&list, "ExitType", "cgroup") &&
                           append_property(&list, "CollectMode", "inactive-or-failed") &&
                           append_command(&list, url) && dbus_message_iter_close_container(&args, &list) &&
                           dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "(sa(sv))", &list) &&
                           dbus_message_iter_close_container(&args, &list));
}

// ---- one after the other

static bool send_call(
        struct desktop_open *o, DBusMessage *m, int timeout_ms, DBusPendingCallNotifyFunction on_reply)
{
        DBusConnection *c = m ? desktop_connection(o->desktop) : NULL;
        bool ok = c && dbus_connection_send_with_reply(c, m, &o->call, timeout_ms) && o->call &&
                  dbus_pending_call_set_notify(o->call, on_reply, o, NULL);

        if (m)
                dbus_message_unref(m);
        return ok;
}

static bool is_taken(struct desktop_open *o, const char *who)
{
        DBusMessage *m = dbus_pending_call_steal_reply(o->call);
        bool taken = m && dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_RETURN;
        const char *why = m ? dbus_message_get_error_name(m) : NULL;

        dbus_pending_call_unref(o->call);
        o->call = NULL;
        if (!taken)
                log_event(LOG_E_INFO, "browser.not_opened", "by=%s reason=%s", who, why ? why : "no answer");
        if (m)
                dbus_message_unref(m);
        return taken;
}

static void on_systemd(DBusPendingCall *pending _unused_, void *arg)
{
        end(arg, is_taken(arg, SYSTEMD));
}

static void on_portal(DBusPendingCall *pending _unused_, void *arg)
{
        struct desktop_open *o = arg;

        if (is_taken(o, PORTAL))
                end(o, true);
        else if (access(OPENER, X_OK) < 0 || !send_call(o, unit_call(o->url), SYSTEMD_MS, on_systemd))
                end(o, false);
}

int desktop_open_start(struct desktop_open **ret, struct desktop *d, struct loop *l, const char *url,
        void (*done)(void *arg, bool taken), void *arg)
{
        struct desktop_open *o = calloc(1, sizeof *o);
        int r = -ENOMEM;

        if (!o)
                return -ENOMEM;
        *o = (struct desktop_open){.desktop = d, .done = done, .arg = arg, .url = strdup(url)};
        if (o->url)
                r = timer_new(&o->timer, l, on_timer, o);
        if (r < 0) {
                desktop_open_free(o);
                return err_trace(r);
        }
        timer_arm_in(o->timer, DEADLINE_MS);
        if (!is_safe(url) || !send_call(o, portal_call(url), PORTAL_MS, on_portal))
                end(o, false);
        *ret = o;
        return 0;
}

struct desktop_open *desktop_open_free(struct desktop_open *o)
{
        if (!o)
                return NULL;
        if (o->call) {
                dbus_pending_call_cancel(o->call);
                dbus_pending_call_unref(o->call);
        }
        timer_free(o->timer);
        free(o->url);
        free(o);
        return NULL;
}
