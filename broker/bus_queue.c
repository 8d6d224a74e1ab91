// SPDX-License-Identifier: Apache-2.0
//
// Whose turn it is. Calls come in one stream, however many programs make them: they are read as fast as they come,
// each program's put in a queue of its own, and served one by one in turns, so that whoever sends a thousand at once, or
// one that costs much, is a nuisance to itself. What a program may have open is bounded, for each connection, for each
// process, and in all; what comes beyond is refused at once, which costs less than to do it.
#include "bus_internal.h"

#define CALLS_MAX      8192
#define CALLS_MAX_EACH 256
#define BATCH          32                    // calls in a turn of the loop: there are others than the bus
#define BATCH_WEIGHT   (UINT64_C(256) << 10) // and bytes

static DBusHandlerResult refuse(struct bus_service *s, struct bus_caller *caller, DBusMessage *m)
{
        DBusMessage *reply = NULL;

        if (!dbus_message_get_no_reply(m) && !(caller && bus_unread_too_much(caller)))
                reply = dbus_message_new_error(m, outcome_info(OUTCOME_BUSY)->dbus_error,
                        "too many calls are waiting; try again in a moment");
        if (reply) {
                if (dbus_connection_send(bus_connection(s->bus), reply, NULL) && caller)
                        bus_unread_add(caller, 512);
                dbus_message_unref(reply);
        }
        return DBUS_HANDLER_RESULT_HANDLED;
}

static unsigned calls_of_process(const struct bus_service *s, const struct bus_caller *of)
{
        const struct bus_caller *c;
        unsigned n = 0;

        if (of->state != BUS_CALLER_KNOWN || of->who.pid == 0)
                return of->n_calls;
        TAILQ_FOREACH(c, &s->callers, by_use)
        if (c->who.pid == of->who.pid)
                n += c->n_calls;
        return n;
}

// Nobody who has nothing open is turned away, and one process takes a quarter at most when there are many.
static bool has_room(const struct bus_service *s, const struct bus_caller *c)
{
        if (c->n_calls >= CALLS_MAX_EACH)
                return false;
        if (s->n_calls < CALLS_MAX / 4 || c->n_calls == 0)
                return true;
        return s->n_calls < CALLS_MAX && calls_of_process(s, c) < CALLS_MAX / 4;
}

// One that does not read waits until it has.
void bus_queue_turn(struct bus_caller *c)
{
        struct bus_service *s = c->service;

        if (c->has_turn || TAILQ_EMPTY(&c->waiting) || c->state == BUS_CALLER_ASKED || bus_unread_too_much(c))
                return;
        if (TAILQ_EMPTY(&s->turns))
                timer_arm_in(s->serve, 0);
        TAILQ_INSERT_TAIL(&s->turns, c, by_turn);
        c->has_turn = true;
}

void bus_queue_leave(struct bus_caller *c)
{
        if (c->has_turn)
                TAILQ_REMOVE(&c->service->turns, c, by_turn);
        c->has_turn = false;
}

void bus_queue_serve(struct bus_service *s)
{
        uint64_t weight = 0;

        for (unsigned i = 0; i < BATCH && weight < BATCH_WEIGHT && !TAILQ_EMPTY(&s->turns); i++) {
                struct bus_caller *caller = TAILQ_FIRST(&s->turns);
                struct bus_call *c = TAILQ_FIRST(&caller->waiting);
                uint64_t before = caller->unread;

                bus_queue_leave(caller);
                TAILQ_REMOVE(&caller->waiting, c, in_caller);
                TAILQ_INSERT_TAIL(&caller->begun, c, in_caller);
                c->has_begun = true;
                bus_begin(c);
                weight += caller->unread > before ? caller->unread - before : 0;
                bus_queue_turn(caller);
        }
        if (TAILQ_EMPTY(&s->turns))
                timer_disarm(s->serve);
        else
                timer_arm_in(s->serve, 0);
}

DBusHandlerResult bus_queue_add(struct bus_service *s, DBusMessage *m)
{
        struct bus_caller *caller = bus_caller_get(s, dbus_message_get_sender(m));
        struct bus_call *c;

        if (!caller || !has_room(s, caller))
                return refuse(s, caller, m);
        c = calloc(1, sizeof *c);
        if (!c)
                return DBUS_HANDLER_RESULT_NEED_MEMORY;
        *c = (struct bus_call){.service = s, .caller = caller, .message = dbus_message_ref(m)};
        TAILQ_INSERT_TAIL(&caller->waiting, c, in_caller);
        caller->n_calls++;
        s->n_calls++;
        bus_queue_turn(caller);
        return DBUS_HANDLER_RESULT_HANDLED;
}
