// SPDX-License-Identifier: Apache-2.0
//
// A call is a kept message: it is answered when there is an answer, and forgotten when its caller leaves the
// bus.
#include "bus_internal.h"

// What an answer counts for in bus_unread.c where its size does not matter; a descriptor is dearer than its bytes, for
// the bus has few of them.
#define SMALL_ANSWER    512
#define WITH_DESCRIPTOR (UINT64_C(64) << 10)

struct bus_call *bus_call_free(struct bus_call *c)
{
        struct bus_caller *caller;

        if (!c)
                return NULL;
        caller = c->caller;
        if (c->has_begun)
                TAILQ_REMOVE(&caller->begun, c, in_caller);
        else
                TAILQ_REMOVE(&caller->waiting, c, in_caller);
        caller->n_calls--;
        c->service->n_calls--;
        if (c->sign_in)
                TAILQ_REMOVE(&c->sign_in->calls, c, in_sign_in);
        bus_request_free(c->request);
        dbus_message_unref(c->message);
        free(c);
        return NULL;
}

void bus_reply(struct bus_call *c, DBusMessage *reply)
{
        DBusConnection *connection = bus_connection(c->service->bus);

        if (!reply)
                reply = dbus_message_new_error(c->message, DBUS_ERROR_NO_MEMORY, "out of memory");
        if (reply) {
                bool fd = dbus_message_contains_unix_fds(reply);

                // Without memory for the queue the caller hears nothing and times out; there is no other way.
                if (!dbus_message_get_no_reply(c->message) && dbus_connection_send(connection, reply, NULL))
                        bus_unread_add(c->caller, fd ? WITH_DESCRIPTOR : SMALL_ANSWER + c->weight);
                dbus_message_unref(reply);
        }
        bus_call_free(c);
}

void bus_reply_empty(struct bus_call *c)
{
        bus_reply(c, dbus_message_new_method_return(c->message));
}

void bus_reply_string(struct bus_call *c, struct buf *text)
{
        const char *s = buf_str(text);
        DBusMessage *reply = dbus_message_new_method_return(c->message);

        if (reply && !dbus_message_append_args(reply, DBUS_TYPE_STRING, &s, DBUS_TYPE_INVALID)) {
                dbus_message_unref(reply);
                reply = NULL;
        }
        c->weight = text->n;
        bus_reply(c, reply);
}

void bus_reply_dbus_error(struct bus_call *c, const char *name, const char *text)
{
        bus_reply(c, dbus_message_new_error(c->message, name, dbus_validate_utf8(text, NULL) ? text : "?"));
}

void bus_reply_error(struct bus_call *c, enum outcome o, const char *text)
{
        const struct outcome_info *info = outcome_info(o);

        bus_reply_dbus_error(c, info->dbus_error, text && text[0] ? text : info->text);
}
