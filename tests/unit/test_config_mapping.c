// SPDX-License-Identifier: Apache-2.0
//
// What the configuration says of people who become users here, and of groups; and the list of names that are nobody's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "config_case.h"
#include "fault.h"
#include "reserved.h"

#define BASE  "[identity corp]\nissuer = https://login.example.com\nclient_id = valetkey\n"
#define CLAIM "username_claim = upn\nusername_claim_is_immutable = yes\n"

static void nobody_is_admitted_unless_told(void **state)
{
        struct config *c = taken(BASE);

        (void)state;
        assert_null(c->identities[0].admit);
        assert_null(c->identities[0].uid_number_claim);
        assert_int_equal(c->identities[0].on_refused, REFUSED_REQUIRE_SIGN_IN);
        assert_int_equal(c->n_groups, 0);
        config_unref(c);
}

#define ALL                                                                                                  \
        BASE CLAIM                                                                                           \
                "admit = *@example.com ext-*\nuid_number_claim = uidNumber\non_refused_refresh = ignore\n"   \
                "[group cloud-admins]\nid = 3f0c\ngid = 1900000000\n[group readers]\nid = 77aa\n"

static void what_is_said_is_read(void **state)
{
        struct config *c = taken(ALL);
        const struct config_identity *i = &c->identities[0];

        (void)state;
        assert_string_equal(i->admit[0], "*@example.com");
        assert_string_equal(i->admit[1], "ext-*");
        assert_null(i->admit[2]);
        assert_int_equal(i->admit_per_hour, 20);
        assert_int_equal(i->admit_max, 1000);
        assert_string_equal(i->uid_number_claim, "uidNumber");
        assert_int_equal(i->on_refused, REFUSED_IGNORE);
        assert_int_equal(c->n_groups, 2);
        assert_string_equal(c->groups[0].name, "cloud-admins");
        assert_string_equal(c->groups[0].id, "3f0c");
        assert_int_equal(c->groups[0].gid, 1900000000);
        assert_int_equal(c->groups[1].gid, 0);
        config_unref(c);
}

static void a_pattern_that_is_too_wide_is_none(void **state)
{
        static const char *const bad[] = {"*", "*a", "a*", "**", "a*b", "*a*", "ab", "*@Example.com", "*a:b",
                "*a.", "-ab*", "*/x", "1ab*", "*a..b"};
        char text[512];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                snprintf(text, sizeof text, BASE CLAIM "admit = %s\n", bad[i]);
                refused(text, "x.conf:6: admit: must be patterns of user names with one star, at the "
                              "beginning or the end, and two "
                              "characters beside it, like *@example.com");
        }
        refused(BASE CLAIM "admit = a1* a2* a3* a4* a5* a6* a7* a8* a9* b1* b2* b3* b4* b5* b6* b7* b8*\n",
                "x.conf:6: admit: names more than 16 patterns");
        refused(BASE "admit = *@example.com\n", "x.conf:4: [identity corp] admit needs username_claim: "
                                                "nothing else says whose the name is that somebody types");
        refused(BASE "admit_max = 5\n", "x.conf:4: [identity corp] admits nobody: it has no admit");
        refused(BASE CLAIM "admit = *@example.com\nadmit_max = 100000\n",
                "x.conf:7: admit_max: must be a number from 1 to 99999");
        refused(BASE "on_refused_refresh = lock\n",
                "x.conf:4: on_refused_refresh: must be require_sign_in or ignore");
}

static void a_group_is_told_by_its_id(void **state)
{
        (void)state;
        refused(BASE "[group readers]\n", "x.conf:4: [group readers] lacks id");
        refused(BASE "[group readers]\nid = two words\n",
                "x.conf:5: id: must be one word of visible ASCII characters");
        refused(BASE "[group a]\nid = 1\n[group b]\nid = 1\n",
                "x.conf:7: [group b] has the same id as [group a]");
        refused(BASE "[group a]\nid = 1\ngid = 1900000000\n[group b]\nid = 2\ngid = 1900000000\n",
                "x.conf:9: [group b] has the same gid as [group a]");
        refused(BASE "[group a/b]\nid = 1\n", "x.conf:4: [group a/b] is no name for a group");
        refused(BASE "[group 9a]\nid = 1\n", "x.conf:4: [group 9a] is no name for a group");
}

// No rule of sudo's, polkit's or udev's that goes by a name is met by a group from elsewhere.
static void a_group_has_no_name_of_the_systems(void **state)
{
        static const char *const bad[] = {"root", "sudo", "wheel", "admin", "docker", "lxd", "disk", "shadow",
                "systemd-journal", "libvirt-qemu"};
        char text[256], why[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                snprintf(text, sizeof text, BASE "[group %s]\nid = 1\n", bad[i]);
                snprintf(why, sizeof why,
                        "x.conf:4: [group %s] has a name of the system's: rules that go by it would take it "
                        "for that",
                        bad[i]);
                refused(text, why);
        }
}

static void a_gid_outside_of_the_range_is_refused(void **state)
{
        static const char *const bad[] = {"0", "27", "1000", "65534", "1879048191", "2147483647",
                "4294967295", "4294967296", "18446744073709551616", "-1", "0x70000000", "1900000000x"};
        char text[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                snprintf(text, sizeof text, BASE "[group readers]\nid = 1\ngid = %s\n", bad[i]);
                refused(text, "x.conf:6: gid: must be a number from 1879048192 to 2147483646");
        }
}

static void names_of_the_systems(void **state)
{
        static const char *const reserved[] = {"root", "daemon", "bin", "sys", "www-data", "nobody",
                "nogroup", "sudo", "adm", "wheel", "zabbix", "systemd-network", "systemd-", "_apt", "_",
                "docker", "lxd", "lxd-admin", "libvirt-qemu", "debian-exim", "sshd", "valetkey", "messagebus",
                "admin"};
        static const char *const people[] = {"alice", "roots", "roo", "bing", "adm1n", "sudo.x", "dave",
                "zabbixx", "a", "alice@example.com", "root@example.com", "systemd", ""};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
                if (!name_is_reserved(reserved[i]))
                        fail_msg("not reserved: %s", reserved[i]);
        for (size_t i = 0; i < ARRAY_SIZE(people); i++)
                if (name_is_reserved(people[i]))
                        fail_msg("reserved: %s", people[i]);
}

static void memory_may_run_out(void **state)
{
        struct config *c = NULL;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(500, r = config_parse(&c, "x.conf", ALL, strlen(ALL), NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(c);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 20);
        config_unref(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nobody_is_admitted_unless_told),
                cmocka_unit_test(what_is_said_is_read),
                cmocka_unit_test(a_pattern_that_is_too_wide_is_none),
                cmocka_unit_test(a_group_is_told_by_its_id),
                cmocka_unit_test(a_group_has_no_name_of_the_systems),
                cmocka_unit_test(a_gid_outside_of_the_range_is_refused),
                cmocka_unit_test(names_of_the_systems),
                cmocka_unit_test(memory_may_run_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
