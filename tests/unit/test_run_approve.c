// SPDX-License-Identifier: Apache-2.0
//
// What the sandbox's person reads out of a message, and what the world's command finds in its environment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../sandbox/run_approve.h"
#include "../../sandbox/run_env.h"
#include "fault.h"

#include <stdio.h>

static void a_code_is_found_where_a_person_would(void **state)
{
        static const struct {
                const char *text, *code;
        } cases[] = {
                {"Open http://127.0.0.1:1/device and enter WDJB-MJHT", "WDJB-MJHT"},
                {"code: ABCD-1234.\nPress Enter", "ABCD-1234"},
                {"http://x/device?user_code=WXYZ-QRST", "WXYZ-QRST"},
                {"ABCD-EFGH", "ABCD-EFGH"},
                {"", NULL},
                {"Password:", NULL},
                {"abcd-efgh", NULL},
                {"XABCD-EFGH", NULL},
                {"ABCD-EFGHI", NULL},
                {"ABCD-EFGH-IJKL", NULL},
                {"ABCDEFGH", NULL},
                {"ABCD-EFG", NULL},
        };
        char code[10];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                bool found = approve_find_code(cases[i].text, code);

                assert_int_equal(found, cases[i].code != NULL);
                if (found)
                        assert_string_equal(code, cases[i].code);
        }
}

static const char *get(const struct env *e, const char *name)
{
        const char *found = NULL;
        size_t n = strlen(name);

        for (size_t i = 0; i < e->n; i++) {
                if (strncmp(e->v[i], name, n) != 0 || e->v[i][n] != '=')
                        continue;
                assert_null(found); // once only
                found = e->v[i] + n + 1;
        }
        return found;
}

static const struct world world = {.dir = "/w",
        .bin = "/bin/valetkey-build",
        .base = "http://127.0.0.1:9",
        .user = "alice",
        .pam_user = "alice",
        .session_uid = 1000};

static void nothing_of_the_callers_aws_gets_in(void **state)
{
        char *pam[] = {"FROM_PAM=yes", "XDG_RUNTIME_DIR=/elsewhere", NULL};
        cleanup_env struct env e = ENV_INIT;

        (void)state;
        setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE", 1);
        setenv("AWS_PROFILE", "prod", 1);
        setenv("AWS_ENDPOINT_URL", "http://elsewhere", 1);
        setenv("AWS_PAGER", "less", 1);
        setenv("NOTIFY_SOCKET", "/elsewhere", 1);
        setenv("PATH", "/usr/bin", 1);
        setenv("KEPT", "", 1);
        assert_int_equal(env_for_command(&e, &world, pam), 0);
        assert_null(get(&e, "AWS_ACCESS_KEY_ID"));
        assert_null(get(&e, "AWS_PROFILE"));
        assert_null(get(&e, "AWS_ENDPOINT_URL"));
        assert_null(get(&e, "NOTIFY_SOCKET"));
        assert_string_equal(get(&e, "AWS_PAGER"), "less");
        assert_string_equal(get(&e, "KEPT"), "");
        assert_string_equal(get(&e, "FROM_PAM"), "yes");
        assert_string_equal(get(&e, "XDG_RUNTIME_DIR"), "/w/u/1000");
        assert_string_equal(get(&e, "AWS_CONFIG_FILE"), "/w/etc/aws-config");
        assert_string_equal(get(&e, "VALETKEY_SANDBOX_STATS"), "http://127.0.0.1:9/_sandbox/stats");
        assert_string_equal(get(&e, "PATH"), "/bin/valetkey-build:/usr/bin");
}

static void the_services_get_little(void **state)
{
        cleanup_env struct env e = ENV_INIT;

        (void)state;
        setenv("SECRET", "x", 1);
        setenv("http_proxy", "http://elsewhere", 1);
        assert_int_equal(env_for_service(&e, &world), 0);
        assert_null(get(&e, "SECRET"));
        assert_null(get(&e, "http_proxy"));
        assert_string_equal(get(&e, "DBUS_SESSION_BUS_ADDRESS"), "unix:path=/w/u/1000/bus");
}

static int build(void)
{
        struct env e = ENV_INIT;
        int r = 0;

        for (int i = 0; i < 70; i++) {
                char name[16];

                snprintf(name, sizeof name, "N%d", i);
                env_set(&e, name, "%d", i);
        }
        env_unset(&e, "N3");
        r = e.error;
        env_deinit(&e);
        return r;
}

static void memory_that_runs_out_is_told(void **state)
{
        unsigned faults = 0;
        int r;

        (void)state;
        // vasprintf allocates inside libc, out of the fault's reach; the list is what can fail here.
        FAULT_EACH(10, r = build())
        {
                assert_int_equal(r, -ENOMEM);
                faults++;
        }
        assert_int_equal(faults, 2);
        assert_int_equal(build(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_code_is_found_where_a_person_would),
                cmocka_unit_test(nothing_of_the_callers_aws_gets_in),
                cmocka_unit_test(the_services_get_little),
                cmocka_unit_test(memory_that_runs_out_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
