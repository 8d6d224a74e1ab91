// SPDX-License-Identifier: Apache-2.0
//
// What login1 says of a user, asked of a login1 played by the test: which answers mean that there is no session, which
// mean nothing, and what makes it be asked again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sessions.h"
#include "support_bus.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define UID 4711

static struct loop *l;
static struct login1 *x;
static struct sessions *s;
static struct bus *logind;
static pid_t daemon_pid;
static char dir[] = "/tmp/vk-sessions-XXXXXX", made[sizeof dir];

static const char *state, *error; // what it answers
static dbus_bool_t lingers;
static bool silent;
static unsigned asked, changes;
static enum sessions_presence presence;
static bool lingering;

static void on_changed(void *arg, enum sessions_presence p, bool is_lingering)
{
        (void)arg;
        changes++;
        presence = p;
        lingering = is_lingering;
}

static void add(DBusMessageIter *dict, const char *name, int type, const char *signature, const void *value)
{
        DBusMessageIter entry, v;

        assert_true(dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry));
        assert_true(dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name));
        assert_true(dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, signature, &v));
        assert_true(dbus_message_iter_append_basic(&v, type, value));
        assert_true(dbus_message_iter_close_container(&entry, &v));
        assert_true(dbus_message_iter_close_container(dict, &entry));
}

static DBusMessage *answer(DBusMessage *m)
{
        DBusMessage *reply = dbus_message_new_method_return(m);
        const char *path = "/org/freedesktop/login1/user/_4711", *interface = NULL;
        DBusMessageIter top, dict;
        dbus_uint32_t uid = 0;

        if (dbus_message_is_method_call(m, LOGIN1_INTERFACE, "GetUser")) {
                assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_UINT32, &uid, DBUS_TYPE_INVALID));
                assert_int_equal(uid, UID);
                assert_false(dbus_message_get_auto_start(m));
                assert_true(dbus_message_append_args(reply, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID));
                return reply;
        }
        assert_true(dbus_message_is_method_call(m, DBUS_INTERFACE_PROPERTIES, "GetAll"));
        assert_string_equal(dbus_message_get_path(m), path);
        assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID));
        assert_string_equal(interface, "org.freedesktop.login1.User");
        asked++;
        dbus_message_iter_init_append(reply, &top);
        assert_true(dbus_message_iter_open_container(&top, DBUS_TYPE_ARRAY, "{sv}", &dict));
        add(&dict, "Name", DBUS_TYPE_STRING, "s", &(const char *){"alice"});
        if (state[0])
                add(&dict, "State", DBUS_TYPE_STRING, "s", &state);
        add(&dict, "Linger", DBUS_TYPE_BOOLEAN, "b", &lingers);
        assert_true(dbus_message_iter_close_container(&top, &dict));
        return reply;
}

static DBusHandlerResult serve(DBusConnection *c, DBusMessage *m, void *arg)
{
        DBusMessage *reply;

        (void)arg;
        if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_METHOD_CALL)
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        asked += error != NULL || silent;
        if (silent)
                return DBUS_HANDLER_RESULT_HANDLED;
        reply = error ? dbus_message_new_error(m, error, "no") : answer(m);
        assert_true(dbus_connection_send(c, reply, NULL));
        dbus_message_unref(reply);
        return DBUS_HANDLER_RESULT_HANDLED;
}

static void turn(unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                assert_true(loop_run_once(l, 5) >= 0);
}

static void until_asked(unsigned n)
{
        for (int i = 0; i < 1000 && asked < n; i++)
                loop_run_once(l, 10);
        assert_true(asked >= n);
        turn(5);
}

static void play(void)
{
        DBusMessage *m = dbus_message_new_method_call(
                DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "RequestName");
        const char *name = LOGIN1;
        dbus_uint32_t flags = 0;

        assert_int_equal(bus_new(&logind, l, DBUS_BUS_SYSTEM, NULL, NULL, NULL), 0);
        assert_true(dbus_connection_add_filter(bus_connection(logind), serve, NULL, NULL));
        assert_true(dbus_message_append_args(
                m, DBUS_TYPE_STRING, &name, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID));
        assert_true(dbus_connection_send(bus_connection(logind), m, NULL));
        dbus_message_unref(m);
}

static void send_signal(const char *member, dbus_uint32_t uid)
{
        DBusMessage *m = dbus_message_new_signal(LOGIN1_PATH, LOGIN1_INTERFACE, member);
        const char *path = "/", *id = "7";

        if (member[0] == 'U')
                assert_true(dbus_message_append_args(
                        m, DBUS_TYPE_UINT32, &uid, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID));
        else
                assert_true(dbus_message_append_args(
                        m, DBUS_TYPE_STRING, &id, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID));
        assert_true(dbus_connection_send(bus_connection(logind), m, NULL));
        dbus_message_unref(m);
        turn(10);
}

static int setup(void **unused)
{
        (void)unused;
        state = "active";
        error = NULL;
        lingers = FALSE;
        silent = false;
        asked = changes = 0;
        snprintf(made, sizeof made, "%s", dir);
        assert_non_null(mkdtemp(made));
        daemon_pid = support_bus_start("DBUS_SYSTEM_BUS_ADDRESS", NULL);
        assert_int_equal(loop_new(&l, &clock_system), 0);
        play();
        assert_int_equal(login1_new(&x, l), 0);
        assert_int_equal(sessions_new(&s, &(struct sessions_parts){.loop = l,
                                                  .login1 = x,
                                                  .uid = UID,
                                                  .users_dir = made,
                                                  .changed = on_changed}),
                0);
        return 0;
}

static int teardown(void **unused)
{
        (void)unused;
        s = sessions_free(s);
        x = login1_free(x);
        logind = bus_free(logind);
        l = loop_free(l);
        support_bus_stop(daemon_pid);
        assert_int_equal(rmdir(made), 0);
        return 0;
}

static void each_state_has_its_meaning(void **unused)
{
        static const struct {
                const char *state;
                enum sessions_presence presence;
        } states[] = {
                {"closing", SESSIONS_NONE},
                {"online", SESSIONS_SOME},
                {"lingering", SESSIONS_NONE},
                {"active", SESSIONS_SOME},
                {"offline", SESSIONS_NONE},
        };

        (void)unused;
        until_asked(1);
        assert_int_equal(changes, 1);
        assert_int_equal(presence, SESSIONS_SOME);
        for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
                state = states[i].state;
                lingers = strcmp(state, "lingering") == 0;
                send_signal("UserNew", UID);
                until_asked((unsigned)i + 2);
                assert_int_equal(changes, i + 2);
                assert_int_equal(presence, states[i].presence);
                assert_int_equal(lingering, lingers);
        }
        send_signal("UserNew", UID);
        until_asked(ARRAY_SIZE(states) + 2);
        assert_int_equal(changes, ARRAY_SIZE(states) + 1); // nothing new
}

// While it is only opening, or in a state of the future, nothing is concluded, and it is asked again.
static void what_says_nothing_changes_nothing(void **unused)
{
        static const char *const words[] = {"opening", "hibernating", ""};

        (void)unused;
        until_asked(1);
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                state = words[i];
                send_signal("UserNew", UID);
        }
        assert_int_equal(changes, 1);
        state = "opening";
        send_signal("UserNew", UID);
        state = "closing";
        until_asked(asked + 1);
        assert_int_equal(presence, SESSIONS_NONE);
}

static void only_no_such_user_means_none(void **unused)
{
        (void)unused;
        until_asked(1);
        error = DBUS_ERROR_ACCESS_DENIED;
        send_signal("UserNew", UID);
        error = DBUS_ERROR_SERVICE_UNKNOWN;
        send_signal("UserNew", UID);
        error = DBUS_ERROR_NO_REPLY;
        send_signal("UserNew", UID);
        assert_int_equal(asked, 4);
        assert_int_equal(changes, 1);
        error = LOGIN1 ".NoSuchUser";
        send_signal("UserRemoved", UID);
        assert_int_equal(changes, 2);
        assert_int_equal(presence, SESSIONS_NONE);
}

static void other_peoples_comings_and_goings_are_not_asked_about(void **unused)
{
        (void)unused;
        until_asked(1);
        send_signal("UserRemoved", UID + 1);
        send_signal("SessionNew", 0); // there is one already
        send_signal("PrepareForSleep", 0);
        assert_int_equal(asked, 1);
        send_signal("SessionRemoved", 0); // perhaps ours
        assert_int_equal(asked, 2);
}

// A program of the session lives on: logind says nothing and writes a file.
static void a_session_that_only_closes_is_noticed(void **unused)
{
        char from[64], to[64];

        (void)unused;
        until_asked(1);
        state = "closing";
        snprintf(from, sizeof from, "%s/.#4712", made);
        snprintf(to, sizeof to, "%s/4712", made);
        close(open(from, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        assert_int_equal(rename(from, to), 0);
        turn(10);
        assert_int_equal(asked, 1); // another user's
        assert_int_equal(unlink(to), 0);
        snprintf(to, sizeof to, "%s/4711", made);
        close(open(from, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        assert_int_equal(rename(from, to), 0);
        until_asked(2);
        assert_int_equal(presence, SESSIONS_NONE);
        assert_int_equal(unlink(to), 0);
        until_asked(3);
}

static void a_burst_is_one_question_and_one_more(void **unused)
{
        (void)unused;
        until_asked(1);
        silent = true;
        send_signal("SessionRemoved", 0);
        assert_int_equal(asked, 2);
        for (unsigned i = 0; i < 50; i++)
                send_signal("SessionRemoved", 0);
        assert_int_equal(asked, 2); // one is under way
        silent = false;
        bus_free(logind); // it dies over the question
        turn(20);
        play();
        until_asked(3);
        turn(20);
        assert_int_equal(asked, 3);
        assert_int_equal(changes, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
                T(each_state_has_its_meaning),
                T(what_says_nothing_changes_nothing),
                T(only_no_such_user_means_none),
                T(other_peoples_comings_and_goings_are_not_asked_about),
                T(a_session_that_only_closes_is_noticed),
                T(a_burst_is_one_question_and_one_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
