// SPDX-License-Identifier: Apache-2.0
//
// IAM's rules one by one: what a document must look like, and what it says of a request. Each test is named
// after the rule it holds.
#include "policy_case.h"

#include "fault.h"

// ---- documents ----------------------------------------------------------------------------------------------------

static void statement_may_stand_alone_or_in_a_list(void **state)
{
        (void)state;
        assert_int_equal(
                evaluate(POLICY_IDENTITY, P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}"),
                        NULL, "s3:GetObject", "arn:aws:s3:::b/k", NULL)
                        .decision,
                POLICY_ALLOW);
        assert_int_equal(evaluate(POLICY_IDENTITY,
                                 P("[{\"Effect\":\"Allow\",\"Action\":[\"s3:*\"],\"Resource\":[\"*\"]}]"),
                                 NULL, "s3:GetObject", "arn:aws:s3:::b/k", NULL)
                                 .decision,
                POLICY_ALLOW);
}

static void document_with_anything_unknown_is_refused(void **state)
{
        (void)state;
        assert_refused(POLICY_IDENTITY, "[]", "must be a JSON object");
        assert_refused(POLICY_IDENTITY, "{}", "Statement");
        assert_refused(POLICY_IDENTITY, P("[]"), "statements");
        assert_refused(POLICY_IDENTITY, "{\"Version\":\"2025-01-01\",\"Statement\":[]}", "Version");
        assert_refused(POLICY_IDENTITY, "{\"Version\":20121017,\"Statement\":[]}", "Version");
        assert_refused(POLICY_IDENTITY, "{\"Statements\":[]}", "unknown element \"Statements\"");
        assert_refused(POLICY_IDENTITY, P("{\"Effect\":\"Allow\",\"Actions\":\"s3:*\",\"Resource\":\"*\"}"),
                "unknown element \"Actions\"");
        assert_refused(POLICY_IDENTITY, P("{\"Effect\":\"allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}"),
                "Effect");
        assert_refused(POLICY_IDENTITY, P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":[]}"),
                "empty list");
        assert_refused(POLICY_IDENTITY, P("{\"Effect\":\"Allow\",\"Action\":7,\"Resource\":\"*\"}"),
                "must be a string");
        assert_refused(POLICY_IDENTITY, P("[7]"), "must be an object");
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"*\"}"),
                "twice");
}

static void error_names_the_line_of_the_statement(void **state)
{
        (void)state;
        assert_refused(POLICY_IDENTITY,
                "{\n \"Id\": \"Statement\",\n \"Statement\": [\n"
                "  {\"Sid\": \"a{\\\"[\", \"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": "
                "\"*\"}\n ]\n}",
                "line 4: ");
        assert_refused(POLICY_IDENTITY,
                "{\"Statement\":[\n{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"},\n\n"
                "{\"Effect\":\"Maybe\"}]}",
                "line 4: Effect");
        assert_refused(POLICY_IDENTITY, "\n\n{\"Statement\":\n{\"Effect\":\"Maybe\"}}", "line 4: Effect");
}

static void action_needs_a_vendor_and_has_no_strange_characters(void **state)
{
        (void)state;
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"GetObject\",\"Resource\":\"*\"}"), "vendor");
        assert_refused(
                POLICY_IDENTITY, P("{\"Effect\":\"Allow\",\"Action\":\":x\",\"Resource\":\"*\"}"), "vendor");
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"s3:Get Object\",\"Resource\":\"*\"}"), "character");
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"s3:a\",\"NotAction\":\"s3:b\",\"Resource\":\"*\"}"),
                "either Action");
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"s3:List:Bucket\",\"Resource\":\"*\"}"),
                "only one colon");
}

static void resource_must_be_an_arn_or_star(void **state)
{
        (void)state;
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"bucket\"}"), "ARN format");
        assert_refused(POLICY_IDENTITY, P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\"}"), "either Resource");
}

static void resource_names_a_partition_and_a_service(void **state)
{
        static const char where[] = P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"%s\"}");
        static const struct {
                const char *arn, *reason;
        } bad[] = {{"arn:error:s3:::b", "Partition \"error\" is not valid"},
                {"arn:aws:*:::b", "Resource vendor must be fully qualified"},
                {"arn:aws:s?:::b", "Resource vendor must be fully qualified"},
                {"arn:aws::::b", "Resource vendor must be fully qualified"}, {"arn:aws:s3::b", "ARN format"},
                {"", "ARN format"}};
        static const char *const good[] = {"arn:aws-us-gov:s3:::b", "arn:*:s3:::b", "arn:aws:s3:*:*:b"};
        char text[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                snprintf(text, sizeof text, where, bad[i].arn);
                assert_refused(POLICY_IDENTITY, text, bad[i].reason);
        }
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                snprintf(text, sizeof text, where, good[i]);
                policy_free(parse(POLICY_IDENTITY, text));
        }
        // A repository's policy says no resource: it is the repository's.
        assert_int_equal(
                evaluate(POLICY_RESOURCE,
                        P("{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"ecr:*\"}"), &session,
                        "ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:123456789012:repository/x", NULL)
                        .decision,
                POLICY_ALLOW);
}

static void pattern_bytes_are_not_taken_from_the_document(void **state)
{
        (void)state;
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::\\u0001\"}"),
                "control character");
}

static void principal_that_is_gone_matches_nobody(void **state)
{
        static const char gone[] =
                P("{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"AROACKCEVSQ6C2EXAMPLE\"},\"Action\":\"sts:"
                  "AssumeRole\"}");

        (void)state;
        assert_int_equal(evaluate(POLICY_TRUST, gone, &session, "sts:AssumeRole", NULL, NULL).decision,
                POLICY_IMPLICIT_DENY);
}

static void trust_policy_has_a_principal_no_resource_and_sts_actions(void **state)
{
        (void)state;
        assert_refused(POLICY_TRUST, P("{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\"}"), "Principal");
        assert_refused(POLICY_TRUST,
                P("{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"*"
                  "\"}"),
                "prohibited field Resource");
        assert_refused(POLICY_TRUST,
                P("{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\"}"),
                "only specify STS");
        assert_refused(POLICY_TRUST,
                P("{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sts:GetCallerIdentity\"}"),
                "only specify STS");
        policy_free(parse(POLICY_TRUST, P("{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[\"sts:*\","
                                          "\"sts:Assume*\",\"STS:tagsession\",\"sts:SetContext\"]}")));
        assert_refused(POLICY_TRUST,
                P("{\"Effect\":\"Allow\",\"Principal\":{\"Who\":\"x\"},\"Action\":\"sts:AssumeRole\"}"),
                "kind of principal");
        assert_refused(POLICY_TRUST,
                P("{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:role/"
                  "*\"},\"Action\":\"sts:AssumeRole\"}"),
                "named whole");
        assert_refused(POLICY_TRUST,
                P("{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"dev\"},\"Action\":\"sts:AssumeRole\"}"),
                "account number or an ARN");
        assert_refused(POLICY_TRUST,
                P("{\"Effect\":\"Deny\",\"NotPrincipal\":\"*\",\"Action\":\"sts:AssumeRole\"}"),
                "NotPrincipal");
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}"),
                "principal");
}

static void condition_must_be_understood(void **state)
{
        (void)state;
        assert_refused(
                POLICY_TRUST, TRUST("{\"StringMatches\":{\"" ISS ":sub\":\"x\"}}"), "Invalid Condition type");
        assert_refused(
                POLICY_TRUST, TRUST("{\"stringequals\":{\"" ISS ":sub\":\"x\"}}"), "Invalid Condition type");
        assert_refused(POLICY_TRUST, TRUST("{\"NullIfExists\":{\"" ISS ":sub\":\"true\"}}"),
                "Invalid Condition type");
        assert_refused(POLICY_TRUST, TRUST("{\"ForEachValue:StringEquals\":{\"" ISS ":sub\":\"x\"}}"),
                "Invalid Condition type");
        assert_refused(POLICY_TRUST, TRUST("{\"StringEquals\":{\"sub\":\"x\"}}"), "vendor");
        assert_refused(POLICY_TRUST, TRUST("{\"StringEquals\":\"x\"}"), "object of keys");
        assert_refused(POLICY_TRUST, TRUST("[]"), "must be an object");
        assert_refused(POLICY_TRUST, TRUST("{\"NumericEquals\":{\"aws:x\":\"0x10\"}}"), "a number");
        assert_refused(POLICY_TRUST, TRUST("{\"Bool\":{\"aws:x\":\"maybe\"}}"), "true or false");
        assert_refused(
                POLICY_TRUST, TRUST("{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/33\"}}"), "an address");
        assert_refused(POLICY_TRUST, TRUST("{\"BinaryEquals\":{\"aws:x\":\"no base64\"}}"), "base64");
        // Only texts, ARNs and booleans know variables.
        assert_refused(POLICY_TRUST, TRUST("{\"NumericEquals\":{\"aws:x\":\"${aws:y}\"}}"), "a number");
        assert_refused(POLICY_TRUST, TRUST("{\"IpAddress\":{\"aws:x\":\"${aws:y}\"}}"), "an address");
        assert_refused(
                POLICY_TRUST, TRUST("{\"DateLessThan\":{\"aws:CurrentTime\":\"tomorrow\"}}"), "a date");
        assert_refused(POLICY_TRUST, TRUST("{\"StringEquals\":{\"" ISS ":sub\":[]}}"), "empty list");
        assert_refused(POLICY_TRUST, TRUST("{\"StringEquals\":{\"" ISS ":sub\":{}}}"), "must be a string");
}

static void sid_is_alphanumeric_and_unique(void **state)
{
        (void)state;
        assert_refused(POLICY_IDENTITY,
                P("{\"Sid\":\"a b\",\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}"),
                "alpha-numeric");
        assert_refused(POLICY_IDENTITY,
                P("[{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"},"
                  "{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]"),
                "unique");
}

static void document_that_is_huge_or_deep_is_refused(void **state)
{
        size_t n = 1u << 20;
        char *text = malloc(n);
        struct policy *p = NULL;
        struct err err = ERR_INIT;

        (void)state;
        assert_non_null(text);
        memset(text, '[', n);
        assert_int_equal(policy_parse(&p, POLICY_IDENTITY, text, n, &err), -EBADMSG);
        assert_non_null(strstr(err.text, "bytes"));
        assert_int_equal(policy_parse(&p, POLICY_IDENTITY, text, 10000, NULL), -EBADMSG);
        free(text);
}

// ---- effects ------------------------------------------------------------------------------------------------------

static void count_match(unsigned statement, const struct policy_place *place, void *arg)
{
        unsigned *sum = arg;

        sum[0] += statement;
        sum[1] = place->line * 1000 + place->column;
        sum[2] = place->end_line * 1000 + place->end_column;
}

static void every_statement_that_denies_is_told_with_its_place(void **state)
{
        static const char text[] = "{\"Version\":\"2012-10-17\",\"Statement\":[\n"
                                   "{\"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"*\"},\n"
                                   "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},\n"
                                   "  {\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\n"
                                   "   \"Condition\":{\"Null\":{\"aws:x\":\"true\"}}\n }]}";
        struct policy *p = parse(POLICY_IDENTITY, text);
        struct policy_context *c = context(NULL);
        struct policy_request q = {.action = "s3:GetObject", .resource = "arn:aws:s3:::b/k", .context = c};
        struct policy_verdict v;
        unsigned denies[3] = {0}, allows[3] = {0};

        (void)state;
        assert_int_equal(policy_evaluate(&v, p, &q), 0);
        assert_int_equal(v.decision, POLICY_EXPLICIT_DENY);
        assert_int_equal(v.statement, 1);
        assert_int_equal(v.n_denies, 2);
        assert_true(v.grants); // without its denies it would
        assert_int_equal(policy_each_match(p, &q, true, count_match, denies), 0);
        assert_int_equal(denies[0], 1 + 3);
        assert_int_equal(denies[1], 4003);
        assert_int_equal(denies[2], 6002);
        assert_int_equal(policy_each_match(p, &q, false, count_match, allows), 0);
        assert_int_equal(allows[0], 2);
        policy_free(p);
        policy_context_free(c);
}

static void nothing_that_applies_is_an_implicit_deny(void **state)
{
        struct policy_verdict v = evaluate(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"s3:Get*\",\"Resource\":\"*\"}"), NULL, "s3:PutObject",
                "arn:aws:s3:::b/k", NULL);

        (void)state;
        assert_int_equal(v.decision, POLICY_IMPLICIT_DENY);
        assert_int_equal(v.statement, 0);
        assert_string_equal(v.why.text, "no statement allows s3:PutObject");
}

static void explicit_deny_wins_wherever_it_stands(void **state)
{
        static const char *const orders[] = {
                P("[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},\n"
                  "{\"Effect\":\"Deny\",\"Action\":\"s3:Put*\",\"Resource\":\"*\"}]"),
                P("[{\"Effect\":\"Deny\",\"Action\":\"s3:Put*\",\"Resource\":\"*\"},\n"
                  "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]"),
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
                struct policy_verdict v =
                        evaluate(POLICY_IDENTITY, orders[i], NULL, "s3:PutObject", "arn:aws:s3:::b/k", NULL);

                assert_int_equal(v.decision, POLICY_EXPLICIT_DENY);
                assert_int_equal(v.statement, 2 - i);
                assert_int_equal(v.line, 2 - i);
                assert_int_equal(
                        evaluate(POLICY_IDENTITY, orders[i], NULL, "s3:GetObject", "arn:aws:s3:::b/k", NULL)
                                .decision,
                        POLICY_ALLOW);
        }
}

static void deny_whose_condition_does_not_hold_denies_nothing(void **state)
{
        static const char text[] =
                P("[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},{\"Effect\":\"Deny\","
                  "\"Action\":\"*\","
                  "\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}}]");

        (void)state;
        assert_int_equal(evaluate(POLICY_IDENTITY, text, NULL, "s3:x", "arn:aws:s3:::b",
                                 KEYS("aws:SecureTransport", "true"))
                                 .decision,
                POLICY_ALLOW);
        assert_int_equal(evaluate(POLICY_IDENTITY, text, NULL, "s3:x", "arn:aws:s3:::b",
                                 KEYS("aws:SecureTransport", "false"))
                                 .decision,
                POLICY_EXPLICIT_DENY);
}

static void refusal_is_explained_by_the_statement_that_came_furthest(void **state)
{
        struct policy_verdict v = evaluate(POLICY_TRUST,
                P("[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"123456789012\"},\"Action\":\"sts:*\"},\n"
                  "{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"" PROVIDER
                  "\"},\"Action\":\"sts:*\",\"Condition\":{\"StringEquals\":{\"" ISS ":sub\":\"alice\"}}},\n"
                  "{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"123456789012\"},\"Action\":\"sts:*\"}]"),
                &idp, "sts:AssumeRoleWithWebIdentity", NULL, KEYS(ISS ":sub", "bob"));

        (void)state;
        assert_int_equal(v.decision, POLICY_IMPLICIT_DENY);
        assert_string_equal(v.why.text,
                "statement on line 2: condition StringEquals on " ISS
                ":sub does not hold: the request has \"bob\", the policy says \"alice\"");
}

static void what_a_document_says_is_no_order_to_a_terminal(void **state)
{
        struct policy_verdict v = evaluate(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\",\"Condition\":{"
                  "\"StringEquals\":{\"aws:x\\u001b]0;y\":\"\\u001b[31m\"}}}"),
                &session, "s3:GetObject", "arn:aws:s3:::b/k", KEYS("aws:x\x1b]0;y", "a\xc2\x9b"));

        (void)state;
        assert_int_equal(v.decision, POLICY_IMPLICIT_DENY);
        assert_non_null(strstr(v.why.text, "aws:x?]0;y"));
        for (const char *s = v.why.text; *s; s++)
                assert_true((unsigned char)*s >= ' ' && (unsigned char)*s < 0x7f);
        v = evaluate(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\",\"Condition\":{"
                  "\"StringEquals\":{\"aws:x\\u001b]0;y\":\"1\"}}}"),
                &session, "s3:GetObject", "arn:aws:s3:::b/k", NULL);
        assert_null(strchr(v.why.text, 0x1b));
}

// ---- actions and resources ----------------------------------------------------------------------------------------

static void action_matches_without_case_and_with_wildcards(void **state)
{
        static const struct {
                const char *pattern, *action;
                bool match;
        } cases[] = {
                {"s3:GetObject", "S3:getobject", true},
                {"s3:Get*", "s3:GetObject", true},
                {"s3:Get?bject", "s3:GetObject", true},
                {"s3:*t", "s3:GetObject", true},
                {"s3:*e*b*", "s3:GetObject", true},
                {"*", "anything:AtAll", true},
                {"s3:Get", "s3:GetObject", false},
                {"s3:Get??", "s3:GetObject", false},
                {"sts:*", "s3:GetObject", false},
        };
        char text[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                snprintf(text, sizeof text, P("{\"Effect\":\"Allow\",\"Action\":\"%s\",\"Resource\":\"*\"}"),
                        cases[i].pattern);
                assert_int_equal(
                        evaluate(POLICY_IDENTITY, text, NULL, cases[i].action, "arn:aws:s3:::b", NULL)
                                        .decision == POLICY_ALLOW,
                        cases[i].match);
        }
}

static void not_action_matches_everything_else(void **state)
{
        static const char text[] =
                P("{\"Effect\":\"Allow\",\"NotAction\":[\"iam:*\",\"sts:*\"],\"Resource\":\"*\"}");

        (void)state;
        assert_int_equal(
                evaluate(POLICY_IDENTITY, text, NULL, "s3:x", "arn:aws:s3:::b", NULL).decision, POLICY_ALLOW);
        assert_int_equal(evaluate(POLICY_IDENTITY, text, NULL, "IAM:x", "arn:aws:s3:::b", NULL).decision,
                POLICY_IMPLICIT_DENY);
}

static bool resource_allowed(const char *element, const char *resource, const char *const *keys)
{
        char text[512];

        snprintf(text, sizeof text, P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",%s}"), element);
        return evaluate(POLICY_IDENTITY, text, NULL, "s3:GetObject", resource, keys).decision == POLICY_ALLOW;
}

static void resource_matches_segment_by_segment_with_case(void **state)
{
        (void)state;
        assert_true(resource_allowed("\"Resource\":\"arn:aws:s3:::b/*\"", "arn:aws:s3:::b/a/b", NULL));
        assert_true(resource_allowed("\"Resource\":\"arn:aws:sns:*:123456789012:x:*\"",
                "arn:aws:sns:eu-west-1:123456789012:x:y:z", NULL));
        assert_false(resource_allowed("\"Resource\":\"arn:aws:s3:::b/*\"", "arn:aws:s3:::B/a", NULL));
        assert_false(resource_allowed("\"Resource\":\"arn:aws:s3:::b\"", "arn:aws:s3:::b/a", NULL));
        // A star does not reach over a colon into the next segment.
        assert_false(resource_allowed("\"Resource\":\"arn:aws:s3:*::b\"", "arn:aws:s3:r:1:b", NULL));
        assert_false(resource_allowed("\"NotResource\":\"arn:aws:s3:::b/*\"", "arn:aws:s3:::b/a", NULL));
        assert_true(resource_allowed("\"NotResource\":\"arn:aws:s3:::b/*\"", "arn:aws:s3:::c/a", NULL));
}

static void question_mark_is_one_character_of_any_length(void **state)
{
        (void)state;
        assert_true(resource_allowed("\"Resource\":\"arn:aws:s3:::m?ller\"", "arn:aws:s3:::müller", NULL));
        assert_true(resource_allowed("\"Resource\":\"arn:aws:s3:::*?\"", "arn:aws:s3:::€", NULL));
        assert_false(resource_allowed("\"Resource\":\"arn:aws:s3:::a*??\"", "arn:aws:s3:::a€", NULL));
        assert_true(resource_allowed("\"Resource\":\"arn:aws:s3:::a*??\"", "arn:aws:s3:::a€€", NULL));
}

// ---- policy variables ---------------------------------------------------------------------------------------------

static void policy_variable_takes_the_requests_value_as_plain_text(void **state)
{
        static const char home[] = "\"Resource\":\"arn:aws:s3:::home/${aws:PrincipalTag/user}/*\"";

        (void)state;
        assert_true(
                resource_allowed(home, "arn:aws:s3:::home/alice/x", KEYS("aws:PrincipalTag/user", "alice")));
        assert_false(
                resource_allowed(home, "arn:aws:s3:::home/bob/x", KEYS("aws:PrincipalTag/user", "alice")));
        // What comes from the request is no pattern.
        assert_false(resource_allowed(home, "arn:aws:s3:::home/bob/x", KEYS("aws:PrincipalTag/user", "*")));
        assert_true(resource_allowed(home, "arn:aws:s3:::home/*/x", KEYS("aws:PrincipalTag/user", "*")));
        assert_false(
                resource_allowed(home, "arn:aws:s3:::home/bob/x", KEYS("aws:PrincipalTag/user", "\x01")));
}

static void policy_variable_without_value_matches_nothing_unless_it_has_a_default(void **state)
{
        (void)state;
        assert_false(resource_allowed(
                "\"Resource\":\"arn:aws:s3:::${aws:username}/*\"", "arn:aws:s3:::x/y", NULL));
        assert_true(resource_allowed(
                "\"Resource\":\"arn:aws:s3:::${aws:username, 'x'}/*\"", "arn:aws:s3:::x/y", NULL));
        assert_false(resource_allowed("\"Resource\":\"arn:aws:s3:::${aws:username, 'x'}/*\"",
                "arn:aws:s3:::x/y", KEYS("aws:username", "z")));
        // Nor does one that has several values.
        assert_false(resource_allowed("\"Resource\":\"arn:aws:s3:::${aws:TagKeys, 'a'}/*\"",
                "arn:aws:s3:::a/y", KEYS("aws:TagKeys", "a", "aws:TagKeys", "b")));
}

static void predefined_variables_stand_for_the_special_characters(void **state)
{
        (void)state;
        assert_true(
                trusts("{\"StringLike\":{\"" ISS ":sub\":\"a${*}${?}${$}*\"}}", KEYS(ISS ":sub", "a*?$b")));
        assert_false(trusts("{\"StringLike\":{\"" ISS ":sub\":\"a${*}\"}}", KEYS(ISS ":sub", "abc")));
}

static void variables_are_plain_text_in_the_old_version(void **state)
{
        static const char text[] = "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":"
                                   "\"arn:aws:s3:::${aws:username}\"}}";

        (void)state;
        assert_int_equal(evaluate(POLICY_IDENTITY, text, NULL, "s3:x", "arn:aws:s3:::${aws:username}",
                                 KEYS("aws:username", "a"))
                                 .decision,
                POLICY_ALLOW);
        assert_int_equal(
                evaluate(POLICY_IDENTITY, text, NULL, "s3:x", "arn:aws:s3:::a", KEYS("aws:username", "a"))
                        .decision,
                POLICY_IMPLICIT_DENY);
}

// ---- principals ---------------------------------------------------------------------------------------------------

static struct policy_verdict role_trusts(const char *principal, const struct policy_principal *who)
{
        char text[512];

        snprintf(text, sizeof text,
                P("{\"Effect\":\"Allow\",\"Principal\":%s,\"Action\":\"sts:AssumeRole\"}"), principal);
        return evaluate(POLICY_TRUST, text, who, "sts:AssumeRole", NULL, NULL);
}

static void principal_forms_of_a_role_session(void **state)
{
        static const struct {
                const char *principal;
                enum policy_match match;
        } cases[] = {
                {"{\"AWS\":\"123456789012\"}", POLICY_MATCH_ACCOUNT},
                {"{\"AWS\":\"arn:aws:iam::123456789012:root\"}", POLICY_MATCH_ACCOUNT},
                {"\"*\"", POLICY_MATCH_ANY},
                {"{\"AWS\":\"*\"}", POLICY_MATCH_ANY},
                {"{\"AWS\":\"arn:aws:iam::123456789012:role/dev\"}", POLICY_MATCH_ROLE},
                {"{\"AWS\":\"arn:aws:sts::123456789012:assumed-role/dev/alice\"}", POLICY_MATCH_EXACT},
                {"{\"AWS\":[\"123456789012\",\"arn:aws:iam::123456789012:role/dev\"]}", POLICY_MATCH_ROLE},
        };
        static const char *const strangers[] = {"{\"AWS\":\"999988887777\"}",
                "{\"AWS\":\"arn:aws:iam::999988887777:root\"}",
                "{\"AWS\":\"arn:aws:iam::123456789012:role/developer\"}",
                "{\"AWS\":\"arn:aws:iam::1234567890123:root\"}",
                "{\"AWS\":\"arn:aws:sts::123456789012:assumed-role/dev/bob\"}",
                "{\"Federated\":\"" PROVIDER "\"}", "{\"Service\":\"ec2.amazonaws.com\"}"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct policy_verdict v = role_trusts(cases[i].principal, &session);

                assert_int_equal(v.decision, POLICY_ALLOW);
                assert_int_equal(v.match, cases[i].match);
        }
        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
                assert_int_equal(role_trusts(strangers[i], &session).decision, POLICY_IMPLICIT_DENY);
}

static void federated_and_service_principals_are_matched_whole(void **state)
{
        static const struct policy_principal ec2 = {
                POLICY_PRINCIPAL_SERVICE, "ec2.amazonaws.com", NULL, NULL, false};

        (void)state;
        assert_int_equal(role_trusts("{\"Federated\":\"" PROVIDER "\"}", &idp).decision, POLICY_ALLOW);
        assert_int_equal(
                role_trusts("{\"Federated\":\"" PROVIDER "/x\"}", &idp).decision, POLICY_IMPLICIT_DENY);
        assert_int_equal(role_trusts("{\"AWS\":\"123456789012\"}", &idp).decision, POLICY_IMPLICIT_DENY);
        assert_int_equal(
                role_trusts("{\"Service\":[\"x.amazonaws.com\",\"ec2.amazonaws.com\"]}", &ec2).decision,
                POLICY_ALLOW);
}

static void providers_that_aws_knows_are_named_without_the_account(void **state)
{
        static const struct policy_principal google = {POLICY_PRINCIPAL_FEDERATED,
                "arn:aws:iam::123456789012:oidc-provider/accounts.google.com", NULL, "123456789012", false};

        (void)state;
        assert_int_equal(
                role_trusts("{\"Federated\":\"accounts.google.com\"}", &google).decision, POLICY_ALLOW);
        assert_int_equal(role_trusts("{\"Federated\":\"graph.facebook.com\"}", &google).decision,
                POLICY_IMPLICIT_DENY);
        assert_int_equal(
                role_trusts("{\"Service\":\"accounts.google.com\"}", &google).decision, POLICY_IMPLICIT_DENY);
        assert_int_equal(role_trusts("{\"Federated\":\"" ISS "\"}", &idp).decision, POLICY_IMPLICIT_DENY);
}

// ---- keys and memory ----------------------------------------------------------------------------------------------

static void count_key(const char *key, unsigned line, void *arg)
{
        (void)key;
        *(unsigned *)arg += line;
}

static void every_condition_key_is_listed_with_its_line(void **state)
{
        struct policy *p = parse(POLICY_TRUST, TRUST("{\"StringEquals\":{\"" ISS ":sub\":\"a\",\"" ISS
                                                     ":groups\":\"b\"},\"Null\":{\"aws:x\":\"true\"}}"));
        unsigned sum = 0;

        (void)state;
        policy_each_key(p, count_key, &sum);
        assert_int_equal(sum, 3);
        policy_free(p);
        p = parse(POLICY_IDENTITY, P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":[\"arn:aws:s3:::"
                                     "${aws:username, 'x'}/"
                                     "${aws:userid}${*}${}${\",\"*\"]}"));
        sum = 0;
        policy_each_key(p, count_key, &sum);
        assert_int_equal(sum, 2);
        policy_free(p);
}

static const char everything[] =
        P("[{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"" PROVIDER
          "\",\"AWS\":[\"123456789012\"]},"
          "\"Action\":[\"sts:AssumeRoleWithWebIdentity\",\"sts:Tag*\"],\"Condition\":{\"StringLike\":{\"" ISS
          ":sub\":[\"x\",\"${" ISS ":aud}*\"]},\"Bool\":{\"aws:SecureTransport\":true}}}]");

static int parse_and_evaluate(void)
{
        struct policy_context *c = NULL;
        struct policy *p = NULL;
        struct policy_request q = {.principal = &idp, .action = "sts:AssumeRoleWithWebIdentity"};
        struct policy_verdict v = {0};
        int r = policy_parse(&p, POLICY_TRUST, everything, sizeof everything - 1, NULL);

        if (r == 0)
                r = policy_context_new(&c);
        if (r == 0)
                r = policy_context_add(c, ISS ":sub", "alice-1");
        if (r == 0)
                r = policy_context_add(c, ISS ":aud", "alice");
        if (r == 0)
                r = policy_context_add(c, "aws:SecureTransport", "true");
        q.context = c;
        if (r == 0)
                r = policy_evaluate(&v, p, &q);
        if (r == 0)
                assert_int_equal(v.decision, POLICY_ALLOW);
        else
                assert_int_not_equal(v.decision, POLICY_ALLOW);
        policy_context_free(c);
        policy_free(p);
        return r;
}

static void memory_that_runs_out_allows_nothing_and_leaks_nothing(void **state)
{
        int r;

        (void)state;
        FAULT_EACH(300, r = parse_and_evaluate())
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(parse_and_evaluate(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(statement_may_stand_alone_or_in_a_list),
                cmocka_unit_test(document_with_anything_unknown_is_refused),
                cmocka_unit_test(error_names_the_line_of_the_statement),
                cmocka_unit_test(action_needs_a_vendor_and_has_no_strange_characters),
                cmocka_unit_test(resource_must_be_an_arn_or_star),
                cmocka_unit_test(trust_policy_has_a_principal_no_resource_and_sts_actions),
                cmocka_unit_test(condition_must_be_understood),
                cmocka_unit_test(sid_is_alphanumeric_and_unique),
                cmocka_unit_test(document_that_is_huge_or_deep_is_refused),
                cmocka_unit_test(nothing_that_applies_is_an_implicit_deny),
                cmocka_unit_test(explicit_deny_wins_wherever_it_stands),
                cmocka_unit_test(deny_whose_condition_does_not_hold_denies_nothing),
                cmocka_unit_test(refusal_is_explained_by_the_statement_that_came_furthest),
                cmocka_unit_test(what_a_document_says_is_no_order_to_a_terminal),
                cmocka_unit_test(action_matches_without_case_and_with_wildcards),
                cmocka_unit_test(not_action_matches_everything_else),
                cmocka_unit_test(resource_matches_segment_by_segment_with_case),
                cmocka_unit_test(policy_variable_takes_the_requests_value_as_plain_text),
                cmocka_unit_test(policy_variable_without_value_matches_nothing_unless_it_has_a_default),
                cmocka_unit_test(predefined_variables_stand_for_the_special_characters),
                cmocka_unit_test(variables_are_plain_text_in_the_old_version),
                cmocka_unit_test(principal_forms_of_a_role_session),
                cmocka_unit_test(federated_and_service_principals_are_matched_whole),
                cmocka_unit_test(question_mark_is_one_character_of_any_length),
                cmocka_unit_test(resource_names_a_partition_and_a_service),
                cmocka_unit_test(pattern_bytes_are_not_taken_from_the_document),
                cmocka_unit_test(principal_that_is_gone_matches_nobody),
                cmocka_unit_test(every_statement_that_denies_is_told_with_its_place),
                cmocka_unit_test(providers_that_aws_knows_are_named_without_the_account),
                cmocka_unit_test(every_condition_key_is_listed_with_its_line),
                cmocka_unit_test(memory_that_runs_out_allows_nothing_and_leaks_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
