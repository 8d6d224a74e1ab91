// SPDX-License-Identifier: Apache-2.0
//
// org.valetkey.SignIn1: one object for each program that asked, all of them watching the one flow of the
// identity. SignIn answers when there is something to show; Completed comes when it is over, and the object
// goes. It goes too, without a word, when its program leaves the bus.
#include "bus_internal.h"

#include <stdio.h>

#define SIGN_INS_MAX 32

void bus_emit(struct bus_service *s, DBusMessage *m)
{
        if (!m)
                return;
        if (s->bus)
                (void)dbus_connection_send(bus_connection(s->bus), m, NULL);
        dbus_message_unref(m);
}

struct bus_sign_in *bus_sign_in_free(struct bus_sign_in *s)
{
        if (!s)
                return NULL;
        *s->link = s->next;
        if (s->next)
                s->next->link = s->link;
        s->service->n_sign_ins--;
        sign_in_leave(s->watch);
        if (s->call)
                bus_call_free(s->call);
        free(s->uri);
        free(s->uri_complete);
        free(s->user_code);
        free(s);
        return NULL;
}

static void emit_added(struct bus_sign_in *s)
{
        DBusMessage *m =
                dbus_message_new_signal(BUS_ROOT, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded");
        struct bus_object o = {.kind = BUS_SIGN_IN, .service = s->service, .sign_in = s};
        const char *path = s->path, *iface = bus_interface_name(bus_interface_of(BUS_SIGN_IN));
        DBusMessageIter args, dict, entry;

        if (!m)
                return;
        dbus_message_iter_init_append(m, &args);
        if (dbus_message_iter_append_basic(&args, DBUS_TYPE_OBJECT_PATH, &path) &&
                dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "{sa{sv}}", &dict) &&
                dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
                dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &iface) &&
                bus_append_properties(&entry, &o) && dbus_message_iter_close_container(&dict, &entry) &&
                dbus_message_iter_close_container(&args, &dict))
                bus_emit(s->service, m);
        else
                dbus_message_unref(m);
}

static void emit_removed(struct bus_sign_in *s)
{
        DBusMessage *m =
                dbus_message_new_signal(BUS_ROOT, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved");
        const char *path = s->path, *iface = bus_interface_name(bus_interface_of(BUS_SIGN_IN));
        const char **ifaces = &iface;

        if (m && !dbus_message_append_args(m, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING,
                         &ifaces, 1, DBUS_TYPE_INVALID)) {
                dbus_message_unref(m);
                m = NULL;
        }
        bus_emit(s->service, m);
}

void bus_sign_in_complete(struct bus_sign_in *s, enum outcome o, const char *text)
{
        const char *id = outcome_info(o)->id;
        DBusMessage *m;

        if (!dbus_validate_utf8(text, NULL))
                text = outcome_info(o)->text;
        if (s->call) {
                // Over before there was anything to show: the call itself says so.
                struct bus_call *c = TAKE_PTR(s->call);

                bus_reply_error(c, o, text);
                bus_sign_in_free(s);
                return;
        }
        m = dbus_message_new_signal(s->path, bus_interface_name(bus_interface_of(BUS_SIGN_IN)), "Completed");
        if (m && !dbus_message_append_args(
                         m, DBUS_TYPE_STRING, &id, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID)) {
                dbus_message_unref(m);
                m = NULL;
        }
        bus_emit(s->service, m);
        emit_removed(s);
        bus_sign_in_free(s);
}

static void on_prompt(void *arg, const struct sign_in_prompt *p)
{
        struct bus_sign_in *s = arg;
        struct bus_call *c = TAKE_PTR(s->call);
        const char *path = s->path;
        DBusMessage *reply;

        s->uri = strdup(p->uri);
        s->uri_complete = strdup(p->uri_complete ? p->uri_complete : "");
        s->user_code = strdup(p->user_code);
        if (!s->uri || !s->uri_complete || !s->user_code) {
                bus_reply(c, NULL);
                bus_sign_in_free(s);
                return;
        }
        s->expires_at_s = clock_wall_s(loop_clock(broker_loop(s->service->broker))) + p->expires_in_s;
        s->prompted = true;
        emit_added(s);
        reply = dbus_message_new_method_return(c->message);
        if (reply && !dbus_message_append_args(reply, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID)) {
                dbus_message_unref(reply);
                reply = NULL;
        }
        bus_reply(c, reply);
}

static void on_done(void *arg, enum outcome outcome, const struct err *err)
{
        struct bus_sign_in *s = arg;

        s->watch = sign_in_leave(s->watch);
        if (s->call && outcome == OUTCOME_OK) {
                // Done before there was anything to show: nothing is left to point at.
                bus_sign_in_complete(s, OUTCOME_NOTHING, "signed in meanwhile");
                return;
        }
        bus_sign_in_complete(s, outcome, outcome == OUTCOME_OK ? "" : err->text);
}

void bus_sign_in_start(struct bus_call *c, struct keeper *k)
{
        static const struct sign_in_events events = {.prompt = on_prompt, .done = on_done};
        struct bus_service *service = c->service;
        struct bus_sign_in *s;

        if (service->n_sign_ins >= SIGN_INS_MAX) {
                bus_reply_error(c, OUTCOME_BUSY, NULL);
                return;
        }
        s = calloc(1, sizeof *s);
        if (!s) {
                bus_reply(c, NULL);
                return;
        }
        *s = (struct bus_sign_in){
                .service = service, .caller = c->caller, .call = c, .next = service->sign_ins};
        snprintf(s->path, sizeof s->path, BUS_ROOT "/sign_in/%u", ++service->serial);
        s->link = &service->sign_ins;
        if (s->next)
                s->next->link = &s->next;
        service->sign_ins = s;
        service->n_sign_ins++;
        if (sign_in_join(&s->watch, k, &events, s) < 0) {
                s->call = NULL;
                bus_sign_in_free(s);
                bus_reply(c, NULL);
        }
}
