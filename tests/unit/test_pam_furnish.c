// SPDX-License-Identifier: Apache-2.0
//
// What open_session tells the session's programs: the pointer and nothing else, never over what is there, never a login
// less, whatever the daemon says or does not say.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pam_world.h"

#define IMDS "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define PORT 40001
#define URL  "http://127.0.0.1:40001/"

static void write_dmi(const char *name, const char *text)
{
        char path[64];

        snprintf(path, sizeof path, "dmi/%s", name);
        if (text)
                write_text(in_world(path), text);
        else
                unlink(in_world(path));
}

static void service(const char *name, const char *more)
{
        char args[256];

        snprintf(args, sizeof args, "timeout=2 server_uid=%u dmi=%s/dmi %s", (unsigned)world.me, world.dir,
                more);
        write_service(name, args);
}

static int up(void **state)
{
        int r = world_up(state);

        if (r || mkdir(in_world("dmi"), 0755) < 0)
                return -1;
        write_dmi("sys_vendor", "QEMU\n");
        service("svc", "");
        service("forced", "session_environment=imds!");
        service("container", "session_environment=container");
        service("none", "session_environment=none");
        return 0;
}

static int down(void **state)
{
        static const char *const names[] = {"forced", "container", "none", "bad"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                unlink(in_world(names[i]));
        write_dmi("sys_vendor", NULL);
        rmdir(in_world("dmi"));
        return world_down(state);
}

// A login by public key: nothing but the session, as sshd does it; with what the admin has set before.
static void login(const char *svc, const char *user, const char *before, int wanted)
{
        begin_pam(svc, user);
        if (before)
                assert_int_equal(pam_putenv(pamh, before), PAM_SUCCESS);
        assert_int_equal(pam_open_session(pamh, 0), wanted);
}

static void is(const char *name, const char *value)
{
        const char *got = pam_getenv(pamh, name);

        if (value) {
                assert_non_null(got);
                assert_string_equal(got, value);
        } else {
                assert_null(got);
        }
}

static void nothing_is_set(void)
{
        char **env = pam_getenvlist(pamh);

        assert_non_null(env);
        assert_null(env[0]);
        free(env);
}

static void test_the_pointer_alone(void **state)
{
        char **env;
        size_t n = 0;

        (void)state;
        fake_daemon(FAKE_GOOD);
        shared->port = PORT;
        login("svc", "alice", NULL, PAM_SUCCESS);
        is(IMDS, URL);
        is("NO_PROXY", "127.0.0.1");
        is("no_proxy", "127.0.0.1");
        env = pam_getenvlist(pamh);
        for (; env[n]; n++)
                free(env[n]);
        free(env);
        assert_int_equal(n, 3); // never a region, nothing secret
        assert_int_equal(shared->ports, 1);
        assert_int_equal(shared->port_uid, TABLE_UID_MIN + 1);
        end_pam();
        fake_end();
}

// The answer to the commit tells the port: valetkeyd is not asked twice.
static void test_port_with_the_commit(void **state)
{
        (void)state;
        for (int told = 0; told < 2; told++) {
                fake_daemon(FAKE_GOOD);
                shared->port = PORT;
                shared->port_with_commit = told;
                begin_pam("svc", "alice");
                assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
                assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
                is(IMDS, URL);
                assert_int_equal(shared->commits, 1);
                assert_int_equal(shared->ports, !told);
                end_pam();
                fake_end();
        }
}

static void test_nothing_over_what_is_there(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        shared->port = PORT;
        login("svc", "alice", IMDS "=http://192.0.2.1/", PAM_SUCCESS);
        is(IMDS, "http://192.0.2.1/");
        is("NO_PROXY", NULL);
        end_pam();
        login("svc", "alice", "NO_PROXY=.example.com", PAM_SUCCESS);
        is("NO_PROXY", ".example.com,127.0.0.1");
        is("no_proxy", ".example.com,127.0.0.1"); // who reads this one first loses nothing
        end_pam();
        login("svc", "alice", "no_proxy=*", PAM_SUCCESS);
        is("no_proxy", "*");
        is("NO_PROXY", "*");
        end_pam();
        login("svc", "alice", "no_proxy=a, 127.0.0.1", PAM_SUCCESS);
        is("no_proxy", "a, 127.0.0.1");
        end_pam();
        login("container", "alice", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x", PAM_SUCCESS);
        is("AWS_CONTAINER_CREDENTIALS_FULL_URI", NULL);
        end_pam();
        fake_end();
}

static void test_on_ec2(void **state)
{
        static const struct {
                const char *file, *text;
                bool ec2;
        } rows[] = {{"sys_vendor", "Amazon EC2\n", true}, {"bios_vendor", "Amazon EC2\n", true},
                {"bios_version", "4.11.amazon\n", true},
                {"product_uuid", "EC2E1916-9099-7CAF-FD21-012345ABCDEF\n", true},
                {"product_uuid", "ec2e1916-9099-7caf-fd21-012345abcdef\n", true},
                {"sys_vendor", "Amazon\n", false}, {"bios_version", "1.0\n", false},
                {"product_uuid", "0ec20000-0000-0000-0000-000000000000\n", false}, {"sys_vendor", "", false}};

        (void)state;
        fake_daemon(FAKE_GOOD);
        shared->port = PORT;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                write_dmi(rows[i].file, rows[i].text);
                login("svc", "alice", NULL, PAM_SUCCESS);
                if (rows[i].ec2)
                        nothing_is_set();
                else
                        is(IMDS, URL);
                end_pam();
                login("forced", "alice", NULL, PAM_SUCCESS);
                is(IMDS, URL);
                end_pam();
                write_dmi(rows[i].file, NULL);
        }
        write_dmi("sys_vendor", "QEMU\n");
        fake_end();
}

static void test_container(void **state)
{
        char file[256];

        (void)state;
        snprintf(file, sizeof file, "%s/run/%u/valetkey/endpoint-token", world.dir, TABLE_UID_MIN + 1);
        fake_daemon(FAKE_GOOD);
        shared->port = PORT;
        login("container", "alice", NULL, PAM_SUCCESS);
        is("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:40001/credentials");
        is("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file);
        is("AWS_CONTAINER_AUTHORIZATION_TOKEN", NULL);
        is(IMDS, NULL);
        end_pam();
        login("none", "alice", NULL, PAM_SUCCESS);
        nothing_is_set();
        assert_int_equal(shared->ports, 1); // and was not asked for
        end_pam();
        fake_end();
}

static void test_who_is_not_ours(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        shared->port = PORT;
        login("svc", "local", NULL, IGNORED);
        nothing_is_set();
        end_pam();
        login("svc", "root", NULL, IGNORED);
        nothing_is_set();
        assert_int_equal(shared->requests, 0);
        end_pam();
        fake_end();
}

static void test_ports_that_are_none(void **state)
{
        static const uint32_t ports[] = {0, 65536, UINT32_MAX};

        (void)state;
        fake_daemon(FAKE_GOOD);
        for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
                shared->port = ports[i];
                login("svc", "alice", NULL, PAM_SUCCESS);
                nothing_is_set();
                end_pam();
        }
        fake_end();
}

// Down, hung, or somebody else: the login goes on, without a variable, and soon.
static void test_daemon_that_does_not_answer(void **state)
{
        int64_t start = now_ms();

        (void)state;
        login("svc", "alice", NULL, PAM_SUCCESS);
        nothing_is_set();
        end_pam();
        assert_true(now_ms() - start < 500);
        fake_daemon(FAKE_HUNG);
        start = now_ms();
        login("svc", "alice", NULL, PAM_SUCCESS);
        nothing_is_set();
        end_pam();
        assert_true(now_ms() - start < 1900); // less than the module's timeout of 2 s
        fake_end();
}

static void test_senseless_arguments(void **state)
{
        static const char *const bad[] = {"session_environment=", "session_environment=IMDS",
                "session_environment=imds!!", "session_environment=none session_environment=imds",
                "dmi=relative"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                write_service("bad", bad[i]);
                login("bad", "alice", NULL, PAM_SERVICE_ERR);
                nothing_is_set();
                end_pam();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_pointer_alone),
                cmocka_unit_test(test_port_with_the_commit),
                cmocka_unit_test(test_nothing_over_what_is_there),
                cmocka_unit_test(test_on_ec2),
                cmocka_unit_test(test_container),
                cmocka_unit_test(test_who_is_not_ours),
                cmocka_unit_test(test_ports_that_are_none),
                cmocka_unit_test(test_daemon_that_does_not_answer),
                cmocka_unit_test(test_senseless_arguments),
        };
        return cmocka_run_group_tests(tests, up, down);
}
