// SPDX-License-Identifier: Apache-2.0
//
// What the configuration says of callers: [app …], ambient, confirm.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "config_case.h"
#include "fault.h"

#define BASE                                                                                                 \
        "[identity corp]\nissuer = https://login.example.com\nclient_id = valetkey\n"                        \
        "[defaults]\nregion = eu-central-1\n"                                                                \
        "[role dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\n"                                        \
        "[role prod/read]\nrole_arn = arn:aws:iam::123456789012:role/read\n"

#define APPS                                                                                                 \
        BASE "[app tool]\nflatpak = org.example.Tool\nroles = dev prod/*\nsession_name = tool\n"             \
             "session_policy = /etc/valetkey/tool.json\n"                                                    \
             "[app both]\nflatpak = org.example.Both\nsnap = both\nroles = dev\n"                            \
             "[app units]\nunit = app-*.scope\nroles = *\n"

static void an_app_is_found_by_what_it_is(void **state)
{
        struct config *c = taken(APPS);

        (void)state;
        assert_string_equal(config_find_app(c, APP_FLATPAK, "org.example.Tool")->name, "tool");
        assert_string_equal(config_find_app(c, APP_FLATPAK, "org.example.Both")->name, "both");
        assert_string_equal(config_find_app(c, APP_SNAP, "both")->name, "both");
        assert_string_equal(config_find_app(c, APP_NONE, "app-x-1.scope")->name, "units");
        assert_null(config_find_app(c, APP_FLATPAK, "org.example.Too"));
        assert_null(config_find_app(c, APP_FLATPAK, "both"));
        assert_null(config_find_app(c, APP_SNAP, "org.example.Both"));
        assert_null(config_find_app(c, APP_SNAP, "app-x-1.scope"));
        assert_null(config_find_app(c, APP_NONE, "session-3.scope"));
        config_unref(c);
}

static void roles_are_granted_by_name_or_pattern(void **state)
{
        struct config *c = taken(APPS);
        const struct config_app *tool = config_find_app(c, APP_FLATPAK, "org.example.Tool"),
                                *both = config_find_app(c, APP_SNAP, "both");

        (void)state;
        assert_string_equal(tool->session_name, "tool");
        assert_string_equal(tool->session_policy, "/etc/valetkey/tool.json");
        assert_true(config_app_grants(tool, "dev"));
        assert_true(config_app_grants(tool, "prod/read"));
        assert_false(config_app_grants(tool, "prod"));
        assert_false(config_app_grants(tool, "dev2"));
        assert_false(config_app_grants(both, "prod/read"));
        config_unref(c);
}

static void an_apps_default_is_one_it_is_granted(void **state)
{
        struct config *c = taken(APPS);

        (void)state;
        assert_null(config_app_default_role(c, config_find_app(c, APP_FLATPAK, "org.example.Tool")));
        assert_string_equal(config_app_default_role(c, config_find_app(c, APP_SNAP, "both")), "dev");
        assert_null(config_app_default_role(c, config_find_app(c, APP_NONE, "app-x.scope")));
        config_unref(c);
        c = taken(APPS "[role extra]\nrole_arn = arn:aws:iam::123456789012:role/x\n");
        config_unref(c);
        c = taken("[identity corp]\nissuer = https://login.example.com\nclient_id = valetkey\n"
                  "[defaults]\nregion = eu-central-1\ndefault_role = prod/read\n"
                  "[role dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\n"
                  "[role prod/read]\nrole_arn = arn:aws:iam::123456789012:role/read\n"
                  "[app a]\nsnap = a\nroles = dev prod/*\n[app b]\nsnap = b\nroles = dev\n");
        assert_string_equal(config_app_default_role(c, config_find_app(c, APP_SNAP, "a")), "prod/read");
        assert_string_equal(config_app_default_role(c, config_find_app(c, APP_SNAP, "b")), "dev");
        config_unref(c);
}

static void what_is_wrong_with_an_app(void **state)
{
        (void)state;
        refused(BASE "[app x]\nroles = dev\n",
                "x.conf:10: [app x] lacks flatpak, snap or unit: whom is it about?");
        refused(BASE "[app x]\nsnap = x\n", "x.conf:10: [app x] lacks roles");
        refused(BASE "[app x]\nflatpak = nodots\nroles = dev\n",
                "x.conf:11: flatpak: must be the id of a Flatpak app, like org.example.App");
        refused(BASE "[app x]\nsnap = A_b\nroles = dev\n",
                "x.conf:11: snap: must be the name of a snap, like firefox");
        refused(BASE "[app x]\nunit = app-*\nroles = dev\n",
                "x.conf:11: unit: must end in .service or .scope");
        refused(BASE "[app x]\nunit = [a].scope\nroles = dev\n",
                "x.conf:11: unit: must be the name of a systemd unit; * and ? stand for any characters");
        refused(BASE "[app x]\nsnap = x\nroles = [a-z]\n",
                "x.conf:12: roles: must be names of roles; * and ? stand for any characters");
        refused(BASE "[app x]\nsnap = x\nroles = dev\n[app y]\nsnap = x\nroles = dev\n",
                "x.conf:14: [app y] is about x, as is x.conf:10: [app x]");
        refused(BASE "session_policy = /p.json\n[app x]\nsnap = x\nroles = *\nsession_policy = /q.json\n",
                "x.conf:14: [app x] has a session_policy, and so has role prod/read: AWS would allow what "
                "either "
                "allows");
        config_unref(taken(
                BASE "session_policy = /p.json\n[app x]\nsnap = x\nroles = dev\nsession_policy = /q.json\n"));
}

static void ambient_and_confirm(void **state)
{
        struct config *c = taken(BASE "ambient = no\nconfirm = ask\nconfirm_for = 5m\n");
        const struct config_role *r = config_find_role(c, "prod/read");

        (void)state;
        assert_true(r->by_name_only);
        assert_int_equal(r->confirm, CONFIRM_ASK);
        assert_int_equal(r->confirm_for_s, 300);
        r = config_find_role(c, "dev");
        assert_false(r->by_name_only);
        assert_int_equal(r->confirm, CONFIRM_NO);
        assert_int_equal(r->confirm_for_s, 900);
        config_unref(c);
        c = taken(BASE "ambient = yes\nconfirm = ask\nconfirm_for = 0\n");
        assert_int_equal(config_find_role(c, "prod/read")->confirm_for_s, 0);
        config_unref(c);
        refused(BASE "confirm = perhaps\n", "x.conf:10: confirm: must be ask, notify or no");
        refused(BASE "confirm_for = 15m\n",
                "x.conf:10: [role prod/read] confirm_for does nothing without confirm = ask");
        refused(BASE "confirm = ask\nconfirm_for = 2d\n",
                "x.conf:11: confirm_for: must be 0 (each time) or a time from 60s to 1d");
        refused("[identity corp]\nissuer = https://login.example.com\nclient_id = valetkey\n"
                "[defaults]\nregion = eu-central-1\ndefault_role = dev\n"
                "[role dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\nambient = no\n",
                "x.conf:6: [defaults] default_role names a role with ambient = no, which is only for callers "
                "that "
                "name it");
}

static void templates_have_them_too(void **state)
{
        struct config *c = taken(BASE "[account 100000000001]\nalias = a\n[role-template t]\naccounts = *\n"
                                      "role_name = x\nambient = no\nconfirm = ask\nconfirm_for = 10m\n");
        const struct config_role *r = config_find_role(c, "a/x");

        (void)state;
        assert_true(r->by_name_only);
        assert_int_equal(r->confirm, CONFIRM_ASK);
        assert_int_equal(r->confirm_for_s, 600);
        config_unref(c);
}

static void out_of_memory(void **state)
{
        static const char text[] = APPS;
        struct config *c = NULL;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(500, r = config_parse(&c, "x.conf", text, strlen(text), NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(c);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 40);
        config_unref(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_app_is_found_by_what_it_is),
                cmocka_unit_test(roles_are_granted_by_name_or_pattern),
                cmocka_unit_test(an_apps_default_is_one_it_is_granted),
                cmocka_unit_test(what_is_wrong_with_an_app),
                cmocka_unit_test(ambient_and_confirm),
                cmocka_unit_test(templates_have_them_too),
                cmocka_unit_test(out_of_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
