// SPDX-License-Identifier: Apache-2.0
//
// The chains, where the SDKs part: for one environment and one pair of files, who takes what.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "awschain.h"
#include "fault.h"

static const char *const *environment; // NAME, VALUE, …, NULL

static const char *get(const char *name, void *arg)
{
        (void)arg;
        for (const char *const *e = environment; *e; e += 2)
                if (strcmp(e[0], name) == 0)
                        return e[1];
        return NULL;
}

static struct awschain_input input(const char *config, const char *credentials, const char *const *env)
{
        environment = env;
        return (struct awschain_input){
                .env = get,
                .config = {.path = "config", .text = config, .n = config ? strlen(config) : 0},
                .credentials = {.path = "credentials",
                        .text = credentials,
                        .n = credentials ? strlen(credentials) : 0},
        };
}

#define ENV(...)                                                                                             \
        (const char *const[])                                                                                \
        {                                                                                                    \
                __VA_ARGS__ __VA_OPT__(, ) NULL                                                              \
        }
#define DOOR "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/"

// wanted: botocore, CLI 2, Go, JavaScript, Java; "KIND FILE:LINE: KEY"
static void check(
        const char *config, const char *credentials, const char *const *env, const char *const wanted[5])
{
        struct awschain_input in = input(config, credentials, env);

        for (unsigned sdk = 0; sdk < AWSCHAIN_SDK_MAX_; sdk++) {
                struct awschain_source s;
                char where[512], got[600];

                assert_int_equal(awschain_walk(&s, (enum awschain_sdk)sdk, &in), 0);
                assert_true(snprintf(got, sizeof got, "%s %s", awschain_kind_name(s.kind),
                                    awschain_where(&s, where, sizeof where)) > 0);
                assert_string_equal(got, wanted[sdk]);
        }
}
#define ALL(x)              ((const char *const[]){x, x, x, x, x})
#define EACH(a, b, c, d, e) ((const char *const[]){a, b, c, d, e})
#define AT_DOOR             "container the variable AWS_CONTAINER_CREDENTIALS_FULL_URI"

static void test_the_door(void **state)
{
        (void)state;
        check(NULL, NULL, ENV(DOOR), ALL(AT_DOOR));
        check("[default]\nregion = x\n[profile a]\nrole_arn = y\n", "[b]\naws_access_key_id = z\n", ENV(DOOR),
                ALL(AT_DOOR));
        check(NULL, NULL, ENV("AWS_EC2_METADATA_DISABLED", "true"), ALL("nothing nothing"));
        check(NULL, NULL, ENV("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1/"),
                ALL("imds the variable AWS_EC2_METADATA_SERVICE_ENDPOINT"));
}

static void test_what_shadows_it(void **state)
{
        static const char keys[] = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n";

        (void)state;
        check(keys, NULL, ENV(DOOR), ALL("keys config:2: aws_access_key_id"));
        check(NULL, keys, ENV(DOOR), ALL("keys credentials:2: aws_access_key_id"));
        check("[default]\ncredential_process = /bin/x\n", NULL, ENV(DOOR),
                ALL("process config:2: credential_process"));
        check("[default]\nlogin_session = x\n", NULL, ENV(DOOR), ALL("login config:2: login_session"));
        check("[default]\nweb_identity_token_file = /t\nrole_arn = a\n", NULL, ENV(DOOR),
                ALL("web-identity config:2: web_identity_token_file"));
        check("[default]\nrole_arn = a\nsource_profile = b\n[profile b]\n", NULL, ENV(DOOR),
                ALL("assume-role config:2: role_arn"));
        check("[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n", NULL, ENV(DOOR),
                EACH("sso config:4: sso_role_name", "sso config:4: sso_role_name",
                        "sso config:2: sso_session", "sso config:2: sso_session",
                        "sso config:2: sso_session"));
        check(NULL, NULL, ENV(DOOR, "AWS_ACCESS_KEY_ID", "a", "AWS_SECRET_ACCESS_KEY", "b"),
                ALL("env-keys the variable AWS_ACCESS_KEY_ID"));
        check(NULL, NULL, ENV(DOOR, "AWS_WEB_IDENTITY_TOKEN_FILE", "/t", "AWS_ROLE_ARN", "a"),
                ALL("env-web-identity the variable AWS_WEB_IDENTITY_TOKEN_FILE"));
}

static void test_where_sdks_part(void **state)
{
        (void)state;
        // both URIs
        check(NULL, NULL, ENV(DOOR, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"),
                EACH("container the variable AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                        "container the variable AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AT_DOOR, AT_DOOR,
                        "container the variable AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
        // half a pair of keys
        check(NULL, NULL, ENV(DOOR, "AWS_ACCESS_KEY_ID", "a"),
                EACH("env-keys the variable AWS_ACCESS_KEY_ID", "env-keys the variable AWS_ACCESS_KEY_ID",
                        AT_DOOR, AT_DOOR, AT_DOOR));
        // names that only Go knows
        check(NULL, NULL, ENV(DOOR, "AWS_ACCESS_KEY", "a", "AWS_SECRET_KEY", "b"),
                EACH(AT_DOOR, AT_DOOR, "env-keys the variable AWS_ACCESS_KEY", AT_DOOR, AT_DOOR));
        // a profile makes JavaScript pass over keys in the environment
        check("[profile p]\nregion = x\n", NULL,
                ENV(DOOR, "AWS_PROFILE", "p", "AWS_ACCESS_KEY_ID", "a", "AWS_SECRET_ACCESS_KEY", "b"),
                EACH("env-keys the variable AWS_ACCESS_KEY_ID", "env-keys the variable AWS_ACCESS_KEY_ID",
                        "env-keys the variable AWS_ACCESS_KEY_ID", AT_DOOR,
                        "env-keys the variable AWS_ACCESS_KEY_ID"));
        // a role without a source
        check("[default]\nrole_arn = a\n", NULL, ENV(DOOR),
                EACH("assume-role config:2: role_arn", "assume-role config:2: role_arn",
                        "assume-role config:2: role_arn", AT_DOOR, AT_DOOR));
        // keys and a process in one profile
        check("[default]\ncredential_process = x\naws_access_key_id = A\naws_secret_access_key = B\n", NULL,
                ENV(DOOR),
                EACH("process config:2: credential_process", "process config:2: credential_process",
                        "keys config:3: aws_access_key_id", "keys config:3: aws_access_key_id",
                        "process config:2: credential_process"));
}

static void test_what_breaks_botocore_only(void **state)
{
        (void)state;
        check("[default]\nx = 1\nx = 2\n", NULL, ENV(DOOR),
                EACH("broken config:3: a setting that stands twice",
                        "broken config:3: a setting that stands twice", AT_DOOR, AT_DOOR, AT_DOOR));
        check(NULL, NULL, ENV(DOOR, "AWS_PROFILE", "p"),
                EACH("broken the variable AWS_PROFILE: it names a profile that is in neither file",
                        "broken the variable AWS_PROFILE: it names a profile that is in neither file",
                        "broken the variable AWS_PROFILE: it names a profile that is in neither file",
                        AT_DOOR, AT_DOOR));
}

static void test_unreadable(void **state)
{
        struct awschain_input in = input(NULL, NULL, ENV(DOOR));
        struct awschain_source s;

        (void)state;
        in.config.unreadable = true;
        assert_int_equal(awschain_walk(&s, AWSCHAIN_BOTOCORE, &in), 0);
        assert_int_equal(s.kind, AWSCHAIN_BROKEN);
        assert_int_equal(awschain_walk(&s, AWSCHAIN_GO2, &in), 0);
        assert_int_equal(s.kind, AWSCHAIN_CONTAINER);
}

static void test_boto_file(void **state)
{
        static const char boto[] = "[Credentials]\naws_access_key_id = x\n";
        struct awschain_input in = input(NULL, NULL, ENV(DOOR));
        struct awschain_source s;

        (void)state;
        in.boto[1] = (struct awschain_file){.path = "boto", .text = boto, .n = strlen(boto)};
        assert_int_equal(awschain_walk(&s, AWSCHAIN_BOTOCORE, &in), 0);
        assert_int_equal(s.kind, AWSCHAIN_BOTO_FILE);
        assert_int_equal(s.line, 2);
        assert_int_equal(awschain_walk(&s, AWSCHAIN_JAVA2, &in), 0);
        assert_int_equal(s.kind, AWSCHAIN_CONTAINER);
}

static void test_the_command_of_a_process(void **state)
{
        struct awschain_input in =
                input("[default]\ncredential_process = /usr/bin/x --a b\n", NULL, ENV(DOOR));
        struct awschain_source s;

        (void)state;
        assert_int_equal(awschain_walk(&s, AWSCHAIN_GO2, &in), 0);
        assert_string_equal(s.text, "/usr/bin/x --a b");
}

static void test_every_allocation_may_fail(void **state)
{
        struct awschain_input in = input("[default]\nx = 1\n", "[default]\ny = 2\n", ENV(DOOR));
        struct awschain_source s;
        int r = 0;

        (void)state;
        FAULT_EACH(200, r = awschain_walk(&s, AWSCHAIN_BOTOCORE, &in))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
        assert_int_equal(s.kind, AWSCHAIN_CONTAINER);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_door),
                cmocka_unit_test(test_what_shadows_it),
                cmocka_unit_test(test_where_sdks_part),
                cmocka_unit_test(test_what_breaks_botocore_only),
                cmocka_unit_test(test_unreadable),
                cmocka_unit_test(test_boto_file),
                cmocka_unit_test(test_the_command_of_a_process),
                cmocka_unit_test(test_every_allocation_may_fail),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
