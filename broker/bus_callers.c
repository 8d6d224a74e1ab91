// SPDX-License-Identifier: Apache-2.0
//
// Who is on the other end. A unique name stands for one connection for as long as the bus lives, so the bus is asked once
// about each: the uid and the process are what the kernel said when it connected. When a name goes, everything its
// program waits for goes; a program that connects again is another. Names that have nothing open are forgotten, the one
// unused for longest first, when there are many: the next call only asks again.
#include "bus_internal.h"

#include "log.h"

#include <unistd.h>

#define CALLERS_MAX 2048
#define ASK_MS      5000

// ---- asking the bus

bool bus_ask(DBusPendingCall **ret, struct bus_caller *c, const char *iface, const char *method,
        DBusPendingCallNotifyFunction done)
{
        DBusMessage *m = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, iface, method);
        DBusPendingCall *p = NULL;
        bool ok = m && dbus_message_append_args(m, DBUS_TYPE_STRING, &c->name, DBUS_TYPE_INVALID) &&
                  dbus_connection_send_with_reply(bus_connection(c->service->bus), m, &p, ASK_MS) && p &&
                  dbus_pending_call_set_notify(p, done, c, NULL);

        if (m)
                dbus_message_unref(m);
        if (ok)
                *ret = p;
        else
                bus_ask_cancel(&p);
        return ok;
}

DBusMessage *bus_ask_take(DBusPendingCall **p)
{
        DBusMessage *m = dbus_pending_call_steal_reply(*p);

        dbus_pending_call_unref(TAKE_PTR(*p));
        return m;
}

void bus_ask_cancel(DBusPendingCall **p)
{
        if (!*p)
                return;
        dbus_pending_call_cancel(*p);
        dbus_pending_call_unref(TAKE_PTR(*p));
}

// ---- callers

struct bus_caller *bus_caller_free(struct bus_caller *c)
{
        struct bus_service *s;
        struct bus_sign_in *x, *next;
        struct bus_call *call;

        if (!c)
                return NULL;
        s = c->service;
        // Calls first: they wait for sign-ins.
        while ((call = TAILQ_FIRST(&c->waiting)))
                bus_call_free(call);
        while ((call = TAILQ_FIRST(&c->begun)))
                bus_call_free(call);
        for (x = TAILQ_FIRST(&s->sign_ins); x; x = next) {
                next = TAILQ_NEXT(x, in_service);
                if (x->caller == c)
                        bus_sign_in_free(x);
        }
        bus_queue_leave(c);
        bus_ask_cancel(&c->asking);
        bus_ask_cancel(&c->looking);
        TAILQ_REMOVE(&s->callers, c, by_use);
        s->n_callers--;
        free(c->name);
        free(c);
        return NULL;
}

static void on_credentials(DBusPendingCall *p _unused_, void *arg)
{
        struct bus_caller *c = arg;
        DBusMessage *m = bus_ask_take(&c->asking);
        uid_t uid = 0;
        int error = 0;

        c->state = BUS_CALLER_REFUSED;
        if (!bus_read_caller(m, &uid, &c->who, &error))
                err_set(&c->refusal, "the bus does not say whose process this is");
        else if (uid != geteuid())
                err_set(&c->refusal, "this broker serves another user");
        else if (error < 0)
                caller_refusal(&c->refusal, error);
        else
                c->state = BUS_CALLER_KNOWN;
        if (m)
                dbus_message_unref(m);
        if (c->state == BUS_CALLER_REFUSED)
                log_event(LOG_E_WARNING, "caller.refused", "uid=%u bus_name=%s reason=%s", (unsigned)uid,
                        c->name, c->refusal.text);
        bus_queue_turn(c);
}

static struct bus_caller *find(const struct bus_service *s, const char *name)
{
        struct bus_caller *c;

        TAILQ_FOREACH(c, &s->callers, by_use)
        if (strcmp(c->name, name) == 0)
                return c;
        return NULL;
}

static void make_room(struct bus_service *s)
{
        struct bus_caller *c;

        TAILQ_FOREACH_REVERSE(c, &s->callers, bus_callers, by_use)
        if (c->n_calls == 0 && c->n_sign_ins == 0) {
                bus_caller_free(c);
                return;
        }
}

struct bus_caller *bus_caller_get(struct bus_service *s, const char *name)
{
        struct bus_caller *c = find(s, name);

        if (c) {
                TAILQ_REMOVE(&s->callers, c, by_use);
                TAILQ_INSERT_HEAD(&s->callers, c, by_use);
                return c;
        }
        if (s->n_callers >= CALLERS_MAX)
                make_room(s);
        c = s->n_callers >= CALLERS_MAX ? NULL : calloc(1, sizeof *c);
        if (!c)
                return NULL;
        *c = (struct bus_caller){.service = s, .name = strdup(name)};
        TAILQ_INIT(&c->waiting);
        TAILQ_INIT(&c->begun);
        TAILQ_INSERT_HEAD(&s->callers, c, by_use);
        s->n_callers++;
        if (!c->name ||
                !bus_ask(&c->asking, c, DBUS_INTERFACE_DBUS, "GetConnectionCredentials", on_credentials))
                return bus_caller_free(c);
        return c;
}

void bus_caller_left(struct bus_service *s, const char *name)
{
        bus_caller_free(find(s, name));
}
