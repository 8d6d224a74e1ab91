// SPDX-License-Identifier: Apache-2.0
//
// The methods of our own interfaces. Their arguments have the right types already: bus_service.c compares the
// signature before it calls one.
#include "bus_internal.h"

#include "credproc.h"
#include "memfd.h"

#define WAIT_MS INT64_C(20000) // libdbus gives up after 25 s

// The options of GetCredentials. An option that is not known is refused: one that asks for less would be
// ignored at the caller's peril.
static bool parse_min_ttl(DBusMessageIter *args, int64_t *ret, const char **ret_bad)
{
        DBusMessageIter dict, entry, value;

        *ret = 0;
        dbus_message_iter_recurse(args, &dict);
        for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&dict)) {
                DBusBasicValue v = {0};
                const char *name;

                dbus_message_iter_recurse(&dict, &entry);
                dbus_message_iter_get_basic(&entry, &name);
                dbus_message_iter_next(&entry);
                dbus_message_iter_recurse(&entry, &value);
                *ret_bad = name;
                if (strcmp(name, "min_ttl") != 0)
                        return false;
                switch (dbus_message_iter_get_arg_type(&value)) {
                case DBUS_TYPE_UINT32:
                        dbus_message_iter_get_basic(&value, &v);
                        *ret = v.u32;
                        break;
                case DBUS_TYPE_INT32:
                        dbus_message_iter_get_basic(&value, &v);
                        *ret = v.i32;
                        break;
                default:
                        return false;
                }
                if (*ret < 0)
                        return false;
        }
        return true;
}

static bool has_options(DBusMessageIter *args)
{
        DBusMessageIter dict;

        dbus_message_iter_recurse(args, &dict);
        return dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY;
}

static void reply_role(struct bus_call *c, const struct role_answer *a)
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

static void on_role_answer(void *arg, const struct role_answer *a)
{
        struct bus_call *c = arg;

        c->handout = handout_free(c->handout);
        reply_role(c, a);
}

static void get_credentials(struct bus_call *c, const char *role, DBusMessageIter *options)
{
        struct handout_request q = {
                .caller = &c->caller->who, .role = role, .by_name = role[0] != 0, .deadline_ms = WAIT_MS};
        struct err err = ERR_INIT;
        struct role_answer a;
        const char *bad = "";

        if (!parse_min_ttl(options, &q.min_ttl_s, &bad)) {
                err_set(&err, "option %s is not known, or its value makes no sense", bad);
                bus_reply_error(c, OUTCOME_INVALID_REQUEST, err.text);
                return;
        }
        if (!dbus_connection_can_send_type(bus_connection(c->service->bus), DBUS_TYPE_UNIX_FD)) {
                bus_reply_error(c, OUTCOME_MISCONFIGURED, "this bus does not carry descriptors");
                return;
        }
        if (c->caller->who_error < 0) {
                caller_refusal(&err, c->caller->who_error);
                bus_reply_error(c, OUTCOME_ACCESS_DENIED, err.text);
                return;
        }
        if (handout_now(c->service->broker, &q, &a))
                reply_role(c, &a);
        else if (handout_start(&c->handout, c->service->broker, &q, on_role_answer, c) < 0)
                bus_reply_error(c, OUTCOME_INTERNAL, NULL);
}

// ---- org.valetkey.Broker1

static void broker_get_credentials(struct bus_call *c, const struct bus_object *o _unused_)
{
        DBusMessageIter args;
        const char *name;

        dbus_message_iter_init(c->message, &args);
        dbus_message_iter_get_basic(&args, &name);
        dbus_message_iter_next(&args);
        get_credentials(c, name, &args);
}

static struct keeper *named_identity(struct bus_call *c, DBusMessageIter *args)
{
        struct err err = ERR_INIT;
        struct keeper *k = NULL;
        const char *name;
        enum outcome outcome;

        dbus_message_iter_init(c->message, args);
        dbus_message_iter_get_basic(args, &name);
        dbus_message_iter_next(args);
        outcome = broker_find_identity(c->service->broker, name, &k, &err);
        if (outcome != OUTCOME_OK)
                bus_reply_error(c, outcome, err.text);
        return outcome == OUTCOME_OK ? k : NULL;
}

static void sign_in(struct bus_call *c, struct keeper *k, DBusMessageIter *options)
{
        if (has_options(options))
                bus_reply_error(c, OUTCOME_INVALID_REQUEST, "SignIn knows no options yet");
        else
                bus_sign_in_start(c, k);
}

static void broker_sign_in(struct bus_call *c, const struct bus_object *o _unused_)
{
        DBusMessageIter args;
        struct keeper *k = named_identity(c, &args);

        if (k)
                sign_in(c, k, &args);
}

static void broker_sign_out_one(struct bus_call *c, const struct bus_object *o _unused_)
{
        DBusMessageIter args;
        struct keeper *k = named_identity(c, &args);

        if (!k)
                return;
        broker_sign_out(c->service->broker, k);
        bus_reply_empty(c);
}

static void broker_get_status(struct bus_call *c, const struct bus_object *o _unused_)
{
        cleanup_buf struct buf json = BUF_INIT(16u << 20);
        DBusMessage *reply = NULL;
        const char *text;

        if (broker_status(c->service->broker, &json) == 0) {
                text = buf_str(&json);
                reply = dbus_message_new_method_return(c->message);
                if (reply && !dbus_message_append_args(reply, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID)) {
                        dbus_message_unref(reply);
                        reply = NULL;
                }
        }
        bus_reply(c, reply);
}

// ---- org.valetkey.Identity1

static void identity_sign_in(struct bus_call *c, const struct bus_object *o)
{
        DBusMessageIter args;

        dbus_message_iter_init(c->message, &args);
        sign_in(c, o->keeper, &args);
}

static void identity_sign_out(struct bus_call *c, const struct bus_object *o)
{
        broker_sign_out(c->service->broker, o->keeper);
        bus_reply_empty(c);
}

// ---- org.valetkey.Role1

static void role_get_credentials_now(struct bus_call *c, const struct bus_object *o)
{
        DBusMessageIter args;

        dbus_message_iter_init(c->message, &args);
        get_credentials(c, role_get_config(o->role)->name, &args);
}

static void role_refresh_now(struct bus_call *c, const struct bus_object *o)
{
        struct err err = ERR_INIT;
        enum outcome outcome = broker_refresh(c->service->broker, o->role, &err);

        if (outcome == OUTCOME_OK)
                bus_reply_empty(c);
        else
                bus_reply_error(c, outcome, err.text);
}

static void role_drop_now(struct bus_call *c, const struct bus_object *o)
{
        struct err err = ERR_INIT;
        enum outcome outcome = role_drop(o->role, false, &err);

        if (outcome == OUTCOME_OK)
                bus_reply_empty(c);
        else
                bus_reply_error(c, outcome, err.text);
}

// ---- org.valetkey.SignIn1

static void sign_in_cancel(struct bus_call *c, const struct bus_object *o)
{
        struct bus_sign_in *s = o->sign_in;

        // It belongs to who began it: somebody else's Cancel would be a nuisance, if no more.
        if (s->caller != c->caller) {
                bus_reply_error(c, OUTCOME_ACCESS_DENIED, "this sign-in belongs to another program");
                return;
        }
        bus_sign_in_complete(s, OUTCOME_CANCELLED, outcome_info(OUTCOME_CANCELLED)->text);
        bus_reply_empty(c);
}

// ---- tables

static const char *const get_credentials_args[] = {"role", "options", "credentials"};
static const char *const sign_in_args[] = {"identity", "options", "sign_in"};
static const char *const no_args[] = {NULL};

const struct bus_method bus_methods_broker[] = {
        {"GetCredentials", "sa{sv}", "h", get_credentials_args, broker_get_credentials},
        {"SignIn", "sa{sv}", "o", sign_in_args, broker_sign_in},
        {"SignOut", "s", "", sign_in_args, broker_sign_out_one},
        {"GetStatus", "", "s", (const char *const[]){"status"}, broker_get_status},
        {0},
};

const struct bus_method bus_methods_identity[] = {
        {"SignIn", "a{sv}", "o", sign_in_args + 1, identity_sign_in},
        {"SignOut", "", "", no_args, identity_sign_out},
        {0},
};

const struct bus_method bus_methods_role[] = {
        {"GetCredentials", "a{sv}", "h", get_credentials_args + 1, role_get_credentials_now},
        {"Refresh", "", "", no_args, role_refresh_now},
        {"Drop", "", "", no_args, role_drop_now},
        {0},
};

const struct bus_method bus_methods_sign_in[] = {
        {"Cancel", "", "", no_args, sign_in_cancel},
        {0},
};
