// SPDX-License-Identifier: Apache-2.0
//
// Whose credentials they are, in STS's words: AWS's, radosgw's, and those of somebody who would like to be read wrongly.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "sts_caller_identity.h"

#define ARN         "<Arn>arn:aws:sts::123456789012:assumed-role/dev/alice</Arn>"
#define DOC(inside) "<GetCallerIdentityResponse>" inside "</GetCallerIdentityResponse>"
#define RES(inside) DOC("<GetCallerIdentityResult>" inside "</GetCallerIdentityResult>")

static int parse(struct sts_caller_identity *c, const char *xml, struct err *err)
{
        return sts_caller_identity_parse(c, xml, strlen(xml), err);
}

static void request(void **state _unused_)
{
        cleanup_buf struct buf b = BUF_INIT(256);

        assert_int_equal(sts_caller_identity_request(&b), 0);
        assert_string_equal(buf_str(&b), "Action=GetCallerIdentity&Version=2011-06-15");
}

static void answers(void **state _unused_)
{
        struct sts_caller_identity c;

        assert_int_equal(
                parse(&c,
                        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                        "<GetCallerIdentityResult>" ARN "<UserId>AROA:alice</UserId>"
                        "<Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata>"
                        "<RequestId>01234567-89ab</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
                        NULL),
                0);
        assert_string_equal(c.arn, "arn:aws:sts::123456789012:assumed-role/dev/alice");
        assert_string_equal(c.account, "123456789012");
        assert_string_equal(c.user_id, "AROA:alice");
        assert_string_equal(c.request_id, "01234567-89ab");
        sts_caller_identity_deinit(&c);
        sts_caller_identity_deinit(&c);
        // No account, nothing but the name; and what a terminal would obey is not kept.
        assert_int_equal(parse(&c, RES("<Arn>arn:aws:sts:::assumed-role/a\n&#x202e;b</Arn>"), NULL), 0);
        assert_string_equal(c.arn, "arn:aws:sts:::assumed-role/a??b");
        assert_string_equal(c.account, "");
        assert_string_equal(c.user_id, "");
        assert_null(c.request_id);
        sts_caller_identity_deinit(&c);
}

static void refused(void **state _unused_)
{
        static const char *const documents[] = {
                "",
                "no XML",
                RES(""),
                RES("<Account>123456789012</Account>"),
                RES("<Arn></Arn>"),
                RES("<Arn>somebody</Arn>"),
                RES(ARN ARN),
                DOC("<GetCallerIdentityResult>" ARN "</GetCallerIdentityResult>"
                    "<GetCallerIdentityResult>" ARN "</GetCallerIdentityResult>"),
                DOC(ARN),
                "<AssumeRoleResponse><GetCallerIdentityResult>" ARN
                "</GetCallerIdentityResult></AssumeRoleResponse>",
                "<GetCallerIdentityResponseX><GetCallerIdentityResult>" ARN
                "</GetCallerIdentityResult></GetCallerIdentityResponseX>",
                "<!DOCTYPE x [<!ENTITY a \"arn:\">]>" RES("<Arn>&a;x</Arn>"),
                "<GetCallerIdentityResponse><GetCallerIdentityResult>" ARN,
        };

        for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
                struct sts_caller_identity c = {0};
                struct err err = ERR_INIT;

                if (parse(&c, documents[i], &err) != -EBADMSG)
                        fail_msg("taken: %s", documents[i]);
                assert_true(err.text[0]);
                assert_null(c.arn);
        }
}

static void out_of_memory(void **state _unused_)
{
        struct sts_caller_identity c = {0};
        int r = 0;

        FAULT_EACH(400, r = parse(&c, RES(ARN), NULL))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
        sts_caller_identity_deinit(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(request),
                cmocka_unit_test(answers),
                cmocka_unit_test(refused),
                cmocka_unit_test(out_of_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
