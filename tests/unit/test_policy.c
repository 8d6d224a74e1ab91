// SPDX-License-Identifier: Apache-2.0
//
// IAM's rules one by one: what a document must look like, and what it says of a request. Each test is named
// after the rule it holds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "fault.h"
#include "policy.h"

#define P(statements) "{\"Version\":\"2012-10-17\",\"Statement\":" statements "}"
#define ISS           "idp.example.com/oidc"
#define PROVIDER      "arn:aws:iam::123456789012:oidc-provider/" ISS
#define TRUST(condition)                                                                                     \
        P("{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"" PROVIDER                                   \
          "\"},\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":" condition "}")

// ---- helpers ------------------------------------------------------------------------------------------------------

static struct policy *parse(enum policy_kind kind, const char *text)
{
        struct policy *p = NULL;
        struct err err = ERR_INIT;

        if (policy_parse(&p, kind, text, strlen(text), &err) != 0)
                fail_msg("refused: %s", err.text);
        return p;
}

static void assert_refused(enum policy_kind kind, const char *text, const char *reason)
{
        struct policy *p = NULL;
        struct err err = ERR_INIT;

        assert_int_equal(policy_parse(&p, kind, text, strlen(text), &err), -EBADMSG);
        assert_null(p);
        if (!strstr(err.text, reason))
                fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
}

// keys: "name", "value", …, NULL; a name may come again.
static struct policy_context *context(const char *const *keys)
{
        struct policy_context *c = NULL;

        assert_int_equal(policy_context_new(&c), 0);
        for (; keys && *keys; keys += 2)
                assert_int_equal(policy_context_add(c, keys[0], keys[1]), 0);
        return c;
}

static struct policy_verdict evaluate(enum policy_kind kind, const char *text,
        const struct policy_principal *principal, const char *action, const char *resource,
        const char *const *keys)
{
        struct policy_context *c = context(keys);
        struct policy *p = parse(kind, text);
        struct policy_request q = {principal, action, resource, c};
        struct policy_verdict v;

        assert_int_equal(policy_evaluate(&v, p, &q), 0);
        policy_free(p);
        policy_context_free(c);
        return v;
}

static const struct policy_principal idp = {POLICY_PRINCIPAL_FEDERATED, PROVIDER, NULL, "123456789012"};
static const struct policy_principal session = {POLICY_PRINCIPAL_AWS,
        "arn:aws:sts::123456789012:assumed-role/dev/alice", "arn:aws:iam::123456789012:role/dev",
        "123456789012"};

// A trust policy with this condition, asked about a web identity.
static bool trusts(const char *condition, const char *const *keys)
{
        char text[4096];

        snprintf(text, sizeof text,
                P("{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"" PROVIDER
                  "\"},\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":%s}"),
                condition);
        return evaluate(POLICY_TRUST, text, &idp, "sts:AssumeRoleWithWebIdentity", NULL, keys).decision ==
               POLICY_ALLOW;
}

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

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
}

static void resource_must_be_an_arn_or_star(void **state)
{
        (void)state;
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"bucket\"}"), "ARN format");
        assert_refused(POLICY_IDENTITY, P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\"}"), "either Resource");
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
        assert_false(resource_allowed("\"Resource\":\"arn:aws:*:::b\"", "arn:aws:s3:r:1:b", NULL));
        assert_false(resource_allowed("\"NotResource\":\"arn:aws:s3:::b/*\"", "arn:aws:s3:::b/a", NULL));
        assert_true(resource_allowed("\"NotResource\":\"arn:aws:s3:::b/*\"", "arn:aws:s3:::c/a", NULL));
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
                POLICY_PRINCIPAL_SERVICE, "ec2.amazonaws.com", NULL, NULL};

        (void)state;
        assert_int_equal(role_trusts("{\"Federated\":\"" PROVIDER "\"}", &idp).decision, POLICY_ALLOW);
        assert_int_equal(
                role_trusts("{\"Federated\":\"" PROVIDER "/x\"}", &idp).decision, POLICY_IMPLICIT_DENY);
        assert_int_equal(role_trusts("{\"AWS\":\"123456789012\"}", &idp).decision, POLICY_IMPLICIT_DENY);
        assert_int_equal(
                role_trusts("{\"Service\":[\"x.amazonaws.com\",\"ec2.amazonaws.com\"]}", &ec2).decision,
                POLICY_ALLOW);
}

// ---- condition operators ------------------------------------------------------------------------------------------

static void string_operators(void **state)
{
        (void)state;
        assert_true(trusts("{\"StringEquals\":{\"" ISS ":sub\":\"alice\"}}", KEYS(ISS ":sub", "alice")));
        assert_false(trusts("{\"StringEquals\":{\"" ISS ":sub\":\"alice\"}}", KEYS(ISS ":sub", "Alice")));
        assert_false(trusts("{\"StringEquals\":{\"" ISS ":sub\":\"ali*\"}}", KEYS(ISS ":sub", "alice")));
        assert_true(trusts(
                "{\"StringEqualsIgnoreCase\":{\"" ISS ":sub\":\"ALICE\"}}", KEYS(ISS ":sub", "alice")));
        assert_false(trusts("{\"StringNotEquals\":{\"" ISS ":sub\":\"alice\"}}", KEYS(ISS ":sub", "alice")));
        assert_true(trusts("{\"StringNotEquals\":{\"" ISS ":sub\":\"alice\"}}", KEYS(ISS ":sub", "bob")));
        assert_false(trusts(
                "{\"StringNotEqualsIgnoreCase\":{\"" ISS ":sub\":\"ALICE\"}}", KEYS(ISS ":sub", "alice")));
        assert_true(trusts("{\"StringLike\":{\"" ISS ":sub\":\"repo:org/*:ref:refs/heads/mai?\"}}",
                KEYS(ISS ":sub", "repo:org/x:ref:refs/heads/main")));
        assert_false(
                trusts("{\"StringLike\":{\"" ISS ":sub\":\"repo:org/*\"}}", KEYS(ISS ":sub", "repo:Org/x")));
        assert_false(trusts("{\"StringNotLike\":{\"" ISS ":sub\":\"a*\"}}", KEYS(ISS ":sub", "alice")));
}

static void values_are_alternatives_keys_and_operators_all_have_to_hold(void **state)
{
        static const char both[] = "{\"StringEquals\":{\"" ISS ":sub\":[\"a\",\"b\"],\"" ISS ":aud\":\"c\"},"
                                   "\"StringLike\":{\"sts:RoleSessionName\":\"s*\"}}";

        (void)state;
        assert_true(trusts(both, KEYS(ISS ":sub", "b", ISS ":aud", "c", "sts:RoleSessionName", "session")));
        assert_false(trusts(both, KEYS(ISS ":sub", "x", ISS ":aud", "c", "sts:RoleSessionName", "session")));
        assert_false(trusts(both, KEYS(ISS ":sub", "b", ISS ":aud", "x", "sts:RoleSessionName", "session")));
        assert_false(trusts(both, KEYS(ISS ":sub", "b", ISS ":aud", "c", "sts:RoleSessionName", "x")));
        // Of a negated operator no value may match.
        assert_false(trusts("{\"StringNotEquals\":{\"" ISS ":sub\":[\"a\",\"b\"]}}", KEYS(ISS ":sub", "b")));
        assert_true(trusts("{\"StringNotEquals\":{\"" ISS ":sub\":[\"a\",\"b\"]}}", KEYS(ISS ":sub", "c")));
}

static void key_names_have_no_case(void **state)
{
        (void)state;
        assert_true(trusts(
                "{\"StringEquals\":{\"AWS:requesttag/Team\":\"x\"}}", KEYS("aws:RequestTag/team", "x")));
}

static void absent_key_fails_all_but_the_negated_operators(void **state)
{
        (void)state;
        assert_false(trusts("{\"StringEquals\":{\"" ISS ":groups\":\"x\"}}", NULL));
        assert_false(trusts("{\"StringLike\":{\"" ISS ":groups\":\"*\"}}", NULL));
        assert_false(trusts("{\"NumericLessThan\":{\"aws:x\":5}}", NULL));
        assert_false(trusts("{\"Bool\":{\"aws:x\":\"false\"}}", NULL));
        assert_false(trusts("{\"IpAddress\":{\"aws:x\":\"0.0.0.0/0\"}}", NULL));
        assert_true(trusts("{\"StringNotEquals\":{\"" ISS ":groups\":\"x\"}}", NULL));
        assert_true(trusts("{\"StringNotLike\":{\"" ISS ":groups\":\"*\"}}", NULL));
        assert_true(trusts("{\"NotIpAddress\":{\"aws:x\":\"0.0.0.0/0\"}}", NULL));
        assert_true(trusts("{\"ArnNotLike\":{\"aws:x\":\"arn:aws:iam::1:role/x\"}}", NULL));
}

static void if_exists_forgives_an_absent_key_only(void **state)
{
        (void)state;
        assert_true(trusts("{\"StringEqualsIfExists\":{\"" ISS ":amr\":\"mfa\"}}", NULL));
        assert_true(trusts("{\"StringEqualsIfExists\":{\"" ISS ":amr\":\"mfa\"}}", KEYS(ISS ":amr", "mfa")));
        assert_false(trusts("{\"StringEqualsIfExists\":{\"" ISS ":amr\":\"mfa\"}}", KEYS(ISS ":amr", "pwd")));
        assert_true(trusts("{\"ForAnyValue:StringEqualsIfExists\":{\"" ISS ":amr\":\"mfa\"}}", NULL));
}

static void for_any_value_wants_one_of_the_requests_values(void **state)
{
        (void)state;
        assert_true(trusts("{\"ForAnyValue:StringEquals\":{\"" ISS ":amr\":[\"mfa\",\"otp\"]}}",
                KEYS(ISS ":amr", "pwd", ISS ":amr", "otp")));
        assert_false(trusts("{\"ForAnyValue:StringEquals\":{\"" ISS ":amr\":\"mfa\"}}",
                KEYS(ISS ":amr", "pwd", ISS ":amr", "otp")));
        assert_false(trusts("{\"ForAnyValue:StringEquals\":{\"" ISS ":amr\":\"mfa\"}}", NULL));
        // Negated: one of them that differs from every value of the policy.
        assert_true(trusts("{\"ForAnyValue:StringNotEquals\":{\"" ISS ":amr\":\"pwd\"}}",
                KEYS(ISS ":amr", "pwd", ISS ":amr", "otp")));
        assert_false(trusts(
                "{\"ForAnyValue:StringNotEquals\":{\"" ISS ":amr\":\"pwd\"}}", KEYS(ISS ":amr", "pwd")));
        assert_false(trusts("{\"ForAnyValue:StringNotEquals\":{\"" ISS ":amr\":\"pwd\"}}", NULL));
}

static void for_all_values_wants_each_of_them_and_is_true_of_none(void **state)
{
        (void)state;
        assert_true(trusts("{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"team\",\"cost\"]}}",
                KEYS("aws:TagKeys", "team", "aws:TagKeys", "cost")));
        assert_false(trusts("{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"team\"]}}",
                KEYS("aws:TagKeys", "team", "aws:TagKeys", "cost")));
        assert_true(trusts("{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"team\"]}}", NULL));
        assert_false(trusts("{\"ForAllValues:StringNotEquals\":{\"aws:TagKeys\":[\"team\"]}}",
                KEYS("aws:TagKeys", "team", "aws:TagKeys", "cost")));
}

static void null_asks_whether_the_key_is_there(void **state)
{
        (void)state;
        assert_true(trusts("{\"Null\":{\"aws:TagKeys\":\"true\"}}", NULL));
        assert_false(trusts("{\"Null\":{\"aws:TagKeys\":\"true\"}}", KEYS("aws:TagKeys", "team")));
        assert_true(trusts("{\"Null\":{\"aws:TagKeys\":false}}", KEYS("aws:TagKeys", "team")));
        assert_false(trusts("{\"Null\":{\"aws:TagKeys\":false}}", NULL));
}

static void numeric_operators(void **state)
{
        (void)state;
        assert_true(trusts("{\"NumericEquals\":{\"aws:n\":10}}", KEYS("aws:n", "10.0")));
        assert_false(trusts("{\"NumericNotEquals\":{\"aws:n\":\"10\"}}", KEYS("aws:n", "10")));
        assert_true(trusts("{\"NumericLessThan\":{\"aws:n\":10}}", KEYS("aws:n", "9.5")));
        assert_false(trusts("{\"NumericLessThan\":{\"aws:n\":10}}", KEYS("aws:n", "10")));
        assert_true(trusts("{\"NumericLessThanEquals\":{\"aws:n\":10}}", KEYS("aws:n", "10")));
        assert_true(trusts("{\"NumericGreaterThan\":{\"aws:n\":-1}}", KEYS("aws:n", "0")));
        assert_true(trusts("{\"NumericGreaterThanEquals\":{\"aws:n\":0.5}}", KEYS("aws:n", "0.5")));
        assert_false(trusts("{\"NumericGreaterThanEquals\":{\"aws:n\":0}}", KEYS("aws:n", "ten")));
        assert_false(trusts("{\"NumericLessThan\":{\"aws:n\":10}}", KEYS("aws:n", "nan")));
}

static void date_operators(void **state)
{
        (void)state;
        assert_true(trusts("{\"DateLessThan\":{\"aws:CurrentTime\":\"2026-11-22T02:22:04Z\"}}",
                KEYS("aws:CurrentTime", "2026-11-22T02:22:03Z")));
        assert_false(trusts("{\"DateLessThan\":{\"aws:CurrentTime\":\"2026-11-22\"}}",
                KEYS("aws:CurrentTime", "2026-11-22T00:00:00Z")));
        assert_true(trusts("{\"DateLessThanEquals\":{\"aws:CurrentTime\":\"2026-11-22\"}}",
                KEYS("aws:CurrentTime", "2026-11-22T00:00:00Z")));
        assert_true(
                trusts("{\"DateGreaterThan\":{\"aws:EpochTime\":\"1000\"}}", KEYS("aws:EpochTime", "1001")));
        assert_true(trusts("{\"DateGreaterThanEquals\":{\"aws:CurrentTime\":1795314124}}",
                KEYS("aws:CurrentTime", "2026-11-22T02:22:04Z")));
        assert_true(trusts("{\"DateEquals\":{\"aws:CurrentTime\":1795314124}}",
                KEYS("aws:CurrentTime", "2026-11-22T02:22:04Z")));
        assert_false(trusts("{\"DateNotEquals\":{\"aws:CurrentTime\":1795314124}}",
                KEYS("aws:CurrentTime", "2026-11-22T02:22:04Z")));
}

static void bool_operator(void **state)
{
        (void)state;
        assert_true(trusts("{\"Bool\":{\"aws:SecureTransport\":true}}", KEYS("aws:SecureTransport", "true")));
        assert_true(
                trusts("{\"Bool\":{\"aws:SecureTransport\":\"TRUE\"}}", KEYS("aws:SecureTransport", "true")));
        assert_false(trusts(
                "{\"Bool\":{\"aws:SecureTransport\":\"true\"}}", KEYS("aws:SecureTransport", "false")));
        assert_false(trusts(
                "{\"Bool\":{\"aws:SecureTransport\":\"false\"}}", KEYS("aws:SecureTransport", "perhaps")));
}

static void ip_address_operators(void **state)
{
        (void)state;
        assert_true(trusts(
                "{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.0/25\"}}", KEYS("aws:SourceIp", "192.0.2.127")));
        assert_false(trusts(
                "{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.0/25\"}}", KEYS("aws:SourceIp", "192.0.2.128")));
        assert_true(trusts(
                "{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.1\"}}", KEYS("aws:SourceIp", "192.0.2.1")));
        assert_true(trusts("{\"IpAddress\":{\"aws:SourceIp\":\"2001:db8::/33\"}}",
                KEYS("aws:SourceIp", "2001:db8:7fff::1")));
        assert_false(trusts("{\"IpAddress\":{\"aws:SourceIp\":\"2001:db8::/33\"}}",
                KEYS("aws:SourceIp", "2001:db8:8000::1")));
        assert_false(trusts(
                "{\"IpAddress\":{\"aws:SourceIp\":\"0.0.0.0/0\"}}", KEYS("aws:SourceIp", "2001:db8::1")));
        assert_false(trusts(
                "{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.0/24\"}}", KEYS("aws:SourceIp", "nonsense")));
        assert_false(trusts(
                "{\"NotIpAddress\":{\"aws:SourceIp\":\"192.0.2.0/24\"}}", KEYS("aws:SourceIp", "192.0.2.1")));
}

static void arn_operators_compare_segments_and_both_know_wildcards(void **state)
{
        static const char arn[] = "arn:aws:iam::123456789012:role/team/dev";

        (void)state;
        assert_true(trusts("{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::*:role/team/*\"}}",
                KEYS("aws:PrincipalArn", arn)));
        assert_true(trusts("{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::123456789012:role/*\"}}",
                KEYS("aws:PrincipalArn", arn)));
        assert_false(trusts("{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:*:role/team/dev\"}}",
                KEYS("aws:PrincipalArn", arn)));
        assert_false(trusts("{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::123456789012:role/*\"}}",
                KEYS("aws:PrincipalArn", "role/x")));
        assert_false(trusts("{\"ArnNotEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::*:role/team/*\"}}",
                KEYS("aws:PrincipalArn", arn)));
        assert_true(trusts("{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::${aws:PrincipalAccount}:role/"
                           "team/dev\"}}",
                KEYS("aws:PrincipalArn", arn, "aws:PrincipalAccount", "123456789012")));
}

static void binary_operator_compares_bytes(void **state)
{
        (void)state;
        assert_true(trusts("{\"BinaryEquals\":{\"aws:k\":\"QmluYXJ5\"}}", KEYS("aws:k", "QmluYXJ5")));
        assert_false(trusts("{\"BinaryEquals\":{\"aws:k\":\"QmluYXJ5\"}}", KEYS("aws:k", "qmluyxj5")));
}

static void stars_upon_stars_end_in_time(void **state)
{
        char pattern[2001], value[2001], condition[2100];

        (void)state;
        for (size_t i = 0; i < 2000; i++)
                pattern[i] = i % 2 ? 'a' : '*';
        memset(value, 'a', 2000);
        pattern[2000] = 0;
        value[1999] = 'b';
        value[2000] = 0;
        snprintf(condition, sizeof condition, "{\"StringLike\":{\"" ISS ":sub\":\"%s\"}}", pattern);
        assert_false(trusts(condition, KEYS(ISS ":sub", value)));
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
        struct policy_request q = {&idp, "sts:AssumeRoleWithWebIdentity", NULL, NULL};
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
                cmocka_unit_test(action_matches_without_case_and_with_wildcards),
                cmocka_unit_test(not_action_matches_everything_else),
                cmocka_unit_test(resource_matches_segment_by_segment_with_case),
                cmocka_unit_test(policy_variable_takes_the_requests_value_as_plain_text),
                cmocka_unit_test(policy_variable_without_value_matches_nothing_unless_it_has_a_default),
                cmocka_unit_test(predefined_variables_stand_for_the_special_characters),
                cmocka_unit_test(variables_are_plain_text_in_the_old_version),
                cmocka_unit_test(principal_forms_of_a_role_session),
                cmocka_unit_test(federated_and_service_principals_are_matched_whole),
                cmocka_unit_test(string_operators),
                cmocka_unit_test(values_are_alternatives_keys_and_operators_all_have_to_hold),
                cmocka_unit_test(key_names_have_no_case),
                cmocka_unit_test(absent_key_fails_all_but_the_negated_operators),
                cmocka_unit_test(if_exists_forgives_an_absent_key_only),
                cmocka_unit_test(for_any_value_wants_one_of_the_requests_values),
                cmocka_unit_test(for_all_values_wants_each_of_them_and_is_true_of_none),
                cmocka_unit_test(null_asks_whether_the_key_is_there),
                cmocka_unit_test(numeric_operators),
                cmocka_unit_test(date_operators),
                cmocka_unit_test(bool_operator),
                cmocka_unit_test(ip_address_operators),
                cmocka_unit_test(arn_operators_compare_segments_and_both_know_wildcards),
                cmocka_unit_test(binary_operator_compares_bytes),
                cmocka_unit_test(stars_upon_stars_end_in_time),
                cmocka_unit_test(every_condition_key_is_listed_with_its_line),
                cmocka_unit_test(memory_that_runs_out_allows_nothing_and_leaks_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
