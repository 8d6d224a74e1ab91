// SPDX-License-Identifier: Apache-2.0
//
// What a process's cgroup, its /.flatpak-info and its label say of it: the forms that systemd, Flatpak and snapd write, and
// everything that is near them and must not pass for "no sandbox".
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "app_id.h"

typedef int (*reader)(struct app_id *id, const char *text, size_t n);

static void says(reader r, const char *text, enum app_kind kind, const char *name, const char *unit)
{
        struct app_id id = {0};

        if (r(&id, text, strlen(text)) != 0)
                fail_msg("refused: %s", text);
        if (id.kind != kind || strcmp(id.name, name) != 0 || strcmp(id.unit, unit) != 0)
                fail_msg("%s: kind %d, name \"%s\", unit \"%s\"", text, id.kind, id.name, id.unit);
}

static void refused(reader r, const char *text)
{
        struct app_id id = {0};

        if (r(&id, text, strlen(text)) != -EBADMSG)
                fail_msg("taken: %s", text);
}

#define APPS "/user.slice/user-1000.slice/user@1000.service/app.slice"

static void units_as_systemd_names_them(void **state)
{
        (void)state;
        says(app_id_from_cgroup_path, "/", APP_NONE, "", "");
        says(app_id_from_cgroup_path, "/user.slice/user-1000.slice/session-3.scope", APP_NONE, "",
                "session-3.scope");
        says(app_id_from_cgroup_path, APPS "/app-gnome-org.gnome.Terminal-99.scope", APP_NONE, "",
                "app-gnome-org.gnome.Terminal-99.scope");
        says(app_id_from_cgroup_path, APPS "/backup.service", APP_NONE, "", "backup.service");
        // below a delegated unit, the unit counts
        says(app_id_from_cgroup_path, APPS "/podman-7.scope/container", APP_NONE, "", "podman-7.scope");
        says(app_id_from_cgroup_path, "/system.slice/cron.service", APP_NONE, "", "cron.service");
}

static void flatpak_as_it_names_its_units(void **state)
{
        (void)state;
        says(app_id_from_cgroup_path, APPS "/app-flatpak-org.example.App-1234.scope", APP_FLATPAK,
                "org.example.App", "app-flatpak-org.example.App-1234.scope");
        says(app_id_from_cgroup_path, "/user.slice/flatpak-org.example.App-1.scope", APP_FLATPAK,
                "org.example.App", "flatpak-org.example.App-1.scope");
        says(app_id_from_cgroup_path, APPS "/app-flatpak-org.my\\x2dname.App-12.scope", APP_FLATPAK,
                "org.my-name.App", "app-flatpak-org.my\\x2dname.App-12.scope");
        says(app_id_from_cgroup_path, APPS "/app-flatpak-org.my-name.App-12.scope/sub", APP_FLATPAK,
                "org.my-name.App", "app-flatpak-org.my-name.App-12.scope");
        // a service of another kind that is called like one is none: no app runs in it
        says(app_id_from_cgroup_path, APPS "/flatpak-portal.service", APP_NONE, "", "flatpak-portal.service");
        says(app_id_from_cgroup_path, APPS "/flatpak-session-helper.service", APP_NONE, "",
                "flatpak-session-helper.service");
}

static void what_is_nearly_a_flatpak_is_no_plain_program(void **state)
{
        static const char *const bad[] = {
                APPS "/app-flatpak-org.example.App.scope",
                APPS "/app-flatpak-org.example.App-.scope",
                APPS "/app-flatpak--12.scope",
                APPS "/app-flatpak-12.scope",
                APPS "/app-flatpak-nodots-12.scope",
                APPS "/app-flatpak-org.ex\\x2.App-12.scope",
                APPS "/app-flatpak-org.ex\\x2Dy.App-12.scope",
                APPS "/app-flatpak-org.ex\\\\y.App-12.scope",
                APPS "/app-flatpak-.org.App-12.scope",
                APPS "/app-flatpak-org.example.\xc3\xa4-12.scope",
                // two that disagree
                APPS "/app-flatpak-org.a.A-1.scope/app-flatpak-org.b.B-1.scope",
                APPS "/app-flatpak-org.a.A-1.scope/snap.a.a.scope",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                refused(app_id_from_cgroup_path, bad[i]);
}

static void snaps_as_snapd_names_their_units(void **state)
{
        (void)state;
        says(app_id_from_cgroup_path, APPS "/snap.firefox.firefox-4e9d9a5e-0000-4000-8000-000000000000.scope",
                APP_SNAP, "firefox", "snap.firefox.firefox-4e9d9a5e-0000-4000-8000-000000000000.scope");
        says(app_id_from_cgroup_path, "/system.slice/snap.lxd.daemon.service", APP_SNAP, "lxd",
                "snap.lxd.daemon.service");
        says(app_id_from_cgroup_path, APPS "/snap.two_inst.app.1-2.scope", APP_SNAP, "two_inst",
                "snap.two_inst.app.1-2.scope");
        says(app_id_from_cgroup_path, "/snap.aws-cli", APP_SNAP, "aws-cli", ""); // the freezer of version 1
        says(app_id_from_cgroup_path, "/system.slice/snapd.service", APP_NONE, "", "snapd.service");
        refused(app_id_from_cgroup_path, "/snap.");
        refused(app_id_from_cgroup_path, "/snap..app.scope");
        refused(app_id_from_cgroup_path, "/snap.A.b.scope");
        refused(app_id_from_cgroup_path, APPS "/snap.a.b.scope/snap.c.d.scope");
}

static void every_hierarchy_is_looked_at(void **state)
{
        (void)state;
        says(app_id_from_proc_cgroup, "0::/user.slice/session-1.scope\n", APP_NONE, "", "session-1.scope");
        says(app_id_from_proc_cgroup, "9:name=systemd:/\n6:freezer:/snap.x.y\n0::/\n", APP_SNAP, "x", "");
        says(app_id_from_proc_cgroup, "1:name=systemd:" APPS "/app-flatpak-a.b-1.scope\n0::/\n", APP_FLATPAK,
                "a.b", "app-flatpak-a.b-1.scope");
        // a colon is a path's own
        says(app_id_from_proc_cgroup, "0::/a:b/c.scope\n", APP_NONE, "", "c.scope");
        refused(app_id_from_proc_cgroup, "");
        refused(app_id_from_proc_cgroup, "0::/user.slice/session-1.scope"); // cut
        refused(app_id_from_proc_cgroup, "0:/\n");
        refused(app_id_from_proc_cgroup, "0::\n");
        refused(app_id_from_proc_cgroup, "0::relative\n");
        refused(app_id_from_proc_cgroup, "\n");
        refused(app_id_from_proc_cgroup, "6:freezer:/snap.x.y\n0::" APPS "/app-flatpak-a.b-1.scope\n");
        assert_int_equal(app_id_from_proc_cgroup(&(struct app_id){0}, "0::/a\0b\n", 8), -EBADMSG);
}

static void flatpak_info_as_flatpak_writes_it(void **state)
{
        (void)state;
        says(app_id_from_flatpak_info,
                "[Application]\nname=org.example.App\nruntime=runtime/org.x.P/x86_64/"
                "1\n\n[Instance]\ninstance-id=7\n"
                "app-path=/var/lib/flatpak/app\n[Context]\nshared=network;ipc;\n",
                APP_FLATPAK, "org.example.App", "");
        says(app_id_from_flatpak_info, "# c\n  [Runtime]  \n name = org.freedesktop.Platform\t\n",
                APP_FLATPAK, "org.freedesktop.Platform", "");
        says(app_id_from_flatpak_info, "[Application]\nname=a.b", APP_FLATPAK, "a.b", "");
        // a name in another group is another thing's
        says(app_id_from_flatpak_info,
                "[Session Bus Policy]\nname=talk\n[Application]\nname=a.b\n[X]\nname=c.d\n", APP_FLATPAK,
                "a.b", "");
}

static void flatpak_info_that_does_not_say_who_it_is(void **state)
{
        static const char *const bad[] = {
                "",
                "\n",
                "[Application]\n",
                "[Application]\nname=\n",
                "[Application]\nname\n",
                "[Application]\nName=a.b\n",
                "[Application2]\nname=a.b\n",
                "name=a.b\n",
                "[Application]\nname=nodots\n",
                "[Application]\nname=a.b c\n",
                "[Application]\nname=../a.b\n",
                "[Application]\nname=a.b\n[Application]\nname=c.d\n",
                "[Application]\nname=a.b\n[Runtime]\nname=c.d\n",
                "[Application]\nname[de]=a.b\n",
                "[Application]\nrubbish\nname=a.b\n",
        };
        char large[400] = "[Application]\nname=a.";

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                refused(app_id_from_flatpak_info, bad[i]);
        memset(large + strlen(large), 'b', 300);
        refused(app_id_from_flatpak_info, large);
        assert_int_equal(
                app_id_from_flatpak_info(&(struct app_id){0}, "[Application]\nname=a.b\0c\n", 25), -EBADMSG);
}

static void labels_as_apparmor_has_them(void **state)
{
        (void)state;
        says(app_id_from_label, "", APP_NONE, "", "");
        says(app_id_from_label, "unconfined\n", APP_NONE, "", "");
        says(app_id_from_label, "docker-default (enforce)\n", APP_NONE, "", "");
        says(app_id_from_label, "/usr/lib/snapd/snap-confine (enforce)\n", APP_NONE, "", "");
        says(app_id_from_label, "snap.firefox.firefox (enforce)\n", APP_SNAP, "firefox", "");
        says(app_id_from_label, "snap.aws-cli.aws (complain)", APP_SNAP, "aws-cli", "");
        says(app_id_from_label, "unconfined//&snap.x.y (enforce)\n", APP_SNAP, "x", "");
        says(app_id_from_label, ":ns://snap.x.y (enforce)\n", APP_SNAP, "x", "");
        says(app_id_from_label, "mysnap.x.y\n", APP_NONE, "", "");
        refused(app_id_from_label, "snap.");
        refused(app_id_from_label, "snap.X.y (enforce)");
        refused(app_id_from_label, "snap.x (enforce)");
        refused(app_id_from_label, "snap.x.y//&snap.z.y (enforce)");
}

static void sources_that_disagree_are_no_answer(void **state)
{
        static const char info[] = "[Application]\nname=a.b\n", label[] = "snap.x.y (enforce)",
                          unit[] = "/app-flatpak-c.d-1.scope";
        struct app_id id = {0};

        (void)state;
        assert_int_equal(app_id_from_flatpak_info(&id, info, strlen(info)), 0);
        assert_int_equal(app_id_from_label(&id, label, strlen(label)), -EBADMSG);
        id = (struct app_id){0};
        assert_int_equal(app_id_from_cgroup_path(&id, unit, strlen(unit)), 0);
        assert_int_equal(app_id_from_flatpak_info(&id, info, strlen(info)), -EBADMSG);
}

static void names_for_the_configuration(void **state)
{
        (void)state;
        assert_true(app_id_is_flatpak("org.example.App_2-x"));
        assert_false(app_id_is_flatpak(""));
        assert_false(app_id_is_flatpak("."));
        assert_false(app_id_is_flatpak("org"));
        assert_false(app_id_is_flatpak("org.a/b"));
        assert_true(app_id_is_snap("aws-cli"));
        assert_true(app_id_is_snap("aws-cli_2"));
        assert_false(app_id_is_snap(""));
        assert_false(app_id_is_snap("Aws"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(units_as_systemd_names_them),
                cmocka_unit_test(flatpak_as_it_names_its_units),
                cmocka_unit_test(what_is_nearly_a_flatpak_is_no_plain_program),
                cmocka_unit_test(snaps_as_snapd_names_their_units),
                cmocka_unit_test(every_hierarchy_is_looked_at),
                cmocka_unit_test(flatpak_info_as_flatpak_writes_it),
                cmocka_unit_test(flatpak_info_that_does_not_say_who_it_is),
                cmocka_unit_test(labels_as_apparmor_has_them),
                cmocka_unit_test(sources_that_disagree_are_no_answer),
                cmocka_unit_test(names_for_the_configuration),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
