// SPDX-License-Identifier: Apache-2.0
//
// A question is shown in two steps: can whoever shows notifications show buttons, and then Notify. Its answers are signals, which
// any program on the bus can send; only those of the connection that answered Notify count. But whoever may show notifications may
// put another text and other buttons in the place of ours (replaces_id), and have a person press "Close": so what our buttons
// answer is a number that nobody else knows. Nobody who shows, no buttons, an error, a bus that goes away: nobody was asked.
#include "desktop.h"

#include "bus.h"
#include "log.h"
#include "random.h"

#include <ctype.h>

#define SERVICE  "org.freedesktop.Notifications"
#define PATH     "/org/freedesktop/Notifications"
#define CALL_MS  3000
#define URGENT   2
#define NORMAL   1
#define TEXT_MAX 512
#define KEY_LEN  32

struct desktop {
        struct loop *loop;
        struct bus *bus; // NULL: none yet
        struct desktop_question *questions;
};

struct desktop_question {
        struct desktop *desktop;
        struct desktop_question *next, **link;
        DBusPendingCall *call; // GetCapabilities or Notify
        struct timer *later;   // an answer is told from the loop
        enum desktop_answer answer;
        char summary[TEXT_MAX], body[TEXT_MAX], yes[64], no[64], a_while[64];
        bool urgent;
        char once_key[KEY_LEN + 1], while_key[KEY_LEN + 1], no_key[KEY_LEN + 1];
        uint32_t id;  // of the notification; 0: none yet
        char *shower; // the connection that shows it
        void (*done)(void *arg, enum desktop_answer a);
        void *arg;
};

static void end_with(struct desktop_question *q, enum desktop_answer a)
{
        q->answer = a;
        timer_arm_in(q->later, 0);
}

static void on_later(void *arg)
{
        struct desktop_question *q = arg;

        q->done(q->arg, q->answer); // may free q
}

// Bodies may be read as markup, and names come from anywhere.
static void plain(char *dst, size_t n, const char *src)
{
        err_sanitise(dst, n, src ? src : "", src ? strlen(src) : 0);
        for (; *dst; dst++)
                if (strchr("<>&", *dst))
                        *dst = '?';
}

// ---- the bus

static void on_lost(void *arg)
{
        struct desktop *d = arg;

        for (struct desktop_question *q = d->questions; q; q = q->next) {
                q->id = 0;
                if (q->call) {
                        dbus_pending_call_cancel(q->call);
                        dbus_pending_call_unref(q->call);
                        q->call = NULL;
                }
                end_with(q, DESKTOP_NOBODY);
        }
        d->bus = bus_free(d->bus);
}

static void on_action(struct desktop_question *q, const char *key)
{
        if (strcmp(key, q->once_key) == 0)
                end_with(q, DESKTOP_ONCE);
        else if (strcmp(key, q->while_key) == 0 && q->a_while[0])
                end_with(q, DESKTOP_A_WHILE);
        else if (strcmp(key, q->no_key) == 0)
                end_with(q, DESKTOP_NO);
        // A click beside the buttons ("default") is none of them, nor is one on somebody else's.
}

static DBusHandlerResult on_signal(DBusConnection *c _unused_, DBusMessage *m, void *arg)
{
        struct desktop *d = arg;
        const char *sender = dbus_message_get_sender(m), *key = NULL;
        dbus_uint32_t id = 0, reason;
        bool closed = dbus_message_is_signal(m, SERVICE, "NotificationClosed");

        if (!sender || (!closed && !dbus_message_is_signal(m, SERVICE, "ActionInvoked")))
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        if (closed ? !dbus_message_get_args(
                             m, NULL, DBUS_TYPE_UINT32, &id, DBUS_TYPE_UINT32, &reason, DBUS_TYPE_INVALID)
                   : !dbus_message_get_args(
                             m, NULL, DBUS_TYPE_UINT32, &id, DBUS_TYPE_STRING, &key, DBUS_TYPE_INVALID))
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        for (struct desktop_question *q = d->questions; q; q = q->next) {
                if (q->id != id || id == 0 || !q->shower || strcmp(q->shower, sender) != 0)
                        continue;
                if (key)
                        on_action(q, key);
                else if (!timer_is_armed(q->later)) // it is closed after an answer, too
                        end_with(q, DESKTOP_CLOSED);
                if (closed)
                        q->id = 0;
                break;
        }
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

// Whoever shows it has gone: there is nobody to answer.
static DBusHandlerResult on_owner(DBusConnection *c _unused_, DBusMessage *m, void *arg)
{
        struct desktop *d = arg;
        const char *name, *old, *new;

        if (!dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameOwnerChanged") ||
                !dbus_message_has_sender(m, DBUS_SERVICE_DBUS) ||
                !dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &old,
                        DBUS_TYPE_STRING, &new, DBUS_TYPE_INVALID) ||
                strcmp(name, SERVICE) != 0)
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        for (struct desktop_question *q = d->questions; q; q = q->next)
                if (q->id != 0 && q->shower && strcmp(q->shower, old) == 0) {
                        q->id = 0;
                        end_with(q, DESKTOP_NOBODY);
                }
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static int connect_bus(struct desktop *d)
{
        static const char *const rules[] = {
                "type='signal',interface='" SERVICE "',path='" PATH "'",
                "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                "member='NameOwnerChanged',arg0='" SERVICE "'",
        };
        struct err err = ERR_INIT;
        DBusConnection *c;
        int r;

        if (d->bus)
                return 0;
        r = bus_new(&d->bus, d->loop, DBUS_BUS_SESSION, on_lost, d, &err);
        if (r < 0)
                return r;
        c = bus_connection(d->bus);
        if (!dbus_connection_add_filter(c, on_signal, d, NULL) ||
                !dbus_connection_add_filter(c, on_owner, d, NULL)) {
                d->bus = bus_free(d->bus);
                return -ENOMEM;
        }
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                dbus_bus_add_match(c, rules[i], NULL); // without an error to fill it only queues the call
        return 0;
}

DBusConnection *desktop_connection(struct desktop *d)
{
        return connect_bus(d) == 0 ? bus_connection(d->bus) : NULL;
}

// ---- messages

static DBusMessage *new_call(const char *member)
{
        return dbus_message_new_method_call(SERVICE, PATH, SERVICE, member);
}

static bool append_text(DBusMessageIter *to, const char *s)
{
        return dbus_message_iter_append_basic(to, DBUS_TYPE_STRING, &s);
}

static bool append_actions(DBusMessageIter *args, const char *const *actions)
{
        DBusMessageIter list;
        bool ok = dbus_message_iter_open_container(args, DBUS_TYPE_ARRAY, "s", &list);

        for (; ok && *actions; actions++)
                ok = append_text(&list, *actions);
        return ok && dbus_message_iter_close_container(args, &list);
}

static bool append_urgency(DBusMessageIter *args, unsigned char urgency)
{
        DBusMessageIter dict, entry, value;

        return dbus_message_iter_open_container(args, DBUS_TYPE_ARRAY, "{sv}", &dict) &&
               dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
               append_text(&entry, "urgency") &&
               dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "y", &value) &&
               dbus_message_iter_append_basic(&value, DBUS_TYPE_BYTE, &urgency) &&
               dbus_message_iter_close_container(&entry, &value) &&
               dbus_message_iter_close_container(&dict, &entry) &&
               dbus_message_iter_close_container(args, &dict);
}

// expire_ms: -1: as they see fit; 0: not by itself.
static DBusMessage *new_notification(const char *summary, const char *body, const char *const *actions,
        unsigned char urgency, dbus_int32_t expire_ms)
{
        DBusMessage *m = new_call("Notify");
        dbus_uint32_t replaces = 0;
        DBusMessageIter args;

        if (!m)
                return NULL;
        dbus_message_iter_init_append(m, &args);
        if (append_text(&args, "valetkey") &&
                dbus_message_iter_append_basic(&args, DBUS_TYPE_UINT32, &replaces) &&
                append_text(&args, "dialog-password") && append_text(&args, summary) &&
                append_text(&args, body) && append_actions(&args, actions) &&
                append_urgency(&args, urgency) &&
                dbus_message_iter_append_basic(&args, DBUS_TYPE_INT32, &expire_ms))
                return m;
        dbus_message_unref(m);
        return NULL;
}

static bool send_call(struct desktop_question *q, DBusMessage *m, DBusPendingCallNotifyFunction on_reply)
{
        bool ok = m &&
                  dbus_connection_send_with_reply(bus_connection(q->desktop->bus), m, &q->call, CALL_MS) &&
                  q->call && dbus_pending_call_set_notify(q->call, on_reply, q, NULL);

        if (m)
                dbus_message_unref(m);
        return ok;
}

static DBusMessage *take_reply(struct desktop_question *q)
{
        DBusMessage *m = dbus_pending_call_steal_reply(q->call);

        dbus_pending_call_unref(q->call);
        q->call = NULL;
        if (m && dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_RETURN)
                return m;
        if (m)
                dbus_message_unref(m);
        return NULL;
}

// ---- asking

static void on_shown(DBusPendingCall *pending _unused_, void *arg)
{
        struct desktop_question *q = arg;
        DBusMessage *m = take_reply(q);
        const char *sender = m ? dbus_message_get_sender(m) : NULL;
        dbus_uint32_t id = 0;

        if (sender && dbus_message_get_args(m, NULL, DBUS_TYPE_UINT32, &id, DBUS_TYPE_INVALID) && id != 0)
                q->shower = strdup(sender);
        if (q->shower)
                q->id = id;
        else
                end_with(q, DESKTOP_NOBODY);
        if (m)
                dbus_message_unref(m);
}

static bool has_actions(DBusMessage *m)
{
        char **list = NULL;
        bool found = false;
        int n = 0;

        if (!m || !dbus_message_get_args(
                          m, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &list, &n, DBUS_TYPE_INVALID))
                return false;
        for (int i = 0; i < n; i++)
                found |= strcmp(list[i], "actions") == 0;
        dbus_free_string_array(list);
        return found;
}

static void on_capabilities(DBusPendingCall *pending _unused_, void *arg)
{
        struct desktop_question *q = arg;
        DBusMessage *m = take_reply(q);
        const char *const actions[] = {
                q->once_key, q->yes, q->no_key, q->no, q->a_while[0] ? q->while_key : NULL, q->a_while, NULL};
        bool can = has_actions(m);

        if (m)
                dbus_message_unref(m);
        if (!can ||
                !send_call(q, new_notification(q->summary, q->body, actions, q->urgent ? URGENT : NORMAL, 0),
                        on_shown))
                end_with(q, DESKTOP_NOBODY);
}

int desktop_ask(struct desktop_question **ret, struct desktop *d, const struct desktop_text *t,
        void (*done)(void *arg, enum desktop_answer a), void *arg)
{
        struct desktop_question *q = calloc(1, sizeof *q);
        int r;

        if (!q)
                return -ENOMEM;
        *q = (struct desktop_question){.desktop = d, .done = done, .arg = arg};
        r = timer_new(&q->later, d->loop, on_later, q);
        if (r == 0)
                r = random_hex(q->once_key, KEY_LEN / 2);
        if (r == 0)
                r = random_hex(q->while_key, KEY_LEN / 2);
        if (r == 0)
                r = random_hex(q->no_key, KEY_LEN / 2);
        if (r < 0) {
                desktop_question_free(q);
                return err_trace(r);
        }
        plain(q->summary, sizeof q->summary, t->summary);
        plain(q->body, sizeof q->body, t->body);
        plain(q->yes, sizeof q->yes, t->yes);
        plain(q->no, sizeof q->no, t->no);
        plain(q->a_while, sizeof q->a_while, t->a_while);
        q->urgent = t->urgent;
        q->next = d->questions;
        q->link = &d->questions;
        if (q->next)
                q->next->link = &q->next;
        d->questions = q;
        if (connect_bus(d) < 0 || !send_call(q, new_call("GetCapabilities"), on_capabilities))
                end_with(q, DESKTOP_NOBODY);
        *ret = q;
        return 0;
}

static void take_down(struct desktop_question *q)
{
        DBusMessage *m = q->desktop->bus && q->id ? new_call("CloseNotification") : NULL;
        dbus_uint32_t id = q->id;

        if (!m)
                return;
        dbus_message_set_no_reply(m, TRUE);
        if (dbus_message_append_args(m, DBUS_TYPE_UINT32, &id, DBUS_TYPE_INVALID))
                (void)dbus_connection_send(
                        bus_connection(q->desktop->bus), m, NULL); // it stays on the screen, then
        dbus_message_unref(m);
}

struct desktop_question *desktop_question_free(struct desktop_question *q)
{
        if (!q)
                return NULL;
        if (q->link) {
                *q->link = q->next;
                if (q->next)
                        q->next->link = q->link;
        }
        if (q->call) {
                dbus_pending_call_cancel(q->call);
                dbus_pending_call_unref(q->call);
        }
        take_down(q);
        timer_free(q->later);
        free(q->shower);
        free(q);
        return NULL;
}

// ---- telling

void desktop_tell(struct desktop *d, const struct desktop_text *t)
{
        static const char *const none[] = {NULL};
        char summary[TEXT_MAX], body[TEXT_MAX];
        DBusMessage *m;

        plain(summary, sizeof summary, t->summary);
        plain(body, sizeof body, t->body);
        if (connect_bus(d) < 0)
                return;
        m = new_notification(summary, body, none, NORMAL, -1);
        if (!m)
                return;
        dbus_message_set_no_reply(m, TRUE);
        (void)dbus_connection_send(bus_connection(d->bus), m, NULL);
        dbus_message_unref(m);
}

int desktop_new(struct desktop **ret, struct loop *l)
{
        struct desktop *d = calloc(1, sizeof *d);

        if (!d)
                return -ENOMEM;
        d->loop = l;
        *ret = d;
        return 0;
}

struct desktop *desktop_free(struct desktop *d)
{
        if (!d)
                return NULL;
        bus_free(d->bus);
        free(d);
        return NULL;
}
