// SPDX-License-Identifier: Apache-2.0
//
// org.valetkey.SignIn1: one object for each program and identity, all of them watching the one flow of the identity. It
// appears when there is something to show; Completed comes when it is over, and the object goes. It goes too, without a
// word, when its program leaves the bus: then nobody is there any more whom the person could have meant.
#include "bus_internal.h"

#include <stdio.h>

#define SIGN_INS_MAX      512
#define SIGN_INS_MAX_EACH 32 // of one process

struct bus_sign_in *bus_sign_in_free(struct bus_sign_in *s)
{
        const struct bus_object o = {.kind = BUS_SIGN_IN, .sign_in = s};
        struct bus_call *c;

        if (!s)
                return NULL;
        while ((c = TAILQ_FIRST(&s->calls))) {
                TAILQ_REMOVE(&s->calls, c, in_sign_in);
                c->sign_in = NULL;
        }
        TAILQ_REMOVE(&s->service->sign_ins, s, in_service);
        s->service->n_sign_ins--;
        s->caller->n_sign_ins--;
        if (s->prompted)
                bus_tell_removed(s->service, &o);
        sign_in_leave(s->watch);
        free(s->uri);
        free(s->uri_complete);
        free(s->user_code);
        free(s);
        return NULL;
}

static struct bus_call *take_call(struct bus_sign_in *s)
{
        struct bus_call *c = TAILQ_FIRST(&s->calls);

        if (c) {
                TAILQ_REMOVE(&s->calls, c, in_sign_in);
                c->sign_in = NULL;
        }
        return c;
}

// Tells those who wait, one by one: an answer may bring a new question, which shall not find this one.
static void answer_all(struct bus_sign_in *s, enum outcome o, const char *text)
{
        struct bus_call *c;

        while ((c = take_call(s))) {
                if (c->signed_in)
                        c->signed_in(c, o, text);
                else if (o == OUTCOME_OK)
                        bus_reply_error(c, OUTCOME_NOTHING, "signed in meanwhile"); // nothing is left to show
                else
                        bus_reply_error(c, o, text);
        }
}

void bus_sign_in_complete(struct bus_sign_in *s, enum outcome o, const char *text)
{
        char said[ERR_MAX];

        snprintf(said, sizeof said, "%s", dbus_validate_utf8(text, NULL) ? text : outcome_info(o)->text);
        s->over = true;
        if (s->prompted)
                bus_tell_completed(s, o, said);
        answer_all(s, o, said);
        bus_sign_in_free(s);
}

static void reply_path(struct bus_call *c, const char *path)
{
        DBusMessage *reply = dbus_message_new_method_return(c->message);

        if (reply && !dbus_message_append_args(reply, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID)) {
                dbus_message_unref(reply);
                reply = NULL;
        }
        bus_reply(c, reply);
}

static void on_prompt(void *arg, const struct sign_in_prompt *p)
{
        struct bus_sign_in *s = arg;
        const struct bus_object o = {.kind = BUS_SIGN_IN, .service = s->service, .sign_in = s};
        struct bus_call *c, *next;

        s->uri = strdup(p->uri);
        s->uri_complete = strdup(p->uri_complete ? p->uri_complete : "");
        s->user_code = strdup(p->user_code ? p->user_code : ""); // in a browser there is none to enter
        s->flow = p->flow;
        s->open = p->flow == SIGN_IN_BROWSER && p->first;
        if (!s->uri || !s->uri_complete || !s->user_code) {
                bus_sign_in_complete(s, OUTCOME_INTERNAL, "out of memory");
                return;
        }
        s->expires_at_s = clock_wall_s(loop_clock(broker_loop(s->service->broker))) + p->expires_in_s;
        s->prompted = true;
        bus_tell_added(s->service, &o);
        for (c = TAILQ_FIRST(&s->calls); c; c = next) {
                next = TAILQ_NEXT(c, in_sign_in);
                if (!c->signed_in)
                        reply_path(c, s->path);
        }
}

static void on_done(void *arg, enum outcome outcome, const struct err *err)
{
        struct bus_sign_in *s = arg;

        s->watch = sign_in_leave(s->watch);
        bus_sign_in_complete(s, outcome, outcome == OUTCOME_OK ? "" : err->text);
}

static struct bus_sign_in *find(const struct bus_caller *caller, const struct keeper *k)
{
        struct bus_sign_in *s;

        TAILQ_FOREACH(s, &caller->service->sign_ins, in_service)
        if (s->caller == caller && s->keeper == k && !s->over)
                return s;
        return NULL;
}

static bool has_room(const struct bus_caller *caller)
{
        const struct bus_sign_in *s;
        unsigned n = 0;

        TAILQ_FOREACH(s, &caller->service->sign_ins, in_service)
        n += s->caller->who.pid == caller->who.pid;
        return caller->service->n_sign_ins < SIGN_INS_MAX && n < SIGN_INS_MAX_EACH;
}

static int make(struct bus_sign_in **ret, struct bus_caller *caller, struct keeper *k,
        const struct sign_in_wish *wish)
{
        static const struct sign_in_events events = {.prompt = on_prompt, .done = on_done};
        struct bus_service *service = caller->service;
        struct bus_sign_in *s;
        int r;

        if (!has_room(caller))
                return -EBUSY;
        s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        *s = (struct bus_sign_in){.service = service, .caller = caller, .keeper = k};
        snprintf(s->path, sizeof s->path, BUS_ROOT "/sign_in/%u", ++service->serial);
        TAILQ_INIT(&s->calls);
        TAILQ_INSERT_TAIL(&service->sign_ins, s, in_service);
        service->n_sign_ins++;
        caller->n_sign_ins++;
        r = sign_in_join(&s->watch, k, wish, &events, s);
        if (r < 0) {
                bus_sign_in_free(s);
                return err_trace(r);
        }
        *ret = s;
        return 0;
}

static int wait_for(struct bus_call *c, struct keeper *k, const struct sign_in_wish *wish,
        void (*signed_in)(struct bus_call *c, enum outcome o, const char *text))
{
        struct bus_sign_in *s = find(c->caller, k);
        int r = s ? 0 : make(&s, c->caller, k, wish);

        if (r < 0)
                return err_trace(r);
        c->signed_in = signed_in;
        c->sign_in = s;
        TAILQ_INSERT_TAIL(&s->calls, c, in_sign_in);
        return 0;
}

int bus_sign_in_wait(struct bus_call *c, struct keeper *k,
        void (*signed_in)(struct bus_call *c, enum outcome o, const char *text))
{
        return wait_for(c, k, NULL, signed_in);
}

static bool read_flow(struct sign_in_wish *ret, DBusMessageIter *value)
{
        const char *flow;

        if (dbus_message_iter_get_arg_type(value) != DBUS_TYPE_STRING)
                return false;
        dbus_message_iter_get_basic(value, &flow);
        ret->flow = strcmp(flow, "browser") == 0 ? SIGN_IN_BROWSER : SIGN_IN_DEVICE;
        return strcmp(flow, sign_in_flow_name(ret->flow)) == 0;
}

// Of whichever type a language makes of a plain number.
static bool read_port(struct sign_in_wish *ret, DBusMessageIter *value)
{
        int type = dbus_message_iter_get_arg_type(value);
        DBusBasicValue v = {0};
        int64_t port;

        if (type != DBUS_TYPE_UINT16 && type != DBUS_TYPE_UINT32 && type != DBUS_TYPE_INT32)
                return false;
        dbus_message_iter_get_basic(value, &v);
        port = type == DBUS_TYPE_UINT16 ? v.u16 : type == DBUS_TYPE_UINT32 ? (int64_t)v.u32 : v.i32;
        if (port < SIGN_IN_PORT_MIN || port > UINT16_MAX)
                return false;
        ret->port = (uint16_t)port;
        return true;
}

bool bus_sign_in_read_options(struct sign_in_wish *ret, DBusMessageIter *options, struct err *err)
{
        DBusMessageIter dict, value;
        const char *name;
        char shown[64];

        *ret = (struct sign_in_wish){.flow = SIGN_IN_DEVICE};
        dbus_message_iter_recurse(options, &dict);
        while (bus_next_option(&dict, &name, &value))
                if (strcmp(name, "flow") == 0                ? !read_flow(ret, &value)
                        : strcmp(name, "callback_port") == 0 ? !read_port(ret, &value)
                                                             : true) {
                        err_set(err, "option %s is not known, or its value makes no sense",
                                err_sanitise(shown, sizeof shown, name, strlen(name)));
                        return false;
                }
        if (ret->port && ret->flow != SIGN_IN_BROWSER) {
                err_set(err, "callback_port goes with flow \"browser\"");
                return false;
        }
        return true;
}

void bus_sign_in_show(struct bus_call *c, struct keeper *k, const struct sign_in_wish *wish)
{
        struct bus_sign_in *s = find(c->caller, k);
        struct err err = ERR_INIT;
        int r;

        if (s && s->prompted) {
                reply_path(c, s->path);
                return;
        }
        r = wait_for(c, k, wish, NULL);
        if (r == -EBUSY) {
                bus_reply_error(c, OUTCOME_BUSY, NULL);
        } else if (r == -EADDRINUSE || r == -EACCES) {
                sign_in_port_error(&err, k, wish, r);
                bus_reply_error(c, OUTCOME_MISCONFIGURED, err.text);
        } else if (r < 0) {
                bus_reply(c, NULL);
        }
}
