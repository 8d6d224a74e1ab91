// SPDX-License-Identifier: Apache-2.0
//
// Credentials from STS: of AWS, of radosgw, and of somebody who would like us to read them wrongly.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "data.h"
#include "fault.h"
#include "sts.h"

static int parse(struct sts_credentials *c, const char *xml, struct err *err)
{
        return sts_credentials_parse(c, xml, strlen(xml), err);
}

static void aws_web_identity(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct sts_credentials c;

        (void)state;
        data_read(&b, "sts/aws-web-identity.xml");
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n, NULL), 0);
        assert_string_equal(c.access_key_id, "ASgeIAIOSFODNN7EXAMPLE");
        assert_string_equal(secret_str(c.secret_access_key), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY");
        assert_string_equal(secret_str(c.session_token), "AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE");
        assert_int_equal(c.expiration_s, 1414191623);
        assert_string_equal(
                c.assumed_role_arn, "arn:aws:sts::123456789012:assumed-role/FederatedWebIdentityRole/app1");
        assert_string_equal(c.assumed_role_id, "AROACLKWSDQRAOEXAMPLE:app1");
        assert_string_equal(c.account_id, "123456789012");
        assert_string_equal(c.subject, "amzn1.account.AF6RHO7KZU5XRVQJGXK6HB56KR2A");
        assert_string_equal(c.audience, "client.5498841531868486423.1548@apps.example.com");
        assert_string_equal(c.provider, "www.amazon.com");
        assert_string_equal(c.source_identity, "SourceIdentityValue");
        assert_string_equal(c.request_id, "ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE");
        assert_int_equal(c.packed_policy_size, -1);
        sts_credentials_deinit(&c);
        sts_credentials_deinit(&c);
}

static void aws_assume_role(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct sts_credentials c;

        (void)state;
        data_read(&b, "sts/aws-assume-role.xml");
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n, NULL), 0);
        assert_string_equal(secret_str(c.session_token),
                "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW"
                "LWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGd"
                "IdyB8dAYmOH6iUdqmz/hbxyYCZRJ5AbOCcAtCKBJaGbMQI8mQcxTVxZ5QXtBiQIDAQAB");
        assert_int_equal(c.expiration_s, 1573306481);
        assert_int_equal(c.packed_policy_size, 6);
        assert_null(c.subject);
        sts_credentials_deinit(&c);
}

static void radosgw(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct sts_credentials c;

        (void)state;
        data_read(&b, "sts/radosgw-web-identity.xml");
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n, NULL), 0);
        assert_string_equal(c.access_key_id, "97SqC1zHBFA6CHfAYxq");
        assert_int_equal(c.expiration_s, 1795314124);
        assert_string_equal(c.assumed_role_arn, "arn:aws:sts:::assumed-role/S3Access/sess");
        assert_string_equal(c.assumed_role_id, "5e63ff3e-2a39-4084-a590-0b24d65f1a23:sess");
        assert_string_equal(c.account_id, "");
        assert_null(c.request_id);
        assert_int_equal(c.packed_policy_size, 0);
        sts_credentials_deinit(&c);
}

#define CREDS                                                                                                \
        "<Credentials><AccessKeyId>AKID</AccessKeyId><SecretAccessKey>SK</SecretAccessKey>"                  \
        "<SessionToken>ST</SessionToken><Expiration>2026-01-01T00:00:00Z</Expiration></Credentials>"
#define USER        "<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/dev/a</Arn></AssumedRoleUser>"
#define DOC(inside) "<AssumeRoleResponse><AssumeRoleResult>" inside "</AssumeRoleResult></AssumeRoleResponse>"

static void the_least_that_is_taken(void **state)
{
        struct sts_credentials c;

        (void)state;
        assert_int_equal(
                parse(&c, "<?xml version=\"1.0\"?><!-- c -->\n" DOC(CREDS USER "<New><Thing/></New>"), NULL),
                0);
        assert_null(c.assumed_role_id);
        sts_credentials_deinit(&c);
        assert_int_equal(
                parse(&c,
                        DOC(CREDS USER
                                "<PackedPolicySize>x</PackedPolicySize><Audience> </Audience>"
                                "<SubjectFromWebIdentityToken>a&#10;b&#x202e;</SubjectFromWebIdentityToken>"),
                        NULL),
                0);
        assert_int_equal(c.packed_policy_size, -1);
        assert_null(c.audience);
        assert_string_equal(c.subject, "a?b?"); // what a terminal would obey is not kept
        sts_credentials_deinit(&c);
        assert_int_equal(parse(&c,
                                 DOC("<Credentials><AccessKeyId><![CDATA[AK]]>&#73;D</"
                                     "AccessKeyId><SecretAccessKey>S&amp;K</SecretAccessKey>"
                                     "<SessionToken>S T</SessionToken><Expiration> 2026-01-01T00:00:00Z "
                                     "</Expiration></Credentials>" USER),
                                 NULL),
                0);
        assert_string_equal(c.access_key_id, "AKID");
        assert_string_equal(secret_str(c.secret_access_key), "S&K");
        assert_string_equal(secret_str(c.session_token), "ST");
        sts_credentials_deinit(&c);
}

static void documents_that_are_refused(void **state)
{
        static const char *const bad[] = {
                "",
                "x",
                "{\"json\":true}",
                "<html><body>502</body></html>",
                "<AssumeRoleResponse/>",
                DOC(""),
                DOC(CREDS),
                DOC(USER),
                "<!DOCTYPE x>" DOC(CREDS USER),
                "<!DOCTYPE x [<!ENTITY e \"v\">]>" DOC(CREDS USER),
                "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">" DOC(CREDS USER),
                DOC("<Audience>&e;</Audience>" CREDS USER),
                DOC(CREDS CREDS USER), // which of them?
                DOC(CREDS USER USER),
                DOC(CREDS USER) DOC(CREDS USER), // two documents
                "<AssumeRoleResponse><AssumeRoleResult>" CREDS "</AssumeRoleResult><AssumeRoleResult>" USER
                "</AssumeRoleResult></AssumeRoleResponse>",
                "<AssumeRoleWithWebIdentityResponse><AssumeRoleResult>" CREDS USER
                "</AssumeRoleResult></AssumeRoleWithWebIdentityResponse>",
                "<GetCallerIdentityResponse><AssumeRoleResult>" CREDS USER
                "</AssumeRoleResult></GetCallerIdentityResponse>",
                DOC("<X>" CREDS "</X>" USER), // credentials elsewhere are not the credentials
                DOC("<Credentials><AccessKeyId>A</AccessKeyId><AccessKeyId>B</"
                    "AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</"
                    "SessionToken><Expiration>2026-01-01T00:00:00Z</Expiration></Credentials>" USER),
                DOC("<Credentials><AccessKeyId></AccessKeyId><SecretAccessKey>S</"
                    "SecretAccessKey><SessionToken>T</SessionToken><Expiration>2026-01-01T00:00:00Z</"
                    "Expiration></Credentials>" USER),
                DOC("<Credentials><AccessKeyId>A "
                    "B</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</"
                    "SessionToken><Expiration>2026-01-01T00:00:00Z</Expiration></Credentials>" USER),
                DOC("<Credentials><AccessKeyId><b>A</b></AccessKeyId><SecretAccessKey>S</"
                    "SecretAccessKey><SessionToken>T</SessionToken><Expiration>2026-01-01T00:00:00Z</"
                    "Expiration></Credentials>" USER),
                DOC("<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey/><SessionToken>T</"
                    "SessionToken><Expiration>2026-01-01T00:00:00Z</Expiration></Credentials>" USER),
                DOC("<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</"
                    "SecretAccessKey><SessionToken>\xc3\xbc</SessionToken><Expiration>2026-01-01T00:00:00Z</"
                    "Expiration></Credentials>" USER),
                DOC("<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</"
                    "SecretAccessKey><SessionToken>T</SessionToken><Expiration>soon</Expiration></"
                    "Credentials>" USER),
                DOC("<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</"
                    "SecretAccessKey><SessionToken>T</SessionToken></Credentials>" USER),
                DOC(CREDS "<AssumedRoleUser><Arn>me</Arn></AssumedRoleUser>"),
                DOC(CREDS "<AssumedRoleUser><Arn>arn:aws:sts:::</Arn></AssumedRoleUser>x"),
                DOC(CREDS USER "stray text"),
                "<?xml version=\"1.0\" encoding=\"UTF-16\"?>" DOC(CREDS USER) "<",
                "\xff\xfe<\0",
                DOC(CREDS USER "<Audience>\xff</Audience>"),
        };
        struct sts_credentials c = {.packed_policy_size = 77};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                if (parse(&c, bad[i], &err) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
                assert_true(err.text[0]);
        }
        assert_int_equal(c.packed_policy_size, 77);
}

static void a_doctype_is_named(void **state)
{
        struct err err = ERR_INIT;
        struct sts_credentials c;

        (void)state;
        assert_int_equal(
                parse(&c, "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><AssumeRoleResponse>&b;",
                        &err),
                -EBADMSG);
        assert_non_null(strstr(err.text, "DOCTYPE"));
}

static void half_a_document_is_none(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct sts_credentials c;

        (void)state;
        data_read(&b, "sts/aws-web-identity.xml");
        for (size_t n = 0; n + 1 < b.n; n++) // the last byte is a newline behind the end
                assert_int_equal(sts_credentials_parse(&c, buf_str(&b), n, NULL), -EBADMSG);
}

static void sizes_are_bounded(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 20);
        struct sts_credentials c;

        (void)state;
        for (int i = 0; i < 100; i++)
                buf_append_str(&b, "<a>");
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n, NULL), -EBADMSG);
        buf_reset(&b);
        buf_append_str(&b, "<AssumeRoleResponse>");
        for (int i = 0; i < 20; i++)
                buf_append_str(&b, "<deep>");
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n, NULL), -EBADMSG);
        buf_reset(&b);
        buf_append_str(&b, "<AssumeRoleResponse><");
        memset(buf_extend(&b, 1000), 'n', 1000);
        buf_append_str(&b, "/></AssumeRoleResponse>");
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n, NULL), -EBADMSG);
        buf_reset(&b);
        buf_append_str(&b, "<AssumeRoleResponse><x>");
        memset(buf_extend(&b, 60000), 'n', 60000);
        buf_append_str(&b, "</x></AssumeRoleResponse>");
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n, NULL), -EBADMSG);
        buf_reset(&b);
        memset(buf_extend(&b, STS_ANSWER_MAX + 1), ' ', STS_ANSWER_MAX + 1);
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n, NULL), -EBADMSG);
}

static void every_allocation_may_fail(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct sts_credentials c;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        data_read(&b, "sts/aws-web-identity.xml");
        FAULT_EACH(500, r = sts_credentials_parse(&c, buf_str(&b), b.n, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 20); // expat's allocations are among them
        sts_credentials_deinit(&c);
}

static bool left_behind;

static void look_for(const void *p, size_t n, void *arg)
{
        (void)arg;
        left_behind |= memmem(p, n, "K7MDENG", 7) != NULL || memmem(p, n, "DYXdzEE0a", 9) != NULL;
}

static void no_secret_stays_in_freed_memory(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct sts_credentials c;

        (void)state;
        data_read(&b, "sts/aws-web-identity.xml");
        left_behind = false;
        fault_watch_free(look_for, NULL);
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n, NULL), 0);
        sts_credentials_deinit(&c);
        assert_int_equal(sts_credentials_parse(&c, buf_str(&b), b.n - 10, NULL), -EBADMSG);
        fault_watch_free(NULL, NULL);
        assert_false(left_behind);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(aws_web_identity),
                cmocka_unit_test(aws_assume_role),
                cmocka_unit_test(radosgw),
                cmocka_unit_test(the_least_that_is_taken),
                cmocka_unit_test(documents_that_are_refused),
                cmocka_unit_test(a_doctype_is_named),
                cmocka_unit_test(half_a_document_is_none),
                cmocka_unit_test(sizes_are_bounded),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(no_secret_stays_in_freed_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
