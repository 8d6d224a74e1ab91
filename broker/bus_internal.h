// SPDX-License-Identifier: Apache-2.0
//
// What the files of the D-Bus door share: callers, calls that are answered later, objects and their tables.
#pragma once

#include "bus.h"
#include "bus_service.h"
#include "handout.h"
#include "sign_in.h"

#define BUS_ROOT "/org/valetkey/Broker1"

// A program on the bus, by its unique name. It is asked about once (whose process is it?) and forgotten when
// it leaves, with everything it waits for.
struct bus_caller {
        struct bus_service *service;
        struct bus_caller *next;
        char *name;
        enum {
                CALLER_ASKED, // the bus is being asked; its calls wait
                CALLER_OURS,
                CALLER_FOREIGN,
        } state;
        DBusPendingCall *asking;
        struct caller who;
        int who_error; // negative: who it is cannot be told
        unsigned n_calls;
};

// A method call that is not answered yet.
struct bus_call {
        struct bus_service *service;
        struct bus_call *next, **link;
        struct bus_caller *caller;
        DBusMessage *message;
        bool begun; // handed to its method
        struct handout *handout;
};

// One object for each watcher of a sign-in; it belongs to whoever asked for it.
struct bus_sign_in {
        struct bus_service *service;
        struct bus_sign_in *next, **link;
        struct bus_caller *caller;
        struct bus_call *call; // SignIn, until there is something to show
        struct sign_in_watch *watch;
        char path[64];
        char *uri, *uri_complete, *user_code;
        int64_t expires_at_s;
        bool prompted;
};

struct bus_service {
        struct broker *broker;
        struct bus *bus; // NULL while there is none
        struct timer *reconnect;
        struct bus_caller *callers;
        struct bus_call *calls;
        struct bus_sign_in *sign_ins;
        unsigned n_callers, n_sign_ins, serial;
};

enum bus_kind {
        BUS_NODE, // a path between objects
        BUS_BROKER,
        BUS_IDENTITY,
        BUS_ROLE,
        BUS_SIGN_IN,
};
struct bus_object {
        enum bus_kind kind;
        const struct bus_service *service;
        struct role *role;
        struct keeper *keeper;
        struct bus_sign_in *sign_in;
};

// ---- bus_call.c: answering. Each ends the call.
void bus_reply(struct bus_call *c, DBusMessage *reply); // takes reply; NULL: out of memory
void bus_reply_empty(struct bus_call *c);
void bus_reply_error(struct bus_call *c, enum outcome o, const char *text);
void bus_reply_dbus_error(struct bus_call *c, const char *name, const char *text);
struct bus_call *bus_call_free(struct bus_call *c);

// ---- bus_peer.c
// Reads what the bus says of a program. False: it does not say whose it is. *ret_error: negative where who it is cannot be told.
bool bus_read_caller(DBusMessage *reply, uid_t *ret_uid, struct caller *ret, int *ret_error);

// ---- bus_objects.c
struct bus_interface;
struct bus_method;
bool bus_find(struct bus_service *s, const char *path, struct bus_object *ret);
const struct bus_interface *bus_interface_of(enum bus_kind kind); // NULL for BUS_NODE
const char *bus_interface_name(const struct bus_interface *i);
const struct bus_method *bus_interface_methods(const struct bus_interface *i);
// Paths have [A-Za-z0-9_] only; everything else becomes _XX.
int bus_path(struct buf *out, const char *folder, const char *name);
int bus_introspect(struct bus_service *s, const char *path, const struct bus_object *o, struct buf *out);
// Appends a{sv} of all properties; false: out of memory.
bool bus_append_properties(DBusMessageIter *to, const struct bus_object *o);
// Appends one as a variant: 0, -ENOENT, -ENOMEM.
int bus_append_property(DBusMessageIter *to, const struct bus_object *o, const char *name);
// Appends a{oa{sa{sv}}} of every object.
bool bus_append_objects(DBusMessageIter *to, struct bus_service *s);

// ---- bus_methods.c
struct bus_method {
        const char *name, *in, *out; // signatures
        const char *const *args;     // names, in before out
        void (*handle)(struct bus_call *c, const struct bus_object *o);
};
extern const struct bus_method bus_methods_broker[], bus_methods_identity[], bus_methods_role[],
        bus_methods_sign_in[]; // each ends with a NULL name

// ---- bus_sign_in.c
void bus_sign_in_start(struct bus_call *c, struct keeper *k);
struct bus_sign_in *bus_sign_in_free(struct bus_sign_in *s);
// Says Completed (or answers SignIn, which then failed) and frees it.
void bus_sign_in_complete(struct bus_sign_in *s, enum outcome o, const char *text);
void bus_emit(struct bus_service *s, DBusMessage *m); // takes m; NULL: out of memory, ignored
