// SPDX-License-Identifier: Apache-2.0
//
// GetCredentials. Silent first: without a grant the answer is NeedsLogin, at once. A caller that says "interactive" has a
// person to ask: then a sign-in begins, or the one under way is joined, its object appears for whoever can show it, and the
// answer comes when the person is done.
#include "bus_internal.h"

#include "credproc.h"
#include "handout_policy.h"
#include "memfd.h"

#define WAIT_MS   INT64_C(20000)  // for STS; libdbus gives up after 25 s
#define PERSON_MS INT64_C(120000) // for who is asked; whoever says "interactive" waits longer, too

struct bus_request {
        struct handout *handout;
        char *role;
        int64_t min_ttl_s;
        bool interactive;
        bool asked; // somebody has signed in for this call already: once is enough
};

struct bus_request *bus_request_free(struct bus_request *q)
{
        if (!q)
                return NULL;
        handout_free(q->handout);
        free(q->role);
        free(q);
        return NULL;
}

static bool read_option(struct bus_request *q, const char *name, DBusMessageIter *value)
{
        int type = dbus_message_iter_get_arg_type(value);
        DBusBasicValue v = {0};

        if (!dbus_type_is_basic(type) || type == DBUS_TYPE_UNIX_FD)
                return false;
        dbus_message_iter_get_basic(value, &v);
        if (strcmp(name, "interactive") == 0) {
                q->interactive = v.bool_val;
                return type == DBUS_TYPE_BOOLEAN;
        }
        if (strcmp(name, "min_ttl") != 0)
                return false;
        switch (type) {
        case DBUS_TYPE_UINT32:
                q->min_ttl_s = v.u32;
                return true;
        case DBUS_TYPE_INT32: // what Python makes of a plain number
                q->min_ttl_s = v.i32;
                return v.i32 >= 0;
        default:
                return false;
        }
}

// An option that is not known is refused: one that asks for less would be ignored at the caller's peril.
static bool read_options(struct bus_request *q, DBusMessageIter *options, struct err *err)
{
        DBusMessageIter dict, value;
        const char *name;

        dbus_message_iter_recurse(options, &dict);
        while (bus_next_option(&dict, &name, &value))
                if (!read_option(q, name, &value)) {
                        char shown[64];

                        err_set(err, "option %s is not known, or its value makes no sense",
                                err_sanitise(shown, sizeof shown, name, strlen(name)));
                        return false;
                }
        return true;
}

static void answer(struct bus_call *c, const struct role_answer *a)
{
        cleanup_buf struct buf json = BUF_INIT(64u << 10);
        cleanup_fd int fd = -1;
        DBusMessage *reply;

        if (a->outcome != OUTCOME_OK) {
                bus_reply_error(c, a->outcome, a->message);
                return;
        }
        if (credproc_write(&json, a->credentials, a->reported_expiration_s) < 0 ||
                memfd_sealed(&fd, "valetkey-credentials", json.p, json.n) < 0) {
                bus_reply_error(c, OUTCOME_INTERNAL, NULL);
                return;
        }
        reply = dbus_message_new_method_return(c->message);
        if (reply && !dbus_message_append_args(reply, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID)) {
                dbus_message_unref(reply);
                reply = NULL;
        }
        bus_reply(c, reply);
}

static void ask(struct bus_call *c);

static void on_signed_in(struct bus_call *c, enum outcome o, const char *text)
{
        if (o == OUTCOME_OK)
                ask(c);
        else
                bus_reply_error(c, o, text);
}

// Whose sign-in brings the role: that of its identity, or the one whose claim may name it.
static struct keeper *keeper_of(struct broker *b, const struct caller *who, const char *named)
{
        const struct config *config = broker_config(b);
        const struct config_app *app = NULL;
        const char *role = NULL;
        struct keeper *k = NULL;
        struct role *r = NULL;
        enum outcome o;

        if (policy_app(config, who, &app, NULL) != OUTCOME_OK ||
                policy_role(config, who, app, named, &role, NULL) != OUTCOME_OK)
                return NULL;
        o = broker_find_role(b, role, &r, NULL);
        if (o == OUTCOME_NEEDS_LOGIN)
                return broker_get_claims_keeper(b, 0);
        if (o != OUTCOME_OK || broker_find_identity(b, role_get_config(r)->identity, &k, NULL) != OUTCOME_OK)
                return NULL;
        return k;
}

// True: the call goes on to wait for a person.
static bool ask_person(struct bus_call *c, const struct role_answer *a)
{
        struct bus_request *q = c->request;
        struct broker *b = c->service->broker;
        struct keeper *k;

        if (a->outcome != OUTCOME_NEEDS_LOGIN || !q->interactive || q->asked)
                return false;
        k = keeper_of(b, &c->caller->who, q->role);
        q->asked = true;
        return k && bus_sign_in_wait(c, k, on_signed_in) == 0;
}

static void on_answer(void *arg, const struct role_answer *a)
{
        struct bus_call *c = arg;

        if (ask_person(c, a))
                c->request->handout = handout_free(c->request->handout);
        else
                answer(c, a); // frees it, too
}

static void ask(struct bus_call *c)
{
        struct bus_request *q = c->request;
        const struct handout_request h = {
                .caller = &c->caller->who,
                .role = q->role,
                .by_name = q->role[0] != 0,
                .min_ttl_s = q->min_ttl_s,
                .deadline_ms = q->interactive ? PERSON_MS : WAIT_MS,
                .interactive = q->interactive,
        };
        struct role_answer a;

        if (handout_now(c->service->broker, &h, &a)) {
                if (!ask_person(c, &a))
                        answer(c, &a);
        } else if (handout_start(&q->handout, c->service->broker, &h, on_answer, c) < 0) {
                bus_reply_error(c, OUTCOME_INTERNAL, NULL);
        }
}

void bus_get_credentials(struct bus_call *c, const char *role, DBusMessageIter *options)
{
        struct err err = ERR_INIT;

        c->request = calloc(1, sizeof *c->request);
        if (c->request)
                c->request->role = strdup(role);
        if (!c->request || !c->request->role)
                bus_reply(c, NULL);
        else if (!read_options(c->request, options, &err))
                bus_reply_error(c, OUTCOME_INVALID_REQUEST, err.text);
        else if (!dbus_connection_can_send_type(bus_connection(c->service->bus), DBUS_TYPE_UNIX_FD))
                bus_reply_error(c, OUTCOME_MISCONFIGURED, "this bus does not carry descriptors");
        else
                ask(c);
}
