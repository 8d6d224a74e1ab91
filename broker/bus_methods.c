// SPDX-License-Identifier: Apache-2.0
//
// The methods of our own interfaces. Their arguments have the right types already: bus_dispatch.c compares the
// signature before it calls one.
#include "bus_internal.h"

#include "sign_out.h"

bool bus_next_option(DBusMessageIter *it, const char **ret_name, DBusMessageIter *ret_value)
{
        DBusMessageIter entry;

        if (dbus_message_iter_get_arg_type(it) != DBUS_TYPE_DICT_ENTRY)
                return false;
        dbus_message_iter_recurse(it, &entry);
        dbus_message_iter_get_basic(&entry, ret_name);
        dbus_message_iter_next(&entry);
        dbus_message_iter_recurse(&entry, ret_value);
        dbus_message_iter_next(it);
        return true;
}

// ---- org.valetkey.Broker1

static void broker_get_credentials(struct bus_call *c, const struct bus_object *o _unused_)
{
        DBusMessageIter args;
        const char *name;

        dbus_message_iter_init(c->message, &args);
        dbus_message_iter_get_basic(&args, &name);
        dbus_message_iter_next(&args);
        bus_get_credentials(c, name, &args);
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
        struct sign_in_wish wish;
        struct err err = ERR_INIT;

        if (!bus_sign_in_read_options(&wish, options, &err))
                bus_reply_error(c, OUTCOME_INVALID_REQUEST, err.text);
        else if (!handout_may_sign_in(c->service->broker, &c->caller->who, &err))
                bus_reply_error(c, OUTCOME_ACCESS_DENIED, err.text);
        else
                bus_sign_in_show(c, k, &wish);
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
        sign_out_begin(c->service->broker, SIGN_OUT_PERSON, k);
        bus_reply_empty(c);
}

static void broker_get_status(struct bus_call *c, const struct bus_object *o _unused_)
{
        cleanup_buf struct buf json = BUF_INIT(64u << 20);

        if (broker_status(c->service->broker, &json) == 0)
                bus_reply_string(c, &json);
        else
                bus_reply(c, NULL);
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
        sign_out_begin(c->service->broker, SIGN_OUT_PERSON, o->keeper);
        bus_reply_empty(c);
}

// ---- org.valetkey.Role1

static void role_get_credentials_now(struct bus_call *c, const struct bus_object *o)
{
        DBusMessageIter args;

        dbus_message_iter_init(c->message, &args);
        bus_get_credentials(c, role_get_config(o->role)->name, &args);
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
        enum outcome outcome = broker_drop(c->service->broker, o->role, &err);

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

#define ARGS(...) ((const char *const[]){__VA_ARGS__})

const struct bus_method bus_methods_broker[] = {
        {"GetCredentials", "sa{sv}", "h", ARGS("role", "options", "credentials"), broker_get_credentials,
                BUS_READS | BUS_SANDBOX},
        {"SignIn", "sa{sv}", "o", ARGS("identity", "options", "sign_in"), broker_sign_in, BUS_SANDBOX},
        {"SignOut", "s", "", ARGS("identity"), broker_sign_out_one, 0},
        {"GetStatus", "", "s", ARGS("status"), broker_get_status, BUS_READS},
        {0},
};

const struct bus_method bus_methods_identity[] = {
        {"SignIn", "a{sv}", "o", ARGS("options", "sign_in"), identity_sign_in, 0},
        {"SignOut", "", "", NULL, identity_sign_out, 0},
        {0},
};

const struct bus_method bus_methods_role[] = {
        {"GetCredentials", "a{sv}", "h", ARGS("options", "credentials"), role_get_credentials_now,
                BUS_READS | BUS_SANDBOX},
        {"Refresh", "", "", NULL, role_refresh_now, 0},
        {"Drop", "", "", NULL, role_drop_now, 0},
        {0},
};

const struct bus_method bus_methods_sign_in[] = {
        {"Cancel", "", "", NULL, sign_in_cancel, BUS_SANDBOX},
        {0},
};
