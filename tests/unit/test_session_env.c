// SPDX-License-Identifier: Apache-2.0
//
// The environment of valetkey exec: exactly one of what SDKs disagree about, nothing left of another role; and the
// quoting of valetkey env, by what each shell there is makes of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "fault.h"
#include "quote.h"
#include "session_env.h"

static const struct session_env base = {.role = "dev",
        .uri = "http://127.0.0.1:1/credentials/role/dev",
        .token_file = "/run/t",
        .token = "secret",
        .access_key_id = "AKID",
        .secret_key = "SECRET",
        .session_token = "SESSION",
        .expiration = "2030-01-01T00:00:00Z",
        .config_file = "/p/config",
        .credentials_file = "/p/credentials"};

static int setup(void **state)
{
        static const char *const dirt[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_ACCESS_KEY", "AWS_SECRET_KEY",
                "AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN", "AWS_ACCOUNT_ID",
                "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
                "AWS_ROLE_SESSION_NAME", "AWS_CREDENTIAL_FILE", "AWS_BEARER_TOKEN_BEDROCK",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_REGION",
                "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(dirt); i++)
                setenv(dirt[i], "dirt", 1);
        unsetenv("NO_PROXY");
        unsetenv("no_proxy");
        return 0;
}

static void is(const char *name, const char *value)
{
        const char *got = getenv(name);

        if (value) {
                assert_non_null(got);
                assert_string_equal(got, value);
        } else {
                assert_null(got);
        }
}

static void nothing_of_others(void)
{
        static const char *const gone[] = {"AWS_SECURITY_TOKEN", "AWS_ACCESS_KEY", "AWS_SECRET_KEY",
                "AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN", "AWS_ACCOUNT_ID",
                "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
                "AWS_ROLE_SESSION_NAME", "AWS_CREDENTIAL_FILE", "AWS_BEARER_TOKEN_BEDROCK",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"};

        for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
                is(gone[i], NULL);
        is("AWS_EC2_METADATA_DISABLED", "true");
}

static void test_endpoint_by_file(void **state)
{
        struct session_env e = base;

        (void)state;
        e.door = SESSION_TOKEN_FILE;
        e.region = "eu-central-1";
        assert_int_equal(session_env_apply(&e, NULL, NULL), 0);
        nothing_of_others();
        is("AWS_CONTAINER_CREDENTIALS_FULL_URI", base.uri);
        is("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/run/t");
        is("AWS_CONTAINER_AUTHORIZATION_TOKEN", NULL);
        is("AWS_ACCESS_KEY_ID", NULL);
        is("AWS_SECRET_ACCESS_KEY", NULL);
        is("AWS_SESSION_TOKEN", NULL);
        is("AWS_REGION", "eu-central-1");
        is("AWS_DEFAULT_REGION", "eu-central-1");
        is("AWS_CONFIG_FILE", "dirt"); // the person's own, unless isolated
        is("BOTO_CONFIG", "dirt");
        is("VALETKEY_ROLE", "dev");
}

static void test_endpoint_by_token(void **state)
{
        struct session_env e = base;

        (void)state;
        e.door = SESSION_TOKEN;
        e.isolated = true;
        assert_int_equal(session_env_apply(&e, NULL, NULL), 0);
        nothing_of_others();
        is("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", NULL);
        is("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret");
        is("AWS_REGION", "dirt"); // the role has none
        is("AWS_CONFIG_FILE", "/p/config");
        is("AWS_SHARED_CREDENTIALS_FILE", "/p/credentials");
        is("BOTO_CONFIG", "/dev/null");
}

static void test_static(void **state)
{
        struct session_env e = base;

        (void)state;
        e.door = SESSION_STATIC;
        assert_int_equal(session_env_apply(&e, NULL, NULL), 0);
        nothing_of_others();
        is("AWS_CONTAINER_CREDENTIALS_FULL_URI", NULL);
        is("AWS_CONTAINER_AUTHORIZATION_TOKEN", NULL);
        is("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", NULL);
        is("AWS_ACCESS_KEY_ID", "AKID");
        is("AWS_SECRET_ACCESS_KEY", "SECRET");
        is("AWS_SESSION_TOKEN", "SESSION");
        is("AWS_CREDENTIAL_EXPIRATION", "2030-01-01T00:00:00Z");
}

static void test_no_proxy(void **state)
{
        static const struct {
                const char *upper, *lower, *upper_after, *lower_after;
        } rows[] = {
                {NULL, NULL, "127.0.0.1", "127.0.0.1"},
                {"a.example", NULL, "a.example,127.0.0.1",
                        "a.example,127.0.0.1"}, // not lost to who reads the other
                {NULL, "b", "b,127.0.0.1", "b,127.0.0.1"},
                {"a", "b", "a,127.0.0.1", "b,127.0.0.1"},
                {"x, 127.0.0.1 ,y", "*", "x, 127.0.0.1 ,y", "*"},
                {"127.0.0.11", "10.127.0.0.1", "127.0.0.11,127.0.0.1", "10.127.0.0.1,127.0.0.1"},
                {"", NULL, "127.0.0.1", "127.0.0.1"},
                {"127.0.0.1", NULL, "127.0.0.1", "127.0.0.1"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                unsetenv("NO_PROXY");
                unsetenv("no_proxy");
                if (rows[i].upper)
                        setenv("NO_PROXY", rows[i].upper, 1);
                if (rows[i].lower)
                        setenv("no_proxy", rows[i].lower, 1);
                assert_int_equal(session_env_apply(&base, NULL, NULL), 0);
                is("NO_PROXY", rows[i].upper_after);
                is("no_proxy", rows[i].lower_after);
        }
}

static int give_up(const char *name, const char *value, void *arg)
{
        (void)name;
        (void)value;
        return --*(int *)arg ? 0 : -EPIPE;
}

static void test_a_failure_is_passed_up(void **state)
{
        int left = 5;
        int r = 0;

        (void)state;
        assert_int_equal(session_env_apply(&base, give_up, &left), -EPIPE);
        FAULT_EACH(50, (setup(state), r = session_env_apply(&base, NULL, NULL)))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
}

// What a shell says the variable is; NULL: there is no such shell here.
static char *evaluated(const char *shell, enum quote_shell kind, const char *value)
{
        struct buf script = BUF_INIT(1u << 16);
        char path[] = "/tmp/test-quote-XXXXXX", command[256], *got = calloc(1, 4096);
        FILE *f;
        int fd;

        assert_int_equal(quote_variable(&script, kind, "VK_TEST", value), 0);
        fd = mkstemp(path);
        assert_true(fd >= 0 && got);
        assert_int_equal(write(fd, script.p, script.n), (ssize_t)script.n);
        assert_int_equal(write(fd, "printenv VK_TEST\n", 17), 17);
        close(fd);
        assert_true(snprintf(command, sizeof command, "%s %s", shell, path) > 0);
        f = popen(command, "re");
        assert_non_null(f);
        assert_true(fread(got, 1, 4095, f) < 4095);
        pclose(f);
        unlink(path);
        buf_deinit(&script);
        return got;
}

static void test_quoting(void **state)
{
        static const struct {
                const char *path, *name;
        } shells[] = {{"/bin/sh", "posix"}, {"/bin/bash", "bash"}, {"/usr/bin/zsh", "zsh"},
                {"/usr/bin/fish", "fish"}, {"/bin/csh", "csh"}, {"/bin/tcsh", "tcsh"}};
        static const char *const values[] = {"plain", "", "it's", "a b", "$(id) `id` ${x} !x \\ \\' \" # ;|&",
                "'", "''", "\\", "two\nlines", "tab\tend\\", "\xc3\xa9", "~", "-n", "%s%n"};

        (void)state;
        for (size_t s = 0; s < ARRAY_SIZE(shells); s++) {
                enum quote_shell kind;

                if (access(shells[s].path, X_OK) < 0) {
                        print_message("# no %s here\n", shells[s].path);
                        continue;
                }
                assert_true(quote_find_shell(&kind, shells[s].name));
                for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                        char *got = evaluated(shells[s].path, kind, values[i]);
                        size_t n = strlen(values[i]);

                        assert_int_equal(strlen(got), n + 1);
                        assert_memory_equal(got, values[i], n);
                        free(got);
                }
        }
}

static void test_clearing(void **state)
{
        static const char *const wanted[] = {
                "unset X\n", "set -e X\n", "unsetenv X\n", "$Env:X = $null\n", "X=\n"};

        (void)state;
        for (int kind = 0; kind < QUOTE_SHELL_MAX_; kind++) {
                struct buf b = BUF_INIT(100);

                assert_int_equal(quote_variable(&b, (enum quote_shell)kind, "X", NULL), 0);
                assert_string_equal(buf_str(&b), wanted[kind]);
                buf_deinit(&b);
        }
        assert_false(quote_find_shell(&(enum quote_shell){0}, "cmd"));
}

// No PowerShell is at hand to ask: its rule is that a quote inside, plain or typographical, stands twice.
static void powershell_and_plain_files(void **state _unused_)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);

        assert_int_equal(quote_variable(&b, QUOTE_POWERSHELL, "X", "a'b\xe2\x80\x99$c`\"\xe2\x80\xa6"), 0);
        assert_int_equal(quote_variable(&b, QUOTE_POWERSHELL, "X", NULL), 0);
        assert_int_equal(quote_variable(&b, QUOTE_ASSIGN, "X", "aB3+/=="), 0);
        assert_int_equal(quote_variable(&b, QUOTE_ASSIGN, "X", "a b"), 0);
        assert_int_equal(quote_variable(&b, QUOTE_ASSIGN, "X", ""), 0);
        assert_string_equal(buf_str(&b),
                "$Env:X = 'a\'\'b\xe2\x80\x99\xe2\x80\x99$c`\"\xe2\x80\xa6'\n$Env:X = $null\n"
                "X=aB3+/==\nX='a b'\nX=''\n");
}

// The page has every variable of the table, each in a word of its own.
static void the_page_has_the_table(void **state)
{
        static char text[64u << 10];
        const char *top = getenv("VALETKEY_TOP");
        char path[256];
        size_t n = 0;
        FILE *f;

        (void)state;
        snprintf(path, sizeof path, "%s/docs/man/valetkey-exec.1.scd", top ? top : ".");
        f = fopen(path, "re");
        assert_non_null(f);
        for (int c = getc(f); c != EOF && n < sizeof text - 1; c = getc(f))
                if (c != '\\') // scdoc's escapes
                        text[n++] = (char)c;
        assert_true(feof(f));
        fclose(f);
        for (size_t i = 0; session_env_variable(i); i++) {
                char word[80];

                snprintf(word, sizeof word, "_%s_", session_env_variable(i));
                if (!strstr(text, word))
                        fail_msg("not in valetkey-exec(1): %s", session_env_variable(i));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_endpoint_by_file, setup),
                cmocka_unit_test_setup(test_endpoint_by_token, setup),
                cmocka_unit_test_setup(test_static, setup),
                cmocka_unit_test_setup(test_no_proxy, setup),
                cmocka_unit_test_setup(test_a_failure_is_passed_up, setup),
                cmocka_unit_test(powershell_and_plain_files),
                cmocka_unit_test(test_quoting),
                cmocka_unit_test(test_clearing),
                cmocka_unit_test(the_page_has_the_table),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
