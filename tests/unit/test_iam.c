// SPDX-License-Identifier: Apache-2.0
//
// IAM's answers: XML of the query protocol becomes the JSON it stands for, the simulator's word is read whole or not at all, documents are
// decoded strictly.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "fault.h"
#include "iam.h"
#include "json.h"
#include "query_xml.h"

#define SIMULATED(members)                                                                                   \
        "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"              \
        "<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>" members         \
        "</EvaluationResults></SimulatePrincipalPolicyResult>"                                               \
        "<ResponseMetadata><RequestId>1cdb5b0a</RequestId></ResponseMetadata></"                             \
        "SimulatePrincipalPolicyResponse>"
// As the API reference shows one.
#define ALLOWED                                                                                              \
        SIMULATED("<member><MatchedStatements><member><SourcePolicyId>ReadReports</SourcePolicyId>"          \
                  "<EndPosition><Column>4</Column><Line>7</Line></EndPosition>"                              \
                  "<StartPosition><Column>16</Column><Line>3</Line></StartPosition></member></"              \
                  "MatchedStatements>"                                                                       \
                  "<MissingContextValues/><EvalResourceName>arn:aws:s3:::teambucket</EvalResourceName>"      \
                  "<EvalDecision>allowed</EvalDecision><EvalActionName>s3:ListBucket</EvalActionName></"     \
                  "member>")

static json_t *read_xml(const char *xml)
{
        json_t *j = NULL;

        assert_int_equal(query_xml_read(&j, NULL, xml, strlen(xml), 65536, NULL), 0);
        return j;
}

static void elements_are_members_and_members_are_lists(void **state)
{
        json_t *j = read_xml("<A><B>x</B><C><member>1</member><member><D>2</D></member></C><E/></A>");
        char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);

        (void)state;
        assert_string_equal(text, "{\"B\":\"x\",\"C\":[\"1\",{\"D\":\"2\"}],\"E\":\"\"}");
        free(text);
        json_decref(j);
}

static void what_is_no_such_answer_is_refused(void **state)
{
        static const char *const bad[] = {"", "x", "<A>", "<A/>", "<A>x</A>", "<A><B>1</B><B>2</B></A>",
                "<A><member>1</member><B>2</B></A>", "<A><B>1</B><member>2</member></A>",
                "<!DOCTYPE A [<!ENTITY e \"x\">]><A><B>&e;</B></A>", "<A><B>x</B>y</A>",
                "<A><B><C><D><E><F><G><H><I><J><K><L><M><N>x</N></M></L></K></J></I></H></G></F></E></D></"
                "C></B></A>"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;
                json_t *j = NULL;

                assert_int_equal(query_xml_read(&j, NULL, bad[i], strlen(bad[i]), 65536, &err), -EBADMSG);
                assert_null(j);
                assert_true(err.text[0] != 0);
        }
}

static void simulation_says_decision_statement_and_what_lacks(void **state)
{
        static const char denied[] = SIMULATED(
                "<member><EvalDecision>implicitDeny</EvalDecision><MatchedStatements/><MissingContextValues>"
                "<member>aws:PrincipalTag/team</member><member>a\x1b[31m</member></MissingContextValues>"
                "<OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations></"
                "OrganizationsDecisionDetail>"
                "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>true</"
                "AllowedByPermissionsBoundary>"
                "</PermissionsBoundaryDecisionDetail></member>");
        struct iam_simulation s;

        (void)state;
        assert_int_equal(iam_simulation_parse(&s, ALLOWED, strlen(ALLOWED), NULL), 0);
        assert_int_equal(s.decision, POLICY_ALLOW);
        assert_int_equal(s.n_matched, 1);
        assert_string_equal(s.matched[0].policy, "ReadReports");
        assert_int_equal(s.matched[0].line, 3);
        assert_false(s.of_organization || s.of_boundary);
        assert_int_equal(iam_simulation_parse(&s, denied, strlen(denied), NULL),
                -EBADMSG); // a control character is no XML
}

static void details_are_read_where_they_are(void **state)
{
        static const char denied[] = SIMULATED(
                "<member><EvalDecision>explicitDeny</"
                "EvalDecision><MissingContextValues><member>aws:PrincipalTag/team</member>"
                "</MissingContextValues><OrganizationsDecisionDetail><AllowedByOrganizations>false</"
                "AllowedByOrganizations>"
                "</"
                "OrganizationsDecisionDetail><PermissionsBoundaryDecisionDetail><"
                "AllowedByPermissionsBoundary>true"
                "</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail></member>");
        struct iam_simulation s;

        (void)state;
        assert_int_equal(iam_simulation_parse(&s, denied, strlen(denied), NULL), 0);
        assert_int_equal(s.decision, POLICY_EXPLICIT_DENY);
        assert_true(
                s.of_organization && !s.allowed_by_organization && s.of_boundary && s.allowed_by_boundary);
        assert_int_equal(s.n_missing, 1);
        assert_string_equal(s.missing[0], "aws:PrincipalTag/team");
}

static void a_simulation_without_one_decision_is_none(void **state)
{
        static const char *const bad[] = {SIMULATED(""),
                SIMULATED("<member><EvalDecision>perhaps</EvalDecision></member>"),
                SIMULATED("<member><X>1</X></member>"),
                SIMULATED("<member><EvalDecision>allowed</EvalDecision></"
                          "member><member><EvalDecision>allowed</EvalDecision></member>"),
                "<GetRoleResponse><GetRoleResult><A>x</A></GetRoleResult></GetRoleResponse>"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct iam_simulation s = {.decision = POLICY_ALLOW};
                struct err err = ERR_INIT;

                assert_int_equal(iam_simulation_parse(&s, bad[i], strlen(bad[i]), &err), -EBADMSG);
                assert_true(err.text[0] != 0);
        }
}

static void a_request_names_role_action_resource_and_each_key(void **state)
{
        struct buf b = BUF_INIT(4096);
        struct policy_context *c = NULL;

        (void)state;
        assert_int_equal(policy_context_new(&c), 0);
        assert_int_equal(policy_context_add(c, "aws:TagKeys", "a"), 0);
        assert_int_equal(policy_context_add(c, "aws:TagKeys", "b c"), 0);
        assert_int_equal(iam_simulate_request(&b, "arn:aws:iam::123456789012:role/x/dev", "s3:GetObject",
                                 "arn:aws:s3:::b/*", c),
                0);
        assert_string_equal(buf_str(&b),
                "Action=SimulatePrincipalPolicy&Version=2010-05-08&PolicySourceArn=arn%3Aaws%3Aiam%3A%"
                "3A123456789012%3Arole%2Fx%2Fdev"
                "&ActionNames.member.1=s3%3AGetObject&ResourceArns.member.1=arn%3Aaws%3As3%3A%3A%3Ab%2F%2A"
                "&ContextEntries.member.1.ContextKeyName=aws%3ATagKeys&ContextEntries.member.1."
                "ContextKeyType=stringList"
                "&ContextEntries.member.1.ContextKeyValues.member.1=a&ContextEntries.member.1."
                "ContextKeyValues.member.2=b%20c");
        policy_context_free(c);
        buf_deinit(&b);
}

static void keys_of_a_known_type_are_told_as_such(void **state)
{
        static const char *const rows[][2] = {{"aws:currenttime", "date"}, {"aws:SecureTransport", "boolean"},
                {"aws:SourceIp", "ip"}, {"aws:MultiFactorAuthAge", "numeric"},
                {"aws:PrincipalTag/team", "string"}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct buf b = BUF_INIT(4096);
                struct policy_context *c = NULL;
                char want[80];

                assert_int_equal(policy_context_new(&c), 0);
                assert_int_equal(policy_context_add(c, rows[i][0], "x"), 0);
                assert_int_equal(iam_simulate_request(&b, "r", "a", "b", c), 0);
                snprintf(want, sizeof want, ".ContextKeyType=%s&", rows[i][1]);
                assert_non_null(strstr(buf_str(&b), want));
                policy_context_free(c);
                buf_deinit(&b);
        }
}

static void documents_are_decoded_strictly(void **state)
{
        static const char *const bad[] = {"%", "%2", "%zz", "%00", "% 1", "%+1", "a%4"};
        struct buf b = BUF_INIT(64);

        (void)state;
        assert_int_equal(iam_document(&b, "%7B%22a%22%3a1%7d+x"), 0);
        assert_string_equal(buf_str(&b), "{\"a\":1}+x");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                buf_reset(&b);
                assert_int_equal(iam_document(&b, bad[i]), -EBADMSG);
        }
        buf_deinit(&b);
}

static void every_partition_has_its_iam(void **state)
{
        struct buf b = BUF_INIT(256);
        char region[33];

        (void)state;
        assert_int_equal(iam_endpoint(&b, region, "aws"), 0);
        assert_string_equal(buf_str(&b), "https://iam.amazonaws.com");
        assert_string_equal(region, "us-east-1");
        buf_reset(&b);
        assert_int_equal(iam_endpoint(&b, region, "aws-cn"), 0);
        assert_string_equal(buf_str(&b), "https://iam.cn-north-1.amazonaws.com.cn");
        assert_int_equal(iam_endpoint(&b, region, "aws-mars"), -ENOENT);
        buf_deinit(&b);
}

static void memory_that_runs_out_is_no_answer(void **state)
{
        struct iam_simulation s = {0};
        int r = 0;

        (void)state;
        FAULT_EACH(300, r = iam_simulation_parse(&s, ALLOWED, strlen(ALLOWED), NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_int_equal(s.decision, 0);
        }
        assert_int_equal(r, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(elements_are_members_and_members_are_lists),
                cmocka_unit_test(what_is_no_such_answer_is_refused),
                cmocka_unit_test(simulation_says_decision_statement_and_what_lacks),
                cmocka_unit_test(details_are_read_where_they_are),
                cmocka_unit_test(a_simulation_without_one_decision_is_none),
                cmocka_unit_test(a_request_names_role_action_resource_and_each_key),
                cmocka_unit_test(keys_of_a_known_type_are_told_as_such),
                cmocka_unit_test(documents_are_decoded_strictly),
                cmocka_unit_test(every_partition_has_its_iam),
                cmocka_unit_test(memory_that_runs_out_is_no_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
