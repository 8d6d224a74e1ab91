// SPDX-License-Identifier: Apache-2.0
//
// What listens to login1, against a bus of the test's own with a login1 played by the test: who comes, goes and comes
// again is told, and nobody else's signals are.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "login1.h"
#include "support_bus.h"

#include <stdio.h>
#include <unistd.h>

static struct loop *l;
static struct login1 *x;
static struct login1_listener *n;
static unsigned ups, downs, signals;
static char last[64];

static void on_up(void *arg)
{
        (void)arg;
        assert_non_null(login1_connection(x));
        ups++;
}

static void on_down(void *arg)
{
        (void)arg;
        assert_null(login1_connection(x));
        downs++;
}

static void on_signal(void *arg, const char *member, DBusMessage *m)
{
        (void)arg, (void)m;
        signals++;
        snprintf(last, sizeof last, "%s", member);
}

static const struct login1_events events = {.up = on_up, .down = on_down, .signal = on_signal};

static void run_until(const unsigned *what, unsigned count)
{
        for (int i = 0; i < 500 && *what < count; i++)
                assert_true(loop_run_once(l, 20) >= 0);
        assert_int_equal(*what, count);
}

static struct bus *program(void)
{
        struct bus *b;

        assert_int_equal(bus_new(&b, l, DBUS_BUS_SYSTEM, NULL, NULL, NULL), 0);
        for (int i = 0; i < 200 && !dbus_bus_get_unique_name(bus_connection(b)); i++)
                loop_run_once(l, 20);
        return b;
}

static void name(struct bus *b, const char *method)
{
        DBusMessage *m =
                dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, method);
        const char *wanted = LOGIN1;
        dbus_uint32_t flags = 0;

        assert_true(dbus_message_append_args(m, DBUS_TYPE_STRING, &wanted, DBUS_TYPE_INVALID));
        if (method[1] == 'e' && method[2] == 'q')
                assert_true(dbus_message_append_args(m, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID));
        dbus_message_set_no_reply(m, TRUE);
        assert_true(dbus_connection_send(bus_connection(b), m, NULL));
        dbus_message_unref(m);
}

// to NULL: to all who listen.
static void send(struct bus *b, const char *member, const char *to)
{
        DBusMessage *m = dbus_message_new_signal(LOGIN1_PATH, LOGIN1_INTERFACE, member);

        if (to)
                assert_true(dbus_message_set_destination(m, to));
        assert_true(dbus_connection_send(bus_connection(b), m, NULL));
        dbus_message_unref(m);
}

static int setup(void **state)
{
        (void)state;
        ups = downs = signals = 0;
        assert_int_equal(loop_new(&l, &clock_system), 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        n = login1_unlisten(n);
        x = login1_free(x);
        l = loop_free(l);
        return 0;
}

static void listen_to(void)
{
        assert_int_equal(login1_new(&x, l), 0);
        assert_int_equal(login1_listen(&n, x, &events, NULL), 0);
}

static void it_comes_goes_and_comes_again(void **state)
{
        pid_t pid = support_bus_start("DBUS_SYSTEM_BUS_ADDRESS", NULL);
        struct bus *logind = program();

        (void)state;
        listen_to();
        for (int i = 0; i < 10; i++)
                loop_run_once(l, 10);
        assert_int_equal(ups, 0); // a bus without it
        name(logind, "RequestName");
        run_until(&ups, 1);
        send(logind, "SessionNew", NULL);
        run_until(&signals, 1);
        assert_string_equal(last, "SessionNew");
        name(logind, "ReleaseName"); // it is started anew
        run_until(&downs, 1);
        name(logind, "RequestName");
        run_until(&ups, 2);
        bus_free(logind);
        run_until(&downs, 2);
        support_bus_stop(pid);
}

static void who_listens_late_is_told_too(void **state)
{
        pid_t pid = support_bus_start("DBUS_SYSTEM_BUS_ADDRESS", NULL);
        struct bus *logind = program();
        struct login1_listener *second;

        (void)state;
        name(logind, "RequestName");
        listen_to();
        run_until(&ups, 1);
        assert_int_equal(login1_listen(&second, x, &events, NULL), 0);
        assert_int_equal(ups, 1); // not from inside
        run_until(&ups, 2);
        login1_unlisten(second);
        bus_free(logind);
        support_bus_stop(pid);
}

// A match rule does not keep out what is sent to us directly.
static void what_others_say_is_not_login1s_word(void **state)
{
        pid_t pid = support_bus_start("DBUS_SYSTEM_BUS_ADDRESS", NULL);
        struct bus *logind = program(), *liar = program();

        (void)state;
        name(logind, "RequestName");
        listen_to();
        run_until(&ups, 1);
        send(liar, "PrepareForSleep", dbus_bus_get_unique_name(login1_connection(x)));
        send(liar, "PrepareForSleep", NULL);
        // A round trip of the liar's: what he sent before has been delivered when logind's arrives.
        for (int i = 0; i < 10; i++)
                loop_run_once(l, 10);
        send(logind, "SessionRemoved", NULL);
        run_until(&signals, 1);
        assert_string_equal(last, "SessionRemoved");
        bus_free(liar);
        bus_free(logind);
        support_bus_stop(pid);
}

static void the_bus_dies_and_another_takes_its_place(void **state)
{
        char where[128];
        pid_t pid;
        struct bus *logind;

        (void)state;
        snprintf(where, sizeof where, "unix:abstract=valetkey-test-login1-%d", (int)getpid());
        pid = support_bus_start("DBUS_SYSTEM_BUS_ADDRESS", where);
        logind = program();
        name(logind, "RequestName");
        listen_to();
        run_until(&ups, 1);
        support_bus_stop(pid);
        run_until(&downs, 1);
        bus_free(logind);
        pid = support_bus_start("DBUS_SYSTEM_BUS_ADDRESS", where);
        logind = program();
        name(logind, "RequestName");
        run_until(&ups, 2);
        bus_free(logind);
        support_bus_stop(pid);
}

static void no_bus_is_nothing(void **state)
{
        (void)state;
        setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
        listen_to();
        for (int i = 0; i < 10; i++)
                loop_run_once(l, 10);
        assert_int_equal(ups + downs, 0);
        assert_null(login1_connection(x));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
                T(it_comes_goes_and_comes_again),
                T(who_listens_late_is_told_too),
                T(what_others_say_is_not_login1s_word),
                T(the_bus_dies_and_another_takes_its_place),
                T(no_bus_is_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
