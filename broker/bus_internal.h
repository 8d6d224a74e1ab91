// SPDX-License-Identifier: Apache-2.0
//
// What the files of the D-Bus door share. The way of a call: bus_callers.c (whose is it?), bus_queue.c (whose turn
// is it?), bus_dispatch.c (which method of which object?), bus_methods.c and bus_credentials.c (do it), bus_call.c
// (answer). Beside it bus_tree.c (paths and objects), bus_objects.c (their tables), bus_introspect.c, and
// bus_signals.c (what is told to all).
#pragma once

#include "activation_env.h"
#include "bus.h"
#include "bus_service.h"
#include "handout.h"
#include "sign_in.h"

#include <sys/queue.h>

#define BUS_NAME           "org.valetkey.Broker1"
#define BUS_ROOT           "/org/valetkey/Broker1"
#define BUS_OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

// A program on the bus, by its unique name, which a bus gives only once. It is asked about once (whose process is it?)
// and forgotten when it leaves, with everything it waits for; an idle one also when others need the room.
struct bus_caller {
        struct bus_service *service;
        TAILQ_ENTRY(bus_caller) by_use; // the one that called last is the first
        char *name;
        enum {
                BUS_CALLER_ASKED, // the bus is being asked; its calls wait
                BUS_CALLER_KNOWN,
                BUS_CALLER_REFUSED,
        } state;
        struct caller who;
        struct err refusal;
        DBusPendingCall *asking;

        TAILQ_HEAD(bus_waiting, bus_call) waiting; // for their turn, in the order they came
        TAILQ_HEAD(bus_begun, bus_call) begun;
        unsigned n_calls, n_sign_ins;
        TAILQ_ENTRY(bus_caller) by_turn;
        bool has_turn;

        // bus_unread.c
        uint64_t unread; // bytes: what the bus said, and what it was sent since
        DBusPendingCall *looking;
        bool deaf; // too much is unread
};

// A method call that is not answered yet.
struct bus_call {
        struct bus_service *service;
        TAILQ_ENTRY(bus_call) in_caller;
        struct bus_caller *caller;
        DBusMessage *message;
        bool has_begun;
        uint64_t weight;             // of the answer in bytes, where that is much
        struct bus_request *request; // GetCredentials
        // Waits for a sign-in to have something to show (signed_in NULL), or to be over.
        struct bus_sign_in *sign_in;
        TAILQ_ENTRY(bus_call) in_sign_in;
        void (*signed_in)(struct bus_call *c, enum outcome o, const char *text);
};

// A sign-in as one program sees it: it belongs to the program that asked for it.
struct bus_sign_in {
        struct bus_service *service;
        TAILQ_ENTRY(bus_sign_in) in_service;
        struct bus_caller *caller;
        struct keeper *keeper;
        struct sign_in_watch *watch;
        TAILQ_HEAD(bus_sign_in_calls, bus_call) calls;
        char path[64];
        char *uri, *uri_complete, *user_code;
        int64_t expires_at_s;
        enum sign_in_flow flow;
        bool open; // of those who wait for a browser, this one opens it
        bool prompted, over;
};

struct bus_service {
        struct broker *broker;
        struct bus *bus; // NULL while there is none
        struct timer *reconnect, *serve, *look;
        TAILQ_HEAD(bus_callers, bus_caller) callers, turns;
        TAILQ_HEAD(bus_sign_ins, bus_sign_in) sign_ins;
        unsigned n_callers, n_calls, n_sign_ins, serial, attempts;
        bool cannot_look; // this bus does not say what lies unread
        bool *told;       // by identity: SignInRequired was said, and nobody has signed in since
        struct activation_env env;
};

enum bus_kind {
        BUS_NODE, // a path between objects
        BUS_BROKER,
        BUS_IDENTITY,
        BUS_ROLE,
        BUS_SIGN_IN,
        BUS_KINDS,
};
struct bus_object {
        enum bus_kind kind;
        const struct bus_service *service;
        struct role *role;
        struct keeper *keeper;
        struct bus_sign_in *sign_in;
};

// ---- bus_callers.c
// Known from before, or asked about from now on. NULL: too many are busy, or no memory.
struct bus_caller *bus_caller_get(struct bus_service *s, const char *name);
struct bus_caller *bus_caller_free(struct bus_caller *c);
void bus_caller_left(struct bus_service *s, const char *name);
// Asks the bus something about c. False: out of memory.
bool bus_ask(DBusPendingCall **ret, struct bus_caller *c, const char *iface, const char *method,
        DBusPendingCallNotifyFunction done) _must_check_;
DBusMessage *bus_ask_take(DBusPendingCall **p); // the reply; NULL: there is none
void bus_ask_cancel(DBusPendingCall **p);

// ---- bus_peer.c
// Reads what the bus says of a program. False: it does not say whose it is. *ret_error: negative where who it is cannot
// be told.
bool bus_read_caller(DBusMessage *reply, uid_t *ret_uid, struct caller *ret, int *ret_error);

// ---- bus_queue.c
DBusHandlerResult bus_queue_add(struct bus_service *s, DBusMessage *m);
void bus_queue_turn(struct bus_caller *c); // something has changed: its calls may go on
void bus_queue_serve(struct bus_service *s);
void bus_queue_leave(struct bus_caller *c);

// ---- bus_unread.c
void bus_unread_add(struct bus_caller *c, uint64_t bytes);
bool bus_unread_too_much(const struct bus_caller *c); // nothing more is done for it until it has read
void bus_unread_look_again(struct bus_service *s);

// ---- bus_dispatch.c
void bus_begin(struct bus_call *c);

// ---- bus_call.c: answering. Each ends the call.
void bus_reply(struct bus_call *c, DBusMessage *reply); // takes reply; NULL: out of memory
void bus_reply_empty(struct bus_call *c);
void bus_reply_string(struct bus_call *c, struct buf *text);
void bus_reply_error(struct bus_call *c, enum outcome o, const char *text);
void bus_reply_dbus_error(struct bus_call *c, const char *name, const char *text);
struct bus_call *bus_call_free(struct bus_call *c);

// ---- bus_tree.c: paths, and what is there. Names have [A-Za-z0-9_] only; everything else becomes _xx.
#define BUS_PATH_MAX 1024
bool bus_path(char dst[BUS_PATH_MAX], const char *folder, const char *name); // false: too long
bool bus_object_path(char dst[BUS_PATH_MAX], const struct bus_object *o);
// As that caller sees it: what it may not see is not there.
bool bus_find(const struct bus_caller *caller, const char *path, struct bus_object *ret);
// Whether it is shown to that caller without being asked for.
bool bus_may_see(const struct bus_caller *caller, const struct bus_object *o);
// Every object of a kind the caller may see, until each() says false.
bool bus_for_each(const struct bus_caller *caller, enum bus_kind kind,
        bool (*each)(const struct bus_object *o, const char *path, void *arg), void *arg);

// ---- bus_objects.c: the tables of interfaces, and their properties
struct bus_value {
        const char *s; // types "s" and "o"
        int64_t x;     // type "x"
        bool b;        // type "b"
        char room[BUS_PATH_MAX];
};
struct bus_property {
        const char *name;
        int type;
        bool constant; // for as long as the object is there
        void (*get)(const struct bus_object *o, struct bus_value *v);
};
struct bus_signal {
        const char *name, *signature;
        const char *const *args;
};
struct bus_method {
        const char *name, *in, *out; // signatures
        const char *const *args;     // names, in before out
        void (*handle)(struct bus_call *c, const struct bus_object *o);
        unsigned flags;
};
enum {
        BUS_READS = 1 << 0,   // does nothing but answer: not even begun for a caller that wants no answer
        BUS_SANDBOX = 1 << 1, // for programs in a sandbox, too
};
struct bus_interface {
        const char *name; // NULL for BUS_NODE
        const struct bus_method *methods;
        const struct bus_property *properties;
        const struct bus_signal *signals;
};
extern const struct bus_interface bus_interfaces[BUS_KINDS];
// Appends a{sv}: all, or those that change. False: out of memory.
bool bus_append_properties(DBusMessageIter *to, const struct bus_object *o, bool constant_too);
// Appends one as a variant: 0, -ENOENT, -ENOMEM.
int bus_append_property(DBusMessageIter *to, const struct bus_object *o, const char *name);
// Appends a{sa{sv}}.
bool bus_append_interfaces(DBusMessageIter *to, const struct bus_object *o);

// ---- bus_introspect.c
int bus_introspect(
        const struct bus_caller *caller, const char *path, const struct bus_object *o, struct buf *out);

// ---- bus_methods.c; each table ends with a NULL name
extern const struct bus_method bus_methods_broker[], bus_methods_identity[], bus_methods_role[],
        bus_methods_sign_in[];
// An option a{sv} at it, and its name; false where there is no more. *it goes to the next.
bool bus_next_option(DBusMessageIter *it, const char **ret_name, DBusMessageIter *ret_value);

// ---- bus_credentials.c
void bus_get_credentials(struct bus_call *c, const char *role, DBusMessageIter *options);
struct bus_request *bus_request_free(struct bus_request *q);

// ---- bus_sign_in.c
// Answers c with an object's path when there is something to show.
void bus_sign_in_show(struct bus_call *c, struct keeper *k, const struct sign_in_wish *wish);
// The options of SignIn. False: err says which makes no sense.
bool bus_sign_in_read_options(struct sign_in_wish *ret, DBusMessageIter *options, struct err *err);
// Has c wait until somebody has signed in, or not. 0; -EBUSY, -ENOMEM.
int bus_sign_in_wait(struct bus_call *c, struct keeper *k,
        void (*signed_in)(struct bus_call *c, enum outcome o, const char *text)) _must_check_;
// Says that it is over, to who waits and to all, and frees it.
void bus_sign_in_complete(struct bus_sign_in *s, enum outcome o, const char *text);
struct bus_sign_in *bus_sign_in_free(struct bus_sign_in *s);

// ---- bus_signals.c: each tells whoever may see o
void bus_tell_changed(struct bus_service *s, const struct bus_object *o);
void bus_tell_rotated(struct bus_service *s, struct role *r);
void bus_tell_added(struct bus_service *s, const struct bus_object *o);
void bus_tell_removed(struct bus_service *s, const struct bus_object *o);
void bus_tell_completed(struct bus_sign_in *s, enum outcome o, const char *text);
// reason: a word of valetkey-dbus(7). Said once, until bus_sign_in_answered().
void bus_tell_sign_in_required(struct bus_service *s, struct keeper *k, const char *reason, const char *text);
void bus_sign_in_answered(struct bus_service *s, const struct keeper *k);
extern const struct broker_events bus_events;
