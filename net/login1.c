// SPDX-License-Identifier: Apache-2.0
//
// Who owns the name decides whose signals count. The owner is learnt from the bus itself: asked for once connected,
// and told of with NameOwnerChanged from then on, in one order with the signals. A match rule alone would not do, for
// the bus also delivers what anybody sends to our own unique name.
#include "login1.h"

#include "log.h"

#include <stdio.h>

#define AGAIN_FIRST_MS INT64_C(1000)
#define AGAIN_MOST_MS  INT64_C(60000)
#define ANSWER_MS      10000

#define MATCH_SIGNALS                                                                                        \
        "type='signal',sender='" LOGIN1 "',path='" LOGIN1_PATH "',interface='" LOGIN1_INTERFACE "'"
#define MATCH_OWNER                                                                                          \
        "type='signal',sender='" DBUS_SERVICE_DBUS "',interface='" DBUS_INTERFACE_DBUS                       \
        "',member='NameOwnerChanged',arg0='" LOGIN1 "'"

struct login1_listener {
        struct login1_listener *next, **link;
        const struct login1_events *events;
        void *arg;
        bool told; // that it is up
};

struct login1 {
        struct loop *loop;
        struct bus *bus;
        struct timer *again, *tell; // to connect; to tell who has not been told
        int64_t again_ms;
        char owner[256]; // its unique name; "": not there
        DBusPendingCall *asking;
        struct login1_listener *listeners;
};

static void on_tell(void *arg)
{
        struct login1 *x = arg;

        for (struct login1_listener *n = x->listeners; n && x->owner[0]; n = n->next) {
                if (n->told)
                        continue;
                n->told = true;
                if (n->events->up)
                        n->events->up(n->arg);
        }
}

static void went(struct login1 *x)
{
        x->owner[0] = 0;
        for (struct login1_listener *n = x->listeners; n; n = n->next) {
                bool told = n->told;

                n->told = false;
                if (told && n->events->down)
                        n->events->down(n->arg);
        }
}

// NULL or "": nobody owns it.
static void set_owner(struct login1 *x, const char *owner)
{
        if (x->owner[0])
                went(x);
        if (!owner || !owner[0] ||
                (size_t)snprintf(x->owner, sizeof x->owner, "%s", owner) >= sizeof x->owner)
                x->owner[0] = 0;
        else
                timer_arm_in(x->tell, 0);
}

static void ask_no_more(struct login1 *x)
{
        if (!x->asking)
                return;
        dbus_pending_call_cancel(x->asking);
        dbus_pending_call_unref(x->asking);
        x->asking = NULL;
}

static void later(struct login1 *x)
{
        timer_arm_in(x->again, x->again_ms);
        x->again_ms = x->again_ms * 2 < AGAIN_MOST_MS ? x->again_ms * 2 : AGAIN_MOST_MS;
}

static void disconnect(struct login1 *x)
{
        ask_no_more(x);
        went(x);
        x->bus = bus_free(x->bus);
        later(x);
}

static void on_lost(void *arg)
{
        disconnect(arg);
}

static void on_owner(DBusPendingCall *call, void *arg)
{
        struct login1 *x = arg;
        cleanup_dbus_msg DBusMessage *m = dbus_pending_call_steal_reply(call);
        const char *owner = NULL;

        ask_no_more(x);
        if (!m || dbus_message_is_error(m, DBUS_ERROR_NO_REPLY)) { // a bus too busy to say
                later(x);
                return;
        }
        if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
                dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &owner, DBUS_TYPE_INVALID))
                set_owner(x, owner);
        x->again_ms = AGAIN_FIRST_MS; // the bus answers
}

static DBusHandlerResult filter(DBusConnection *c _unused_, DBusMessage *m, void *arg)
{
        struct login1 *x = arg;
        const char *sender = dbus_message_get_sender(m), *name, *before, *owner;

        if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_SIGNAL || !sender)
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        // The bus lets nobody else send by its own name.
        if (strcmp(sender, DBUS_SERVICE_DBUS) == 0 &&
                dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameOwnerChanged") &&
                dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &before,
                        DBUS_TYPE_STRING, &owner, DBUS_TYPE_INVALID) &&
                strcmp(name, LOGIN1) == 0)
                set_owner(x, owner);
        if (!x->owner[0] || strcmp(sender, x->owner) != 0 || !dbus_message_has_interface(m, LOGIN1_INTERFACE))
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        for (struct login1_listener *n = x->listeners; n; n = n->next)
                if (n->told && n->events->signal)
                        n->events->signal(n->arg, dbus_message_get_member(m), m);
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static bool ask_owner(struct login1 *x)
{
        DBusConnection *c = bus_connection(x->bus);
        cleanup_dbus_msg DBusMessage *m = dbus_message_new_method_call(
                DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetNameOwner");
        const char *name = LOGIN1;

        return m && dbus_message_append_args(m, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) &&
               dbus_connection_send_with_reply(c, m, &x->asking, ANSWER_MS) && x->asking &&
               dbus_pending_call_set_notify(x->asking, on_owner, x, NULL);
}

static void on_again(void *arg)
{
        struct login1 *x = arg;
        struct err err = ERR_INIT;

        if (x->bus) { // it is there, and has not answered
                if (!x->owner[0] && !x->asking && !ask_owner(x))
                        disconnect(x);
                return;
        }
        if (bus_new(&x->bus, x->loop, DBUS_BUS_SYSTEM, on_lost, x, &err) < 0) {
                disconnect(x);
                return;
        }
        // Without an error to fill they are sent, and nobody waits for their answers.
        dbus_bus_add_match(bus_connection(x->bus), MATCH_SIGNALS, NULL);
        dbus_bus_add_match(bus_connection(x->bus), MATCH_OWNER, NULL);
        if (!dbus_connection_add_filter(bus_connection(x->bus), filter, x, NULL) || !ask_owner(x))
                disconnect(x);
}

DBusConnection *login1_connection(struct login1 *x)
{
        return x->bus && x->owner[0] ? bus_connection(x->bus) : NULL;
}

// ret: freed by login1_unlisten. arg is borrowed. 0 or -ENOMEM.
int login1_listen(
        struct login1_listener **ret, struct login1 *x, const struct login1_events *events, void *arg)
{
        struct login1_listener *n = calloc(1, sizeof *n);

        if (!n)
                return -ENOMEM;
        *n = (struct login1_listener){
                .events = events, .arg = arg, .next = x->listeners, .link = &x->listeners};
        if (n->next)
                n->next->link = &n->next;
        x->listeners = n;
        timer_arm_in(x->tell, 0);
        *ret = n;
        return 0;
}

struct login1_listener *login1_unlisten(struct login1_listener *n)
{
        if (!n)
                return NULL;
        *n->link = n->next;
        if (n->next)
                n->next->link = n->link;
        free(n);
        return NULL;
}

int login1_new(struct login1 **ret, struct loop *l)
{
        struct login1 *x = calloc(1, sizeof *x);
        int r;

        if (!x)
                return -ENOMEM;
        *x = (struct login1){.loop = l, .again_ms = AGAIN_FIRST_MS};
        r = timer_new(&x->again, l, on_again, x);
        if (r == 0)
                r = timer_new(&x->tell, l, on_tell, x);
        if (r < 0) {
                login1_free(x);
                return err_trace(r);
        }
        timer_arm_in(x->again, 0);
        *ret = x;
        return 0;
}

struct login1 *login1_free(struct login1 *x)
{
        if (!x)
                return NULL;
        ask_no_more(x);
        bus_free(x->bus);
        timer_free(x->again);
        timer_free(x->tell);
        free(x);
        return NULL;
}
