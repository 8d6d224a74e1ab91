// SPDX-License-Identifier: Apache-2.0
//
// A call is a kept message: it is answered when there is an answer, and forgotten when its caller leaves the
// bus.
#include "bus_internal.h"

struct bus_call *bus_call_free(struct bus_call *c)
{
        if (!c)
                return NULL;
        if (c->link) {
                *c->link = c->next;
                if (c->next)
                        c->next->link = c->link;
                c->caller->n_calls--;
        }
        handout_free(c->handout);
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
                // Without memory for the queue the caller hears nothing and times out; there is no other way.
                if (!dbus_message_get_no_reply(c->message))
                        (void)dbus_connection_send(connection, reply, NULL);
                dbus_message_unref(reply);
        }
        bus_call_free(c);
}

void bus_reply_empty(struct bus_call *c)
{
        bus_reply(c, dbus_message_new_method_return(c->message));
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
