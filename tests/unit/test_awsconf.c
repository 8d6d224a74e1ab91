// SPDX-License-Identifier: Apache-2.0
//
// The reader of the SDKs' files: each rule by which the two readings differ, and what a failing allocation leaves behind.
// The agreement with botocore itself is tests/e2e/test_awschain.py.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "awsconf.h"
#include "fault.h"

static struct awsconf *parse(enum awsconf_reading reading, enum awsconf_kind kind, const char *text)
{
        struct awsconf *c = NULL;
        struct err err = ERR_INIT;
        unsigned line;

        assert_int_equal(awsconf_parse(&c, reading, kind, text, strlen(text), &line, &err), 0);
        assert_int_equal(line, 0);
        return c;
}

static void check(
        enum awsconf_reading reading, const char *text, const char *name, const char *value, unsigned line)
{
        struct awsconf *c = parse(reading, AWSCONF_CONFIG, text);
        const struct awsconf_key *k = awsconf_get(c, "default", name);

        if (value) {
                assert_non_null(k);
                assert_string_equal(k->value, value);
                assert_int_equal(k->line, line);
        } else {
                assert_null(k);
        }
        awsconf_free(c);
}

static void both(const char *text, const char *name, const char *value, unsigned line)
{
        check(AWSCONF_BOTOCORE, text, name, value, line);
        check(AWSCONF_LENIENT, text, name, value, line);
}

static void refused(const char *text, size_t n, unsigned at)
{
        struct awsconf *c = NULL;
        struct err err = ERR_INIT;
        unsigned line;

        assert_int_equal(awsconf_parse(&c, AWSCONF_BOTOCORE, AWSCONF_CONFIG, text, n, &line, &err), -EBADMSG);
        assert_int_equal(line, at);
        assert_true(err.text[0] != 0);
        assert_null(c);
}
#define REFUSED(text, at) refused(text, sizeof(text) - 1, at)

static void test_both_readings(void **state)
{
        (void)state;
        both("[default]\nregion = eu-central-1\n", "region", "eu-central-1", 2);
        both("[default]\r\nregion=a\r\n", "region", "a", 2);
        both("\n# c\n; c\n[default]\n\nRegion=a", "region", "a", 6);
        both("[default]\nx = 1\n  2\n\t3\ny = 4\n", "x", "1\n2\n3", 2);
        both("[default]\ns3 =\n  a = b\ny = 4\n", "s3", "\na = b", 2);
        both("[default]\ns3 =\n  role_arn = b\n", "role_arn", NULL, 0);
        both("[profile default]\nx=1\n", "x", "1", 2);
        both("[other]\nx=1\n[profile o]\nx=2\n", "x", NULL, 0);
        both("", "x", NULL, 0);
}

static void test_readings_differ(void **state)
{
        (void)state;
        check(AWSCONF_BOTOCORE, "[default]\nx = 1 # c\n", "x", "1 # c", 2);
        check(AWSCONF_LENIENT, "[default]\nx = 1 # c\n", "x", "1", 2);
        check(AWSCONF_LENIENT, "[default]\nx = a#b;c\n", "x", "a#b;c", 2);
        check(AWSCONF_BOTOCORE, "[default]\nx: 1\n", "x", "1", 2);
        check(AWSCONF_LENIENT, "[default]\nx: 1\n", "x", NULL, 0);
        // the later header, whole; merged, and the better one
        check(AWSCONF_BOTOCORE, "[profile default]\nx=1\n[default]\ny=2\n", "x", NULL, 0);
        check(AWSCONF_LENIENT, "[profile default]\nx=1\n[default]\ny=2\n", "x", "1", 2);
        check(AWSCONF_LENIENT, "[profile default]\nx=1\n[default]\ny=2\n", "y", NULL, 0);
        check(AWSCONF_LENIENT, "[default]\nx=1\n[default]\nx=2\n", "x", "2", 4);
        check(AWSCONF_BOTOCORE, "[DEFAULT]\nx=1\n[default]\ny=2\n", "x", "1", 2);
        check(AWSCONF_LENIENT, "[DEFAULT]\nx=1\n[default]\ny=2\n", "x", NULL, 0);
        check(AWSCONF_LENIENT, "\xef\xbb\xbf[default]\nx=1\n", "x", "1", 2);
        check(AWSCONF_LENIENT, "garbage\n[default]\nnonsense\nx=1\n\xff\xfe\n=\n", "x", "1", 4);
        check(AWSCONF_BOTOCORE, "[profile \"default\"]\nx=1\n", "x", "1", 2);
}

static void test_botocore_refuses(void **state)
{
        (void)state;
        REFUSED("x = 1\n", 1);
        REFUSED("\xef\xbb\xbf[default]\n", 1);
        REFUSED("[default]\n[a]\n[default]\n", 3);
        REFUSED("[default]\nx=1\nX=2\n", 3);
        REFUSED("[default]\nnonsense\n", 2);
        REFUSED("[default]\n= 1\n", 2);
        REFUSED("[default]\nx = \xff\n", 2);
        REFUSED("[default]\r\rx = \xc0\x80\n", 3);
        REFUSED("[default]\ns3 =\n  nonsense\n", 2);
        REFUSED("[]\n", 1);
}

static void test_credentials_file(void **state)
{
        struct awsconf *c = parse(AWSCONF_BOTOCORE, AWSCONF_CREDENTIALS, "[a b]\nx=1\n[profile c]\nx=2\n");

        (void)state;
        assert_string_equal(awsconf_get(c, "a b", "x")->value, "1");
        assert_string_equal(awsconf_get(c, "profile c", "x")->value, "2");
        assert_int_equal(awsconf_has_profile(c, "a b"), 1);
        assert_int_equal(awsconf_has_profile(c, "c"), 0);
        assert_string_equal(awsconf_get_in(c, "a b", "x")->value, "1");
        assert_null(awsconf_get_in(c, "nothing", "x"));
        awsconf_free(c);
}

// shlex.split, which is what a profile's name goes through.
static void test_profile_names(void **state)
{
        static const struct {
                const char *header, *profile;
        } rows[] = {{"profile a", "a"}, {"profile \"a b\"", "a b"}, {"profile 'a b'", "a b"},
                {"profile a\\ b", "a b"}, {"profile  a\t", "a"}, {"profile a b", NULL}, {"profile", NULL},
                {"profile \"a", NULL}, {"profilex a", "a"}, {"profile \"\"", ""},
                {"profile a\"b\"'c'", "abc"}, {"profile a\\", NULL}, {"sso-session a", NULL},
                {"default", "default"}, {"profile default", "default"}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[64];
                struct awsconf *c;

                assert_true(snprintf(text, sizeof text, "[%s]\n", rows[i].header) > 0);
                c = parse(AWSCONF_BOTOCORE, AWSCONF_CONFIG, text);
                assert_int_equal(c->n_sections, 1);
                if (rows[i].profile)
                        assert_string_equal(c->sections[0].profile, rows[i].profile);
                else
                        assert_null(c->sections[0].profile);
                awsconf_free(c);
        }
}

static void test_too_large(void **state)
{
        struct awsconf *c = NULL;
        struct err err = ERR_INIT;
        unsigned line;
        char *text = calloc(1, AWSCONF_SIZE_MAX + 1);

        (void)state;
        assert_non_null(text);
        for (int r = 0; r < 2; r++)
                assert_int_equal(awsconf_parse(&c, (enum awsconf_reading)r, AWSCONF_CONFIG, text,
                                         AWSCONF_SIZE_MAX + 1, &line, &err),
                        -EBADMSG);
        free(text);
}

// A megabyte of what costs most to look up must not take a noticeable time.
static void test_hostile_size(void **state)
{
        const size_t n = 1u << 20;
        char *text = malloc(n + 1);

        (void)state;
        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
                text[i] = "[default]\nx=1\n"[i % 14];
        text[n] = 0;
        check(AWSCONF_LENIENT, text, "nothing", NULL, 0);
        free(text);
}

static void test_every_allocation_may_fail(void **state)
{
        static const char text[] =
                "[default]\nx = 1\n  2\n[profile \"a b\"]\nregion=r\ns3 =\n a=b\n[DEFAULT]\nq=1\n";
        struct awsconf *c = NULL;
        unsigned line;
        int r = 0;

        (void)state;
        FAULT_EACH(200,
                r = awsconf_parse(&c, AWSCONF_BOTOCORE, AWSCONF_CONFIG, text, sizeof text - 1, &line, NULL))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
        awsconf_free(c);
}

static bool left_a_secret;
static void look(const void *p, size_t n, void *arg)
{
        left_a_secret = left_a_secret || memmem(p, n, arg, strlen(arg));
}

static void test_freed_memory_holds_no_key(void **state)
{
        char secret[] = "wJalrXUtnFEMI";
        struct awsconf *c = parse(AWSCONF_BOTOCORE, AWSCONF_CREDENTIALS,
                "[default]\naws_secret_access_key = wJalrXUtnFEMI\nb = c\n");

        (void)state;
        left_a_secret = false;
        fault_watch_free(look, secret);
        awsconf_free(c);
        c = parse(AWSCONF_LENIENT, AWSCONF_CREDENTIALS, "[default]\naws_secret_access_key = wJalrXUtnFEMI\n");
        awsconf_free(c);
        fault_watch_free(NULL, NULL);
        assert_false(left_a_secret);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_both_readings),
                cmocka_unit_test(test_readings_differ),
                cmocka_unit_test(test_botocore_refuses),
                cmocka_unit_test(test_credentials_file),
                cmocka_unit_test(test_profile_names),
                cmocka_unit_test(test_too_large),
                cmocka_unit_test(test_hostile_size),
                cmocka_unit_test(test_every_allocation_may_fail),
                cmocka_unit_test(test_freed_memory_holds_no_key),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
