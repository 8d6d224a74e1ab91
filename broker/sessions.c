// SPDX-License-Identifier: Apache-2.0
//
// One look is two calls: the path of the user, then its properties. "No such user" is an answer; every other failure is
// none, and changes nothing. A look that is wanted during a look follows it.
//
// While programs of a session live on, logind keeps the session as "closing", tells nobody, and lets the user's service
// manager run: just then it matters. But it writes the user's file anew, as it does for sd_login_monitor, and that is seen.
#include "sessions.h"

#include "log.h"

#include <stdio.h>
#include <sys/inotify.h>

#define USER_INTERFACE LOGIN1 ".User"
#define ANSWER_MS      10000
#define OPENING_MS     INT64_C(1000)
#define FAILED_MS      INT64_C(5000)

struct sessions {
        struct sessions_parts p;
        struct login1_listener *listener;
        DBusPendingCall *call;
        struct timer *look;
        bool again;
        int inotify;
        struct watch *watch;
        enum sessions_presence presence;
        bool lingers;
};

static void look_in(struct sessions *s, int64_t ms)
{
        if (s->call)
                s->again = true;
        else
                timer_arm_in(s->look, ms);
}

static void end_call(struct sessions *s)
{
        if (!s->call)
                return;
        dbus_pending_call_cancel(s->call);
        dbus_pending_call_unref(s->call);
        s->call = NULL;
}

// wait_ms < 0: nothing more is wanted.
static void end_look(struct sessions *s, int64_t wait_ms)
{
        end_call(s);
        if (s->again)
                wait_ms = 0;
        s->again = false;
        if (wait_ms >= 0)
                timer_arm_in(s->look, wait_ms);
}

static void answered(struct sessions *s, enum sessions_presence p, bool lingers)
{
        bool other = p != s->presence || lingers != s->lingers;

        s->presence = p;
        s->lingers = lingers;
        end_look(s, -1);
        if (other)
                s->p.changed(s->p.arg, p, lingers);
}

static void failed(struct sessions *s, const DBusMessage *m)
{
        const char *name = m ? dbus_message_get_error_name((DBusMessage *)(uintptr_t)m) : NULL;

        if (name && (strcmp(name, LOGIN1 ".NoSuchUser") == 0 || strcmp(name, DBUS_ERROR_UNKNOWN_OBJECT) == 0))
                answered(s, SESSIONS_NONE, false);
        else
                end_look(s, FAILED_MS);
}

static void judge(struct sessions *s, const char *state, bool lingers)
{
        if (strcmp(state, "active") == 0 || strcmp(state, "online") == 0)
                answered(s, SESSIONS_SOME, lingers);
        else if (strcmp(state, "closing") == 0 || strcmp(state, "lingering") == 0 ||
                 strcmp(state, "offline") == 0)
                answered(s, SESSIONS_NONE, lingers);
        else
                end_look(s, OPENING_MS); // "opening", or a word of the future
}

// a{sv}
static void read_properties(struct sessions *s, DBusMessage *m)
{
        DBusMessageIter top, dict, entry, value;
        const char *state = NULL;
        dbus_bool_t lingers = FALSE, has_linger = FALSE;

        if (!dbus_message_has_signature(m, "a{sv}")) {
                end_look(s, FAILED_MS);
                return;
        }
        dbus_message_iter_init(m, &top);
        dbus_message_iter_recurse(&top, &dict);
        for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&dict)) {
                const char *name;
                int type;

                dbus_message_iter_recurse(&dict, &entry);
                dbus_message_iter_get_basic(&entry, &name);
                dbus_message_iter_next(&entry);
                dbus_message_iter_recurse(&entry, &value);
                type = dbus_message_iter_get_arg_type(&value);
                if (strcmp(name, "State") == 0 && type == DBUS_TYPE_STRING)
                        dbus_message_iter_get_basic(&value, &state);
                if (strcmp(name, "Linger") == 0 && type == DBUS_TYPE_BOOLEAN) {
                        dbus_message_iter_get_basic(&value, &lingers);
                        has_linger = TRUE;
                }
        }
        if (state && has_linger)
                judge(s, state, lingers);
        else
                end_look(s, FAILED_MS);
}

// ---- the two calls

static void ask(struct sessions *s, DBusMessage *m, void (*on_reply)(DBusPendingCall *call, void *arg))
{
        DBusConnection *c = login1_connection(s->p.login1);

        end_call(s);
        if (m)
                dbus_message_set_auto_start(m, FALSE);
        if (!c || !m || !dbus_connection_send_with_reply(c, m, &s->call, ANSWER_MS) || !s->call ||
                !dbus_pending_call_set_notify(s->call, on_reply, s, NULL))
                end_look(s, c ? FAILED_MS : -1);
}

static bool is_reply(DBusMessage *m)
{
        return m && dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_RETURN;
}

static void on_properties(DBusPendingCall *call, void *arg)
{
        cleanup_dbus_msg DBusMessage *m = dbus_pending_call_steal_reply(call);

        if (is_reply(m))
                read_properties(arg, m);
        else
                failed(arg, m);
}

static void on_path(DBusPendingCall *call, void *arg)
{
        struct sessions *s = arg;
        cleanup_dbus_msg DBusMessage *m = dbus_pending_call_steal_reply(call), *q = NULL;
        const char *path, *interface = USER_INTERFACE;

        if (!is_reply(m) ||
                !dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID)) {
                failed(s, m);
                return;
        }
        q = dbus_message_new_method_call(LOGIN1, path, DBUS_INTERFACE_PROPERTIES, "GetAll");
        if (q && !dbus_message_append_args(q, DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID)) {
                dbus_message_unref(q);
                q = NULL;
        }
        ask(s, q, on_properties);
}

static void on_look(void *arg)
{
        struct sessions *s = arg;
        cleanup_dbus_msg DBusMessage *m =
                dbus_message_new_method_call(LOGIN1, LOGIN1_PATH, LOGIN1_INTERFACE, "GetUser");
        dbus_uint32_t uid = s->p.uid;

        if (m && !dbus_message_append_args(m, DBUS_TYPE_UINT32, &uid, DBUS_TYPE_INVALID)) {
                dbus_message_unref(m);
                m = NULL;
        }
        ask(s, m, on_path);
}

// ---- when to look

static void on_up(void *arg)
{
        look_in(arg, 0);
}

static void on_down(void *arg)
{
        struct sessions *s = arg;

        end_call(s);
        s->again = false;
        timer_disarm(s->look);
}

static void on_signal(void *arg, const char *member, DBusMessage *m)
{
        struct sessions *s = arg;
        dbus_uint32_t uid;
        bool user = strcmp(member, "UserNew") == 0 || strcmp(member, "UserRemoved") == 0;

        // A session's signal does not say whose it is. Most are other people's, and could not change what is known.
        if ((strcmp(member, "SessionNew") == 0 && s->presence != SESSIONS_SOME) ||
                (strcmp(member, "SessionRemoved") == 0 && s->presence == SESSIONS_SOME) ||
                (user && dbus_message_get_args(m, NULL, DBUS_TYPE_UINT32, &uid, DBUS_TYPE_INVALID) &&
                        uid == s->p.uid))
                look_in(s, 0);
}

static void on_files(unsigned ready _unused_, void *arg)
{
        struct sessions *s = arg;
        char room[4096] __attribute__((aligned(__alignof__(struct inotify_event)))), ours[16];
        ssize_t n = read(s->inotify, room, sizeof room);

        snprintf(ours, sizeof ours, "%u", (unsigned)s->p.uid);
        for (ssize_t at = 0; at < n;) {
                const struct inotify_event *e = (const struct inotify_event *)(const void *)(room + at);

                // A queue that ran over may have held it.
                if ((e->mask & IN_Q_OVERFLOW) || (e->len > 0 && strcmp(e->name, ours) == 0))
                        look_in(s, 0);
                at += (ssize_t)(sizeof *e + e->len);
        }
}

static int watch_files(struct sessions *s)
{
        s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (s->inotify < 0)
                return 0; // signals have to do
        if (inotify_add_watch(s->inotify, s->p.users_dir, IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) >= 0)
                return watch_new(&s->watch, s->p.loop, s->inotify, WATCH_READ, on_files, s);
        close(s->inotify);
        s->inotify = -1;
        return 0;
}

int sessions_new(struct sessions **ret, const struct sessions_parts *p)
{
        static const struct login1_events events = {.up = on_up, .down = on_down, .signal = on_signal};
        struct sessions *s = calloc(1, sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        *s = (struct sessions){.p = *p, .inotify = -1};
        r = timer_new(&s->look, p->loop, on_look, s);
        if (r == 0)
                r = watch_files(s);
        if (r == 0)
                r = login1_listen(&s->listener, p->login1, &events, s);
        if (r < 0) {
                sessions_free(s);
                return err_trace(r);
        }
        *ret = s;
        return 0;
}

struct sessions *sessions_free(struct sessions *s)
{
        if (!s)
                return NULL;
        login1_unlisten(s->listener);
        end_call(s);
        timer_free(s->look);
        watch_free(s->watch);
        if (s->inotify >= 0)
                close(s->inotify);
        free(s);
        return NULL;
}
