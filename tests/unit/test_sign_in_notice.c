// SPDX-License-Identifier: Apache-2.0
//
// Notices of needed sign-ins, on a clock that is turned by hand and a real bus on which the test itself shows notifications: one at a
// time, what an answer holds for, and when there is none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bus.h"
#include "desktop_open.h"
#include "fault.h"
#include "sign_in_notice.h"
#include "support_bus.h"

#include <stdio.h>

#define NOW     INT64_C(1800000000)
#define SERVICE "org.freedesktop.Notifications"
#define PATH    "/org/freedesktop/Notifications"
#define PORTAL  "org.freedesktop.portal.Desktop"

static struct clock_fake clk;
static struct loop *l;
static struct http *h;
static struct bus *desk; // whoever shows notifications
static struct keeper *keepers[2];
static struct sign_in_notices *x;
static pid_t daemon_pid;

static const struct config_identity conf[2] = {
        {.name = (char[]){"corp"}, .issuer = (char[]){"https://a.example"}, .client_id = (char[]){"v"}},
        {.name = (char[]){"lab"}, .issuer = (char[]){"https://b.example"}, .client_id = (char[]){"v"}},
};

static struct {
        unsigned shown, closed;
        bool buttons;
        uint32_t id;
        char summary[128], body[256], keys[2][64];
} seen;

static void on_lost(void *arg)
{
        (void)arg;
}

static void read_notification(DBusMessage *m)
{
        DBusMessageIter it, list;
        const char *s;

        dbus_message_iter_init(m, &it);
        for (int i = 0; i < 5; i++, dbus_message_iter_next(&it)) {
                if (i < 3)
                        continue;
                dbus_message_iter_get_basic(&it, &s);
                snprintf(i == 3 ? seen.summary : seen.body, i == 3 ? sizeof seen.summary : sizeof seen.body,
                        "%s", s);
        }
        dbus_message_iter_recurse(&it, &list);
        for (int i = 0; dbus_message_iter_get_arg_type(&list) == DBUS_TYPE_STRING && i < 4; i++) {
                dbus_message_iter_get_basic(&list, &s);
                if (i % 2 == 0)
                        snprintf(seen.keys[i / 2], sizeof seen.keys[0], "%s", s);
                dbus_message_iter_next(&list);
        }
        seen.shown++;
        seen.id++;
}

static DBusHandlerResult on_call(DBusConnection *c, DBusMessage *m, void *arg)
{
        const char *list[] = {"actions"}, **words = list;
        DBusMessage *reply = NULL;

        (void)arg;
        if (dbus_message_is_method_call(m, SERVICE, "GetCapabilities")) {
                reply = dbus_message_new_method_return(m);
                assert_true(dbus_message_append_args(reply, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &words,
                        seen.buttons ? 1 : 0, DBUS_TYPE_INVALID));
        } else if (dbus_message_is_method_call(m, SERVICE, "Notify")) {
                read_notification(m);
                reply = dbus_message_new_method_return(m);
                assert_true(dbus_message_append_args(reply, DBUS_TYPE_UINT32, &seen.id, DBUS_TYPE_INVALID));
        } else if (dbus_message_is_method_call(m, "org.freedesktop.portal.OpenURI", "OpenURI")) {
                const char *request = "/request";

                reply = dbus_message_new_method_return(m);
                assert_true(
                        dbus_message_append_args(reply, DBUS_TYPE_OBJECT_PATH, &request, DBUS_TYPE_INVALID));
        } else if (dbus_message_is_method_call(m, SERVICE, "CloseNotification")) {
                seen.closed++;
                return DBUS_HANDLER_RESULT_HANDLED;
        }
        if (!reply)
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        assert_true(dbus_connection_send(c, reply, NULL));
        dbus_message_unref(reply);
        return DBUS_HANDLER_RESULT_HANDLED;
}

static int start_bus(void **state)
{
        (void)state;
        daemon_pid = support_bus_start("DBUS_SESSION_BUS_ADDRESS", NULL);
        return daemon_pid > 0 ? 0 : -1;
}

static int stop_bus(void **state)
{
        (void)state;
        support_bus_stop(daemon_pid);
        return 0;
}

static int setup(void **state)
{
        static const struct keeper_events events = {0};
        struct err err = ERR_INIT;

        (void)state;
        memset(&seen, 0, sizeof seen);
        seen.buttons = true;
        clock_fake_init(&clk, NOW);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(http_new(&h, l), 0);
        assert_int_equal(bus_new(&desk, l, DBUS_BUS_SESSION, on_lost, NULL, &err), 0);
        assert_true(dbus_connection_add_filter(bus_connection(desk), on_call, NULL, NULL));
        assert_int_equal(dbus_bus_request_name(bus_connection(desk), SERVICE, 0, NULL),
                DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(keeper_new(&keepers[i], l, h, NULL, &conf[i], &events, NULL), 0);
        assert_int_equal(sign_in_notices_new(&x, l, keepers, 2), 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        sign_in_notices_free(x);
        for (size_t i = 0; i < 2; i++)
                keeper_free(keepers[i]);
        bus_free(desk);
        http_free(h);
        loop_free(l);
        return 0;
}

// Until that many have been shown and taken away in all; and a while longer, for one that should not come.
static void turn(unsigned shown, unsigned closed)
{
        for (int i = 0; i < 500 && (seen.shown < shown || seen.closed < closed); i++)
                loop_run_once(l, 10);
        for (int i = 0; i < 10; i++)
                loop_run_once(l, 5);
        assert_int_equal(seen.shown, shown);
        assert_int_equal(seen.closed, closed);
}

static void need(size_t i, enum sign_in_need how)
{
        sign_in_notices_need(x, keepers[i], how, "why it is needed");
}

// "Not now", or the notification is put away.
static void answer_no(bool by_button)
{
        DBusMessage *m =
                dbus_message_new_signal(PATH, SERVICE, by_button ? "ActionInvoked" : "NotificationClosed");
        const char *key = seen.keys[1];
        dbus_uint32_t reason = 2;

        if (by_button)
                dbus_message_append_args(
                        m, DBUS_TYPE_UINT32, &seen.id, DBUS_TYPE_STRING, &key, DBUS_TYPE_INVALID);
        else
                dbus_message_append_args(
                        m, DBUS_TYPE_UINT32, &seen.id, DBUS_TYPE_UINT32, &reason, DBUS_TYPE_INVALID);
        assert_true(dbus_connection_send(bus_connection(desk), m, NULL));
        dbus_message_unref(m);
}

// ---- tests

static void one_at_a_time_and_the_next_when_it_is_answered(void **state)
{
        (void)state;
        need(0, SIGN_IN_NEEDED);
        need(1, SIGN_IN_NEEDED);
        need(0, SIGN_IN_NEEDED);
        turn(1, 0);
        assert_string_equal(seen.summary, "Sign in to corp");
        assert_string_equal(seen.body, "why it is needed");
        answer_no(true);
        turn(2, 1);
        assert_string_equal(seen.summary, "Sign in to lab");
        answer_no(false);
        turn(2, 1);
        need(0, SIGN_IN_NEEDED);
        need(1, SIGN_IN_NEEDED);
        turn(2, 1);
        sign_in_notices_signed_in(x, keepers[1]); // it may be needed again
        need(1, SIGN_IN_NEEDED);
        turn(3, 1);
}

static void an_end_is_more_than_an_end_to_come(void **state)
{
        (void)state;
        need(0, SIGN_IN_WILL_END);
        turn(1, 0);
        assert_string_equal(seen.summary, "The sign-in to corp ends soon");
        answer_no(true);
        turn(1, 1);
        need(0, SIGN_IN_WILL_END);
        turn(1, 1);
        need(0, SIGN_IN_NEEDED);
        turn(2, 1);
        assert_string_equal(seen.summary, "Sign in to corp");
        need(0, SIGN_IN_WILL_END); // and not the other way round
        turn(2, 1);
}

static void signing_in_takes_it_away_and_shows_the_next(void **state)
{
        (void)state;
        need(0, SIGN_IN_NEEDED);
        turn(1, 0);
        need(1, SIGN_IN_NEEDED);
        sign_in_notices_signed_in(x, keepers[0]);
        turn(2, 1);
        assert_string_equal(seen.summary, "Sign in to lab");
}

static void a_person_at_a_terminal_is_not_asked_on_the_desktop(void **state)
{
        (void)state;
        need(0, SIGN_IN_NEEDED);
        turn(1, 0);
        need(1, SIGN_IN_NEEDED); // waits for its turn, and is told there, too
        sign_in_notices_person(x);
        turn(1, 1);
        need(0, SIGN_IN_NEEDED);
        clock_fake_advance_ms(&clk, 119 * 1000);
        need(0, SIGN_IN_NEEDED);
        turn(1, 1);
        clock_fake_advance_ms(&clk, 2 * 1000);
        need(1, SIGN_IN_NEEDED);
        turn(2, 1);
        assert_string_equal(seen.summary, "Sign in to lab");
        sign_in_notices_person(x);
        sign_in_notices_signed_in(x, keepers[0]);
        need(0, SIGN_IN_WILL_END); // of that nobody was told
        turn(3, 2);
}

static void who_signed_out_is_left_alone_until_a_new_session(void **state)
{
        (void)state;
        sign_in_notices_signed_out(x, keepers[0]);
        need(0, SIGN_IN_NEEDED);
        turn(0, 0);
        sign_in_notices_anew(x);
        need(0, SIGN_IN_NEEDED);
        turn(1, 0);
}

static void where_nobody_shows_buttons_it_is_tried_again_a_minute_later(void **state)
{
        (void)state;
        seen.buttons = false;
        need(0, SIGN_IN_NEEDED);
        need(1, SIGN_IN_NEEDED);
        turn(0, 0);
        seen.buttons = true;
        need(0, SIGN_IN_NEEDED);
        turn(0, 0);
        clock_fake_advance_ms(&clk, 61 * 1000);
        need(1, SIGN_IN_NEEDED);
        turn(1, 0);
        assert_string_equal(seen.summary, "Sign in to lab");
}

static void switched_off_is_nothing_at_all(void **state)
{
        (void)state;
        sign_in_notices_need(NULL, keepers[0], SIGN_IN_NEEDED, "");
        sign_in_notices_signed_in(NULL, keepers[0]);
        sign_in_notices_signed_out(NULL, keepers[0]);
        sign_in_notices_anew(NULL);
        sign_in_notices_person(NULL);
        assert_null(sign_in_notices_free(NULL));
        turn(0, 0);
}

static void memory_that_runs_out_is_said(void **state)
{
        struct sign_in_notices *more = NULL;
        int r = 0;

        (void)state;
        FAULT_EACH(50, r = sign_in_notices_new(&more, l, keepers, 2))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
        sign_in_notices_free(more);
}

// ---- opening a page

static unsigned told;
static bool taken;

static void on_opened(void *arg, bool is_taken)
{
        (void)arg;
        told++;
        taken = is_taken;
}

static void opens(const char *url, bool want)
{
        struct desktop_open *o = NULL;
        struct desktop *d;

        told = 0;
        assert_int_equal(desktop_new(&d, l), 0);
        assert_int_equal(desktop_open_start(&o, d, l, url, on_opened, NULL), 0);
        assert_int_equal(told, 0);
        for (int i = 0; i < 500 && !told; i++)
                loop_run_once(l, 10);
        assert_int_equal(told, 1);
        assert_int_equal(taken, want);
        desktop_open_free(o);
        desktop_free(d);
}

static void only_addresses_of_pages_are_opened_and_somebody_must_do_it(void **state)
{
        (void)state;
        opens("https://login.example/authorize?a=b", false); // no portal, no systemd on this bus
        assert_int_equal(dbus_bus_request_name(bus_connection(desk), PORTAL, 0, NULL),
                DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
        opens("https://login.example/authorize?a=$b&c=%20", true);
        opens("https://login.example/?a=${SECRET}", false); // systemd would put its own environment's there
        opens("file:///etc/passwd", false);
        opens("javascript:alert(1)", false);
        opens("https://login.example/\nX", false);
        opens("https://login.example/ --new-window", false);
        opens("", false);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        one_at_a_time_and_the_next_when_it_is_answered, setup, teardown),
                cmocka_unit_test_setup_teardown(an_end_is_more_than_an_end_to_come, setup, teardown),
                cmocka_unit_test_setup_teardown(signing_in_takes_it_away_and_shows_the_next, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_person_at_a_terminal_is_not_asked_on_the_desktop, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        who_signed_out_is_left_alone_until_a_new_session, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        where_nobody_shows_buttons_it_is_tried_again_a_minute_later, setup, teardown),
                cmocka_unit_test_setup_teardown(switched_off_is_nothing_at_all, setup, teardown),
                cmocka_unit_test_setup_teardown(memory_that_runs_out_is_said, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        only_addresses_of_pages_are_opened_and_somebody_must_do_it, setup, teardown),
        };

        return cmocka_run_group_tests(tests, start_bus, stop_bus);
}
