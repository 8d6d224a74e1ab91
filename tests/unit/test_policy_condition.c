// SPDX-License-Identifier: Apache-2.0
//
// Condition operators rule by rule (IAM user guide, "Condition operators" and "Multivalued context keys").
#include "policy_case.h"

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

static void empty_value_is_no_value_to_a_set_qualifier(void **state)
{
        (void)state;
        assert_true(trusts(
                "{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"team\"]}}", KEYS("aws:TagKeys", "")));
        assert_false(
                trusts("{\"ForAnyValue:StringLike\":{\"aws:TagKeys\":[\"*\"]}}", KEYS("aws:TagKeys", "")));
        assert_false(trusts(
                "{\"ForAnyValue:StringLikeIfExists\":{\"aws:TagKeys\":[\"*\"]}}", KEYS("aws:TagKeys", "")));
        assert_true(trusts("{\"StringEquals\":{\"aws:TagKeys\":[\"\"]}}", KEYS("aws:TagKeys", "")));
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

static void dates_are_w3c_forms_or_epoch_seconds(void **state)
{
        static const char *const same[] = {"2026-11-22T02:22:04Z", "2026-11-22t02:22:04z",
                "2026-11-22T02:22:04.9Z", "2026-11-22T03:22:04+01", "2026-11-21T16:52:04-09:30",
                "1795314124"};
        static const char *const none[] = {"2026", "2026-13", "2026-11-31", "2026-11-22T02",
                "2026-11-22T02:22", "2026-11-22T02:22:04", "2026-11-22T2:22:04Z", "2026-11-22T02:22:04+1",
                "2026-11-22T02:22:04+01:5", "2026-11-22T02:22:04+24", "2026-11-22Z", "9223372036854775808",
                "", "-", "2026-11-22T02:22:04.Z"};
        char text[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
                snprintf(text, sizeof text, "{\"DateEquals\":{\"aws:CurrentTime\":\"%s\"}}", same[i]);
                assert_true(trusts(text, KEYS("aws:CurrentTime", "2026-11-22T02:22:04Z")));
        }
        for (size_t i = 0; i < ARRAY_SIZE(none); i++)
                assert_false(trusts("{\"DateEquals\":{\"aws:CurrentTime\":\"2026-11-22T02:22:04Z\"}}",
                        KEYS("aws:CurrentTime", none[i])));
        assert_true(trusts("{\"DateEquals\":{\"aws:CurrentTime\":\"2026-11\"}}",
                KEYS("aws:CurrentTime", "2026-11-01T00:00:00Z")));
        assert_true(trusts(
                "{\"DateLessThan\":{\"aws:CurrentTime\":\"1970-01-01\"}}", KEYS("aws:CurrentTime", "-1")));
}

static void bool_operator(void **state)
{
        (void)state;
        assert_true(trusts("{\"Bool\":{\"aws:SecureTransport\":\"${aws:PrincipalTag/tls}\"}}",
                KEYS("aws:SecureTransport", "true", "aws:PrincipalTag/tls", "true")));
        assert_false(trusts("{\"Bool\":{\"aws:SecureTransport\":\"${aws:PrincipalTag/tls}\"}}",
                KEYS("aws:SecureTransport", "true", "aws:PrincipalTag/tls", "false")));
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
        assert_true(trusts("{\"BinaryEquals\":{\"aws:k\":\"QQ==\"}}", KEYS("aws:k", "QQ")));
        assert_false(trusts("{\"BinaryEquals\":{\"aws:k\":\"QQ==\"}}", KEYS("aws:k", "QQ=")));
        assert_false(trusts("{\"BinaryEquals\":{\"aws:k\":\"QUFB\"}}", KEYS("aws:k", "QUE=")));
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(string_operators),
                cmocka_unit_test(values_are_alternatives_keys_and_operators_all_have_to_hold),
                cmocka_unit_test(key_names_have_no_case),
                cmocka_unit_test(absent_key_fails_all_but_the_negated_operators),
                cmocka_unit_test(if_exists_forgives_an_absent_key_only),
                cmocka_unit_test(for_any_value_wants_one_of_the_requests_values),
                cmocka_unit_test(for_all_values_wants_each_of_them_and_is_true_of_none),
                cmocka_unit_test(empty_value_is_no_value_to_a_set_qualifier),
                cmocka_unit_test(null_asks_whether_the_key_is_there),
                cmocka_unit_test(numeric_operators),
                cmocka_unit_test(date_operators),
                cmocka_unit_test(dates_are_w3c_forms_or_epoch_seconds),
                cmocka_unit_test(bool_operator),
                cmocka_unit_test(ip_address_operators),
                cmocka_unit_test(arn_operators_compare_segments_and_both_know_wildcards),
                cmocka_unit_test(binary_operator_compares_bytes),
                cmocka_unit_test(stars_upon_stars_end_in_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
