// SPDX-License-Identifier: Apache-2.0
//
// What AWS says when it refuses: the sentences of the IAM user guide ("Troubleshoot access denied error messages"), the encoded
// message inside of one, and the document it becomes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "authz.h"
#include "fault.h"

#define USER "arn:aws:iam::777788889999:user/JohnDoe"
#define LIST "User: " USER " is not authorized to perform: codecommit:ListRepositories"

static void every_sentence_names_the_kind_of_policy(void **state)
{
        static const struct {
                const char *text;
                enum policy_layer layer;
                bool deny;
        } rows[] = {
                {LIST " because no service control policy allows the codecommit:ListRespositories action",
                        POLICY_LAYER_SERVICE_CONTROL, false},
                {LIST " with an explicit deny in a service control policy", POLICY_LAYER_SERVICE_CONTROL,
                        true},
                {LIST " with an explicit deny in a resource control policy", POLICY_LAYER_RESOURCE_CONTROL,
                        true},
                {LIST " because no VPC endpoint policy allows the codecommit:ListRepositories action",
                        POLICY_LAYER_VPC_ENDPOINT, false},
                {LIST " with an explicit deny in a VPC endpoint policy", POLICY_LAYER_VPC_ENDPOINT, true},
                {LIST " because no permissions boundary allows the codedeploy:ListDeployments action",
                        POLICY_LAYER_BOUNDARY, false},
                {LIST " with an explicit deny in a session policy", POLICY_LAYER_SESSION, true},
                {LIST " because no resource-based policy allows the secretsmanager:GetSecretValue action",
                        POLICY_LAYER_RESOURCE, false},
                {LIST " because no role trust policy allows the sts:AssumeRole action", POLICY_LAYER_RESOURCE,
                        false},
                {LIST " with an explicit deny in the role trust policy", POLICY_LAYER_RESOURCE, true},
                {LIST " because no identity-based policy allows the codecommit:ListRepositories action",
                        POLICY_LAYER_IDENTITY, false},
                {LIST " with an explicit deny in an identity-based policy", POLICY_LAYER_IDENTITY, true},
                {LIST " with an explicit deny", POLICY_LAYERS_, true},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct authz a;

                assert_true(authz_text_parse(&a, rows[i].text, strlen(rows[i].text)));
                assert_true(a.has_decision);
                assert_int_equal(a.layer, rows[i].layer);
                assert_int_equal(a.explicit_deny, rows[i].deny);
                assert_string_equal(a.principal, USER);
                assert_string_equal(a.action, "codecommit:ListRepositories");
        }
}

static void a_refusal_may_say_less(void **state)
{
        static const char text[] =
                "An error occurred (AccessDenied) when calling the GetRole operation: User: " USER
                " is not authorized to perform: iam:GetRole on resource: role audit.";
        struct authz a;

        (void)state;
        assert_true(authz_text_parse(&a, text, sizeof text - 1));
        assert_false(a.has_decision);
        assert_int_equal(a.layer, POLICY_LAYERS_);
        assert_string_equal(a.resource, "role");
        assert_false(authz_text_parse(&a, "Access Denied", 13));
        assert_false(authz_text_parse(&a, "", 0));
        assert_false(authz_text_parse(&a, "a\0b", 3));
        assert_true(authz_text_parse(&a, "not authorized to perform: \x1b[2J", 31));
        assert_null(strchr(a.action, '\x1b'));
}

static void the_encoded_message_is_found(void **state)
{
        static const char word[] = "tWiGmpFGUdOWh0QfuIL7Nwe20420rFPDzqSoVOEeeZCHX8ZmHy1Qyy44xYjdFP4t";
        char dst[AUTHZ_ENCODED_MAX + 1], text[400], long_[AUTHZ_ENCODED_MAX + 2];

        (void)state;
        snprintf(text, sizeof text, "You are not authorized. Encoded authorization failure message: %s\n",
                word);
        assert_true(authz_find_encoded(dst, text, strlen(text)));
        assert_string_equal(dst, word);
        snprintf(text, sizeof text, "  %s\n", word);
        assert_true(authz_find_encoded(dst, text, strlen(text)));
        assert_string_equal(dst, word);
        assert_false(authz_find_encoded(dst, "You are not authorized.", 23));
        assert_false(authz_find_encoded(dst, "short", 5));
        memset(long_, 'A', sizeof long_);
        assert_false(authz_find_encoded(dst, long_, sizeof long_ - 1));
        assert_true(authz_find_encoded(dst, long_, sizeof long_ - 2));
}

// As the EC2 documentation shows one, shortened.
static const char document[] =
        "{\"allowed\":false,\"explicitDeny\":true,\"matchedStatements\":{\"items\":[{\"statementId\":"
        "\"StayInEurope\",\"effect\":"
        "\"DENY\"}]},\"failures\":{\"items\":[]},\"context\":{\"principal\":{\"id\":"
        "\"AIDACKCEVSQ6C2EXAMPLE\",\"name\":\"Bob\","
        "\"arn\":\"arn:aws:iam::123456789012:user/Bob\"},\"action\":\"ec2:StopInstances\",\"resource\":"
        "\"arn:aws:ec2:us-east-1:123456789012:instance/"
        "i-dd01c9bd\",\"conditions\":{\"items\":[{\"key\":\"aws:SourceVpce\","
        "\"values\":{\"items\":[{\"value\":\"vpce-1a2b\"}]}},{\"key\":\"ec2:Tenancy\",\"values\":{\"items\":["
        "{\"value\":\"default\"}]}}]}}}";

static void the_document_tells_who_what_and_with_which_keys(void **state)
{
        struct authz a;

        (void)state;
        assert_int_equal(authz_document_parse(&a, document, sizeof document - 1, NULL), 0);
        assert_true(a.has_decision && a.explicit_deny);
        assert_string_equal(a.principal, "arn:aws:iam::123456789012:user/Bob");
        assert_string_equal(a.action, "ec2:StopInstances");
        assert_string_equal(a.statement, "StayInEurope");
        assert_string_equal(a.endpoint, "vpce-1a2b");
        assert_true(policy_context_has(a.context, "ec2:tenancy"));
        authz_deinit(&a);
        authz_deinit(&a);
}

static void what_is_no_such_document_is_refused(void **state)
{
        static const char *const bad[] = {"", "[]", "{}", "{\"allowed\":false}",
                "{\"allowed\":\"no\",\"explicitDeny\":true,\"context\":{}}",
                "{\"allowed\":false,\"explicitDeny\":true,\"context\":[]}"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct authz a = {0};
                struct err err = ERR_INIT;

                assert_int_equal(authz_document_parse(&a, bad[i], strlen(bad[i]), &err), -EBADMSG);
                assert_true(err.text[0] != 0);
                assert_null(a.context);
        }
}

static void memory_that_runs_out_is_no_document(void **state)
{
        struct authz a = {0};
        int r = 0;

        (void)state;
        FAULT_EACH(300, r = authz_document_parse(&a, document, sizeof document - 1, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(a.context);
        }
        assert_int_equal(r, 0);
        authz_deinit(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_sentence_names_the_kind_of_policy),
                cmocka_unit_test(a_refusal_may_say_less),
                cmocka_unit_test(the_encoded_message_is_found),
                cmocka_unit_test(the_document_tells_who_what_and_with_which_keys),
                cmocka_unit_test(what_is_no_such_document_is_refused),
                cmocka_unit_test(memory_that_runs_out_is_no_document),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
