// SPDX-License-Identifier: Apache-2.0
//
// Errors of STS: three shapes, two spellings of a code, and two texts that change what a code means.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "data.h"
#include "sts.h"

static enum sts_error parse(int status, const char *xml)
{
        struct sts_error_answer e;

        sts_error_parse(&e, status, xml, strlen(xml));
        return e.code;
}

static void the_three_shapes(void **state)
{
        static const struct {
                const char *file;
                int status;
                enum sts_error code;
                const char *name, *message_start, *request_id;
        } answers[] = {
                {"sts/aws-expired-token.xml", 400, STS_E_EXPIRED_TOKEN, "ExpiredTokenException",
                        "Token expired:", "4f40b2d4-2c7b-4a39-b9ab-000000000001"},
                {"sts/aws-access-denied.xml", 403, STS_E_ACCESS_DENIED, "AccessDenied",
                        "Not authorized to perform sts:Assume", "4f40b2d4-2c7b-4a39-b9ab-000000000002"},
                {"sts/aws-verification-key.xml", 400, STS_E_VERIFICATION_KEY, "InvalidIdentityToken",
                        "Couldn't retrieve", "4f40b2d4-2c7b-4a39-b9ab-000000000003"},
                {"sts/radosgw-access-denied.xml", 403, STS_E_ACCESS_DENIED, "AccessDenied", "",
                        "tx0000067744807e87a9cac-006b0243bc-1008-default"},
                {"sts/moto-signature.xml", 403, STS_E_SIGNATURE, "SignatureDoesNotMatch",
                        "The request signature", "7a62c49f-347e-4fc4-9331-6e8eEXAMPLE"},
        };
        cleanup_buf struct buf b = BUF_INIT(1 << 16);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                struct sts_error_answer e;

                data_read(&b, answers[i].file);
                sts_error_parse(&e, answers[i].status, buf_str(&b), b.n);
                assert_int_equal(e.code, answers[i].code);
                assert_string_equal(e.name, answers[i].name);
                assert_int_equal(
                        strncmp(e.message, answers[i].message_start, strlen(answers[i].message_start)), 0);
                assert_string_equal(e.request_id, answers[i].request_id);
        }
}

#define ERROR(code, message)                                                                                 \
        "<ErrorResponse><Error><Code>" code "</Code><Message>" message "</Message></Error></ErrorResponse>"

static void codes(void **state)
{
        static const struct {
                const char *xml;
                int status;
                enum sts_error code;
        } answers[] = {
                {ERROR("ExpiredToken", ""), 403, STS_E_EXPIRED_TOKEN},
                {ERROR("InvalidIdentityToken", "Incorrect token audience"), 400, STS_E_INVALID_TOKEN},
                {ERROR("InvalidIdentityTokenException", "No OpenIDConnect provider found"), 400,
                        STS_E_INVALID_TOKEN},
                {ERROR("IDPCommunicationError", ""), 400, STS_E_IDP_COMMUNICATION},
                {ERROR("IDPCommunicationErrorException", ""), 400, STS_E_IDP_COMMUNICATION},
                {ERROR("IDPRejectedClaim", ""), 403, STS_E_REJECTED_CLAIM},
                {ERROR("AccessDeniedException", ""), 403, STS_E_ACCESS_DENIED},
                {ERROR("MalformedPolicyDocument", ""), 400, STS_E_POLICY},
                {ERROR("PackedPolicyTooLarge", "Packed policy consumes 112% of allotted space"), 400,
                        STS_E_POLICY},
                {ERROR("RegionDisabledException", ""), 403, STS_E_REGION_DISABLED},
                {ERROR("Throttling", "Rate exceeded"), 400, STS_E_THROTTLED},
                {ERROR("ThrottlingException", ""), 400, STS_E_THROTTLED},
                {ERROR("TooManyRequestsException", ""), 429, STS_E_THROTTLED},
                {ERROR("SlowDown", ""), 503, STS_E_THROTTLED},
                {ERROR("ValidationError", "1 validation error detected"), 400, STS_E_VALIDATION},
                {ERROR("ValidationError",
                         "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."),
                        400, STS_E_DURATION},
                {ERROR("AccessDenied",
                         "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."),
                        403, STS_E_DURATION},
                {ERROR("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit "
                                          "for roles assumed by role chaining."),
                        400, STS_E_DURATION},
                {ERROR("InvalidArgument", ""), 400, STS_E_VALIDATION},
                {ERROR("InvalidClientTokenId", ""), 403, STS_E_SIGNATURE},
                {ERROR("RequestTimeTooSkewed", ""), 403, STS_E_SIGNATURE},
                {ERROR("ExpiredTokenExceptionally", ""), 400, STS_E_OTHER},
                {ERROR("accessdenied", ""), 400, STS_E_OTHER},
                {ERROR("Unheard", ""), 400, STS_E_OTHER},
                {ERROR("Unheard", ""), 403, STS_E_ACCESS_DENIED},
                {ERROR("Unheard", ""), 429, STS_E_THROTTLED},
                {ERROR("Unheard", ""), 500, STS_E_OTHER},
                {ERROR("MethodNotAllowed", ""), 405, STS_E_OTHER},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                if (parse(answers[i].status, answers[i].xml) != answers[i].code)
                        fail_msg("%s read as %d", answers[i].xml, parse(answers[i].status, answers[i].xml));
}

static void what_is_no_error_of_sts(void **state)
{
        static const char *const bad[] = {"", "oops", "<html><head><title>403</title></head></html>",
                "<ErrorResponse/>", "<ErrorResponse><Error><Code></Code></Error></ErrorResponse>",
                "<Error><Message>m</Message></Error>", "<Error><Code>A</Code><Code>B</Code></Error>",
                "<Error><Code>AccessDenied</Code>", "<!DOCTYPE x><Error><Code>AccessDenied</Code></Error>",
                "<Other><Error><Code>AccessDenied</Code></Error></Other>"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct sts_error_answer e;

                sts_error_parse(&e, 403, bad[i], strlen(bad[i]));
                if (e.code != STS_E_UNREADABLE)
                        fail_msg("read: %s", bad[i]);
                assert_string_equal(e.name, "");
                assert_string_equal(e.message, "");
                assert_int_equal(parse(429, bad[i]), STS_E_THROTTLED);
        }
}

static void texts_cannot_command_a_terminal(void **state)
{
        static const char xml[] = "<Error><Code>Access&#10;Denied</Code><Message>a\xc2\x9b"
                                  "b&#x202e;c</Message><RequestId>r\n\nq</RequestId></Error>";
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct sts_error_answer e;

        (void)state;
        sts_error_parse(&e, 400, xml, sizeof xml - 1);
        assert_string_equal(e.name, "Access?Denied");
        assert_string_equal(e.message, "a?b?c");
        assert_string_equal(e.request_id, "r??q");
        buf_append_str(&b, "<Error><Code>");
        memset(buf_extend(&b, 5000), 'C', 5000);
        buf_append_str(&b, "</Code><Message>");
        memset(buf_extend(&b, 5000), 'M', 5000);
        buf_append_str(&b, "</Message></Error>");
        sts_error_parse(&e, 400, buf_str(&b), b.n);
        assert_int_equal(strlen(e.name), sizeof e.name - 1);
        assert_int_equal(strlen(e.message), sizeof e.message - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_three_shapes),
                cmocka_unit_test(codes),
                cmocka_unit_test(what_is_no_error_of_sts),
                cmocka_unit_test(texts_cannot_command_a_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
