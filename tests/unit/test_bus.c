// SPDX-License-Identifier: Apache-2.0
//
// libdbus on our loop, against a real dbus-daemon of the test's own: calls are answered, thousands of
// messages do not starve a timer, and a bus that dies is an event.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bus.h"
#include "support_bus.h"

#include <stdio.h>

struct world {
        struct loop *loop;
        struct bus *a, *b;
        unsigned answered, ticks, served, lost;
        struct timer *timer;
};

static void on_lost(void *arg)
{
        struct world *w = arg;

        w->lost++;
        w->a = bus_free(w->a); // the owner may free it right here
}

static void on_lost_count(void *arg)
{
        ((struct world *)arg)->lost++;
}

static DBusHandlerResult serve(DBusConnection *c, DBusMessage *m, void *arg)
{
        struct world *w = arg;
        DBusMessage *reply;

        if (!dbus_message_is_method_call(m, "org.example.Test", "Ping"))
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        w->served++;
        reply = dbus_message_new_method_return(m);
        assert_non_null(reply);
        assert_true(dbus_connection_send(c, reply, NULL));
        dbus_message_unref(reply);
        return DBUS_HANDLER_RESULT_HANDLED;
}

static void on_answer(DBusPendingCall *call, void *arg)
{
        DBusMessage *m = dbus_pending_call_steal_reply(call);

        assert_int_equal(dbus_message_get_type(m), DBUS_MESSAGE_TYPE_METHOD_RETURN);
        dbus_message_unref(m);
        ((struct world *)arg)->answered++;
}

// At every turn of the loop: how many those are does not depend on how quick the machine is.
static void on_tick(void *arg)
{
        struct world *w = arg;

        w->ticks++;
        timer_arm_in(w->timer, 0);
}

static void send_call(
        struct world *w, const char *to, const char *path, const char *interface, const char *name)
{
        DBusMessage *m = dbus_message_new_method_call(to, path, interface, name);
        DBusPendingCall *call = NULL;

        assert_non_null(m);
        assert_true(dbus_connection_send_with_reply(bus_connection(w->a), m, &call, 20000));
        assert_true(dbus_pending_call_set_notify(call, on_answer, w, NULL));
        dbus_pending_call_unref(call);
        dbus_message_unref(m);
}

static void run_until(struct world *w, const unsigned *what, unsigned count)
{
        const int64_t end = clock_system.boot_ms(&clock_system) + 30000;

        while (*what < count && clock_system.boot_ms(&clock_system) < end)
                assert_true(loop_run_once(w->loop, 20) >= 0);
        assert_int_equal(*what, count);
}

static void calls_are_answered_and_a_flood_does_not_starve(void **state)
{
        struct world w = {0};
        struct err err = ERR_INIT;
        pid_t pid = support_bus_start("DBUS_SESSION_BUS_ADDRESS", NULL);
        char to[64];

        (void)state;
        assert_int_equal(loop_new(&w.loop, &clock_system), 0);
        assert_int_equal(bus_new(&w.a, w.loop, DBUS_BUS_SESSION, on_lost, &w, &err), 0);
        assert_int_equal(bus_new(&w.b, w.loop, DBUS_BUS_SESSION, on_lost_count, &w, &err), 0);
        assert_true(dbus_connection_add_filter(bus_connection(w.b), serve, &w, NULL));
        // Queued before Hello was answered: the bus takes them in order.
        send_call(&w, DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetId");
        run_until(&w, &w.answered, 1);
        for (int i = 0; i < 200 && !dbus_bus_get_unique_name(bus_connection(w.b)); i++)
                loop_run_once(w.loop, 20);
        snprintf(to, sizeof to, "%s", dbus_bus_get_unique_name(bus_connection(w.b)));

        assert_int_equal(timer_new(&w.timer, w.loop, on_tick, &w), 0);
        timer_arm_in(w.timer, 0);
        for (int i = 0; i < 2000; i++)
                send_call(&w, to, "/", "org.example.Test", "Ping");
        run_until(&w, &w.answered, 2001);
        assert_int_equal(w.served, 2000);
        assert_true(w.ticks > 10);
        timer_free(w.timer);

        support_bus_stop(pid);
        run_until(&w, &w.lost, 2);
        assert_null(w.a);
        bus_free(w.b);
        loop_free(w.loop);
}

static void no_bus_is_said_not_died_of(void **state)
{
        struct err err = ERR_INIT;
        struct loop *l;
        struct bus *b = NULL;

        (void)state;
        setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
        assert_int_equal(loop_new(&l, &clock_system), 0);
        assert_int_equal(bus_new(&b, l, DBUS_BUS_SESSION, NULL, NULL, &err), -ENOTCONN);
        assert_non_null(strstr(err.text, "no session bus: "));
        unsetenv("DBUS_SESSION_BUS_ADDRESS");
        unsetenv("XDG_RUNTIME_DIR");
        err_clear(&err);
        assert_int_equal(bus_new(&b, l, DBUS_BUS_SESSION, NULL, NULL, &err), -ENOTCONN);
        assert_null(b);
        loop_free(l);
}

static void a_bus_freed_with_calls_pending_calls_nobody(void **state)
{
        struct world w = {0};
        pid_t pid = support_bus_start("DBUS_SESSION_BUS_ADDRESS", NULL);

        (void)state;
        assert_int_equal(loop_new(&w.loop, &clock_system), 0);
        assert_int_equal(bus_new(&w.a, w.loop, DBUS_BUS_SESSION, on_lost, &w, NULL), 0);
        send_call(&w, DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetId");
        w.a = bus_free(w.a);
        for (int i = 0; i < 5; i++)
                loop_run_once(w.loop, 5);
        assert_int_equal(w.answered, 0);
        assert_int_equal(w.lost, 0);
        loop_free(w.loop);
        support_bus_stop(pid);
}

static DBusHandlerResult free_inside(DBusConnection *c _unused_, DBusMessage *m, void *arg)
{
        struct world *w = arg;

        if (!dbus_message_is_method_call(m, "org.example.Test", "Quit"))
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        w->served++;
        w->b = bus_free(w->b);
        return DBUS_HANDLER_RESULT_HANDLED;
}

static void a_handler_may_free_the_bus(void **state)
{
        struct world w = {0};
        pid_t pid = support_bus_start("DBUS_SESSION_BUS_ADDRESS", NULL);
        DBusMessage *m;

        (void)state;
        assert_int_equal(loop_new(&w.loop, &clock_system), 0);
        assert_int_equal(bus_new(&w.a, w.loop, DBUS_BUS_SESSION, on_lost_count, &w, NULL), 0);
        assert_int_equal(bus_new(&w.b, w.loop, DBUS_BUS_SESSION, on_lost_count, &w, NULL), 0);
        assert_true(dbus_connection_add_filter(bus_connection(w.b), free_inside, &w, NULL));
        for (int i = 0; i < 200 && !dbus_bus_get_unique_name(bus_connection(w.b)); i++)
                loop_run_once(w.loop, 20);
        m = dbus_message_new_method_call(
                dbus_bus_get_unique_name(bus_connection(w.b)), "/", "org.example.Test", "Quit");
        assert_true(dbus_connection_send(bus_connection(w.a), m, NULL));
        assert_true(dbus_connection_send(bus_connection(w.a), m, NULL));
        dbus_message_unref(m);
        run_until(&w, &w.served, 1);
        for (int i = 0; i < 5; i++)
                loop_run_once(w.loop, 5);
        assert_int_equal(w.served, 1);
        assert_int_equal(w.lost, 0);
        bus_free(w.a);
        loop_free(w.loop);
        support_bus_stop(pid);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(calls_are_answered_and_a_flood_does_not_starve),
                cmocka_unit_test(no_bus_is_said_not_died_of),
                cmocka_unit_test(a_bus_freed_with_calls_pending_calls_nobody),
                cmocka_unit_test(a_handler_may_free_the_bus),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
