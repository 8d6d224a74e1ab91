// SPDX-License-Identifier: Apache-2.0
//
// What we send to STS and where: forms to the byte, limits to the character, endpoints by partition.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>

#include "fault.h"
#include "sts.h"

#define PARTITIONS "/usr/lib/python3/dist-packages/botocore/data/partitions.json"

#define ARN "arn:aws:iam::123456789012:role/dev"

static int request(struct buf *b, const char *token, struct sts_web_identity q, struct err *err)
{
        struct secret *s = NULL;
        int r;

        if (token && secret_new_str(&s, token) < 0)
                return -ENOMEM;
        q.token = s;
        buf_reset(b);
        r = sts_web_identity_request(b, &q, err);
        secret_free(s);
        return r;
}

static void forms(void **state)
{
        static const char *const arns[] = {
                "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::123456789012:policy/p", NULL};
        cleanup_buf struct buf b = BUF_INIT(1 << 16);

        (void)state;
        assert_int_equal(
                request(&b, " \teyJ.a.b\r\n",
                        (struct sts_web_identity){.role_arn = ARN, .session_name = "alice@example.com"},
                        NULL),
                0);
        assert_string_equal(buf_str(&b), "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%"
                                         "3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdev"
                                         "&RoleSessionName=alice%40example.com&WebIdentityToken=eyJ.a.b");
        assert_int_equal(request(&b, "eyJ.a.b",
                                 (struct sts_web_identity){.role_arn = ARN,
                                         .session_name = "al",
                                         .duration_s = 3600,
                                         .policy = "{\"a\": 1}",
                                         .policy_arns = arns},
                                 NULL),
                0);
        assert_non_null(strstr(buf_str(&b),
                "&DurationSeconds=3600&Policy=%7B%22a%22%3A%201%7D"
                "&PolicyArns.member.1.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FReadOnlyAccess"
                "&PolicyArns.member.2.arn=arn%3Aaws%3Aiam%3A%3A123456789012%3Apolicy%2Fp"));
}

static void limits(void **state)
{
        static const char *const eleven[] = {ARN, ARN, ARN, ARN, ARN, ARN, ARN, ARN, ARN, ARN, ARN, NULL};
        static const char *const shorter[] = {"arn", NULL};
        static char token[20002], policy[2050];
        const struct sts_web_identity good = {.role_arn = ARN, .session_name = "al"};
        struct {
                const char *token, *says;
                struct sts_web_identity q;
        } bad[] = {
                {"eyJ.", "role ARN", {.session_name = "al"}},
                {"eyJ.", "role ARN", {.role_arn = "arn:aws:iam::123456789012:user/x", .session_name = "al"}},
                {"eyJ.", "session name", {.role_arn = ARN}},
                {"eyJ.", "session name", {.role_arn = ARN, .session_name = "a"}},
                {"eyJ.", "session name", {.role_arn = ARN, .session_name = "a b"}},
                {"eyJ.", "session name",
                        {.role_arn = ARN,
                                .session_name =
                                        "12345678901234567890123456789012345678901234567890123456789012345"}},
                {NULL, "token", good},
                {"  abc  ", "token", good},
                {token, "token", good},
                {"eyJ.", "duration", {.role_arn = ARN, .session_name = "al", .duration_s = 43201}},
                {"eyJ.", "duration", {.role_arn = ARN, .session_name = "al", .duration_s = -1}},
                {"eyJ.", "policy", {.role_arn = ARN, .session_name = "al", .policy = ""}},
                {"eyJ.", "policy", {.role_arn = ARN, .session_name = "al", .policy = policy}},
                {"eyJ.", "policy ARN", {.role_arn = ARN, .session_name = "al", .policy_arns = eleven}},
                {"eyJ.", "policy ARN", {.role_arn = ARN, .session_name = "al", .policy_arns = shorter}},
        };
        cleanup_buf struct buf b = BUF_INIT(1 << 16);

        (void)state;
        memset(token, 't', sizeof token - 1);
        memset(policy, 'p', sizeof policy - 1);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                assert_int_equal(request(&b, bad[i].token, bad[i].q, &err), -EINVAL);
                if (!strstr(err.text, bad[i].says))
                        fail_msg("case %zu says: %s", i, err.text);
                assert_int_equal(b.n, 0);
        }
        token[20000] = 0;
        assert_int_equal(request(&b, token, good, NULL), 0);
        // 2048 characters, not bytes
        memset(policy, 0, sizeof policy);
        for (size_t i = 0; i < 1024; i++)
                memcpy(policy + 2 * i, "\xc3\xbc", 2);
        assert_int_equal(
                request(&b, "eyJ.",
                        (struct sts_web_identity){.role_arn = ARN, .session_name = "al", .policy = policy},
                        NULL),
                0);
}

static void session_names(void **state)
{
        static const struct {
                const char *in, *out;
        } names[] = {
                {"alice@example.com", "alice@example.com"},
                {"a_+=,.@-Z9", "a_+=,.@-Z9"},
                {"", "--"},
                {"a", "a-"},
                {"a b/c", "a-b-c"},
                {"Gr\xc3\xbc\xc3\x9f", "Gr--"},
                {"\xf0\x9f\x98\x80", "--"},
                {"a\nb", "a-b"},
                {"0123456789012345678901234567890123456789012345678901234567890123xyz",
                        "0123456789012345678901234567890123456789012345678901234-2f7e0049"},
                {"0123456789012345678901234567890123456789012345678901234567890123",
                        "0123456789012345678901234567890123456789012345678901234567890123"},
        };
        char out[STS_SESSION_NAME_MAX + 1];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                assert_int_equal(sts_session_name(out, names[i].in), 0);
                assert_string_equal(out, names[i].out);
        }
        for (int c = 1; c < 256; c++) {
                cleanup_buf struct buf b = BUF_INIT(4096);
                const char s[] = {'x', (char)c, 'x', 0};

                assert_int_equal(sts_session_name(out, s), 0);
                assert_int_equal(
                        request(&b, "eyJ.", (struct sts_web_identity){.role_arn = ARN, .session_name = out},
                                NULL),
                        0);
        }
}

static void role_arns(void **state)
{
        static const char *const bad[] = {"", "arn", "arn:aws:iam::123456789012:user/dev",
                "arn:aws:iam::12345678901:role/dev", "arn:aws:iam::1234567890123:role/dev",
                "arn:aws:iam::12345678901x:role/dev", "arn:aws:iam:us-east-1:123456789012:role/dev",
                "arn:aws:sts::123456789012:role/dev", "arn::iam::123456789012:role/dev",
                "arn:AWS:iam::123456789012:role/dev", "arn:aws:iam::123456789012:role/",
                "arn:aws:iam::123456789012:role/a/", "arn:aws:iam::123456789012:role/a b",
                "arn:aws:iam::123456789012:role/a:b", "arn:aws:iam::123456789012:role/\xc3\xbc",
                "arn:aws:iam::123456789012:roles/dev", "arn:aws:iam::123456789012:role/dev\n",
                " arn:aws:iam::123456789012:role/dev",
                "arn:aws:iam::123456789012:role/"
                "12345678901234567890123456789012345678901234567890123456789012345",
                "arn:seventeenletters-x:iam::123456789012:role/dev"};
        char partition[17], account[13], name[65];

        (void)state;
        assert_int_equal(sts_role_arn_parse("arn:aws-us-gov:iam::123456789012:role/path/to/dev_+=,.@-1",
                                 partition, account, name),
                0);
        assert_string_equal(partition, "aws-us-gov");
        assert_string_equal(account, "123456789012");
        assert_string_equal(name, "dev_+=,.@-1");
        assert_int_equal(sts_role_arn_parse("arn:aws:iam:::role/S3Access", partition, account, name), 0);
        assert_string_equal(account, "");
        assert_string_equal(name, "S3Access");
        assert_int_equal(sts_role_arn_parse(ARN, NULL, NULL, NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (sts_role_arn_parse(bad[i], NULL, NULL, NULL) != -EINVAL)
                        fail_msg("taken: %s", bad[i]);
}

static void endpoints(void **state)
{
        static const struct {
                const char *region, *url, *partition;
        } good[] = {
                {"eu-central-1", "https://sts.eu-central-1.amazonaws.com", "aws"},
                {"us-east-1", "https://sts.us-east-1.amazonaws.com", "aws"},
                {"mx-central-1", "https://sts.mx-central-1.amazonaws.com", "aws"},
                {"zz-newplace-12", "https://sts.zz-newplace-12.amazonaws.com", "aws"},
                {"cn-northwest-1", "https://sts.cn-northwest-1.amazonaws.com.cn", "aws-cn"},
                {"us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com", "aws-us-gov"},
                {"us-iso-east-1", "https://sts.us-iso-east-1.c2s.ic.gov", "aws-iso"},
                {"us-isob-east-1", "https://sts.us-isob-east-1.sc2s.sgov.gov", "aws-iso-b"},
                {"eu-isoe-west-1", "https://sts.eu-isoe-west-1.cloud.adc-e.uk", "aws-iso-e"},
                {"us-isof-south-1", "https://sts.us-isof-south-1.csp.hci.ic.gov", "aws-iso-f"},
                {"eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu", "aws-eusc"},
        };
        static const char *const bad[] = {"", "eu", "eu-1", "eu-central", "eu-central-", "eu-central-1a",
                "EU-central-1", "eu--central-1", "-eu-central-1", "eu-central-1-",
                "eu-central-1.evil.example/", "eu_central_1", "aws-global", "eu-central-1\n", "eu central-1",
                "abcdefghijklmnopqrstuvwxyz-abcdefghij-1"};
        cleanup_buf struct buf b = BUF_INIT(256);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                buf_reset(&b);
                assert_int_equal(sts_endpoint(&b, good[i].region, 0), 0);
                assert_string_equal(buf_str(&b), good[i].url);
                assert_string_equal(sts_region_partition(good[i].region), good[i].partition);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                if (sts_endpoint(&b, bad[i], 0) != -EINVAL)
                        fail_msg("taken: %s", bad[i]);
                assert_null(sts_region_partition(bad[i]));
        }
}

// FIPS and dual-stack hosts are put together by the rules of botocore's data/sts/…/endpoint-rule-set-1.json.
static void endpoint_variants(void **state _unused_)
{
        static const struct {
                const char *region;
                unsigned variant;
                const char *url;
        } good[] = {
                {"us-east-1", STS_FIPS, "https://sts-fips.us-east-1.amazonaws.com"},
                {"us-east-1", STS_DUAL_STACK, "https://sts.us-east-1.api.aws"},
                {"us-east-1", STS_FIPS | STS_DUAL_STACK, "https://sts-fips.us-east-1.api.aws"},
                {"us-gov-west-1", STS_FIPS, "https://sts.us-gov-west-1.amazonaws.com"},
                {"us-gov-west-1", STS_FIPS | STS_DUAL_STACK, "https://sts-fips.us-gov-west-1.api.aws"},
                {"cn-north-1", STS_FIPS, "https://sts-fips.cn-north-1.amazonaws.com.cn"},
                {"cn-north-1", STS_DUAL_STACK, "https://sts.cn-north-1.api.amazonwebservices.com.cn"},
                {"eusc-de-east-1", STS_FIPS, "https://sts-fips.eusc-de-east-1.amazonaws.eu"},
                {"eusc-de-east-1", STS_DUAL_STACK, "https://sts.eusc-de-east-1.api.amazonwebservices.eu"},
                {"us-iso-east-1", STS_DUAL_STACK, "https://sts.us-iso-east-1.api.aws.ic.gov"},
                {"us-isob-east-1", STS_DUAL_STACK, "https://sts.us-isob-east-1.api.aws.scloud"},
                {"eu-isoe-west-1", STS_DUAL_STACK, "https://sts.eu-isoe-west-1.api.cloud-aws.adc-e.uk"},
                {"us-isof-south-1", STS_DUAL_STACK, "https://sts.us-isof-south-1.api.aws.hci.ic.gov"},
        };
        cleanup_buf struct buf b = BUF_INIT(256);

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                buf_reset(&b);
                assert_int_equal(sts_endpoint(&b, good[i].region, good[i].variant), 0);
                assert_string_equal(buf_str(&b), good[i].url);
        }
}

// Every region botocore knows is in the partition and under the suffix botocore says.
static void regions_are_where_botocore_has_them(void **state)
{
        json_t *doc = json_load_file(PARTITIONS, 0, NULL), *partition, *region;
        static const char *const ours[] = {"us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1",
                "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1"};
        const char *known[32];
        size_t n_known = 0;
        unsigned regions = 0;
        const char *name;
        size_t i;

        (void)state;
        if (!doc)
                skip(); // python3-botocore is not installed
        json_array_foreach(json_object_get(doc, "partitions"), i, partition)
        {
                const char *id = json_string_value(json_object_get(partition, "id"));
                const json_t *outputs = json_object_get(partition, "outputs");
                const char *suffix = json_string_value(json_object_get(outputs, "dnsSuffix"));
                const char *dual = json_string_value(json_object_get(outputs, "dualStackDnsSuffix"));

                json_object_foreach(json_object_get(partition, "regions"), name, region)
                {
                        cleanup_buf struct buf b = BUF_INIT(256);
                        char want[128];

                        if (strstr(name, "-global")) // a stand-in of botocore's, no region
                                continue;
                        snprintf(want, sizeof want, "https://sts.%s.%s", name, suffix);
                        assert_int_equal(sts_endpoint(&b, name, 0), 0);
                        assert_string_equal(buf_str(&b), want);
                        assert_string_equal(sts_region_partition(name), id);
                        regions++;
                        // What an older copy knows no dual-stack endpoint of may have got one since.
                        if (!json_is_true(json_object_get(outputs, "supportsDualStack"))) {
                                print_message("# not compared: dual-stack endpoints of %s\n", id);
                                continue;
                        }
                        buf_reset(&b);
                        snprintf(want, sizeof want, "https://sts.%s.%s", name, dual);
                        assert_int_equal(sts_endpoint(&b, name, STS_DUAL_STACK), 0);
                        assert_string_equal(buf_str(&b), want);
                }
                // Hosts are made without asking whether the partition has FIPS endpoints at all.
                assert_true(json_is_true(json_object_get(outputs, "supportsFIPS")));
                known[n_known++] = id;
        }
        for (size_t p = 0; p < ARRAY_SIZE(ours); p++) {
                bool found = false;

                for (size_t k = 0; k < n_known; k++)
                        found |= strcmp(known[k], sts_region_partition(ours[p])) == 0;
                if (!found)
                        print_message("# not compared: this botocore knows no partition of %s\n", ours[p]);
        }
        json_decref(doc);
        assert_true(regions > 25);
}

static void memory_runs_out(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        cleanup_secret struct secret *token = NULL;
        struct sts_web_identity q = {.role_arn = ARN, .session_name = "al"};
        int r = 0;

        (void)state;
        assert_int_equal(secret_new_str(&token, "eyJ.a.b"), 0);
        q.token = token;
        FAULT_EACH(50, (buf_deinit(&b), r = sts_web_identity_request(&b, &q, NULL)))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
}

static int chained(struct buf *b, struct sts_assume_role q, struct err *err)
{
        q.role_arn = q.role_arn ? q.role_arn : ARN;
        q.session_name = q.session_name ? q.session_name : "alice";
        buf_reset(b);
        return sts_assume_role_request(b, &q, err);
}

static void a_chained_request_says_who_and_for_whom(void **state _unused_)
{
        static const struct sts_session_tag tags[] = {
                {"team", "blue & green", true}, {"cost", "", false}, {"stage", "test", true}};
        cleanup_buf struct buf b = BUF_INIT(1 << 16);

        assert_int_equal(chained(&b,
                                 (struct sts_assume_role){.duration_s = 3600,
                                         .external_id = "shared:secret/xyz",
                                         .source_identity = "alice@example.com",
                                         .tags = tags,
                                         .n_tags = 3},
                                 NULL),
                0);
        assert_string_equal(buf_str(&b),
                "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012"
                "%3Arole%2Fdev&RoleSessionName=alice&DurationSeconds=3600"
                "&ExternalId=shared%3Asecret%2Fxyz&SourceIdentity=alice%40example.com"
                "&Tags.member.1.Key=team&Tags.member.1.Value=blue%20%26%20green"
                "&TransitiveTagKeys.member.1=team&Tags.member.2.Key=cost&Tags.member.2.Value="
                "&Tags.member.3.Key=stage&Tags.member.3.Value=test"
                "&TransitiveTagKeys.member.2=stage");
}

static void what_sts_would_refuse_of_a_chained_request(void **state _unused_)
{
        static const struct sts_session_tag twice[] = {{"Team", "a", false}, {"team", "b", false}};
        static const struct sts_session_tag nameless[] = {{"", "a", false}};
        struct sts_session_tag many[STS_SESSION_TAGS_MAX + 1];
        char long_id[1226], keys[STS_SESSION_TAGS_MAX + 1][8];
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        const struct sts_assume_role bad[] = {
                {.external_id = "x"},
                {.external_id = "with blank"},
                {.external_id = long_id},
                {.source_identity = "a/b"},
                {.source_identity = "a"},
                {.tags = twice, .n_tags = 2},
                {.tags = nameless, .n_tags = 1},
                {.tags = many, .n_tags = STS_SESSION_TAGS_MAX + 1},
                {.duration_s = 43201},
                {.session_name = "a"},
        };

        memset(long_id, 'x', sizeof long_id - 1);
        long_id[sizeof long_id - 1] = 0;
        for (size_t i = 0; i <= STS_SESSION_TAGS_MAX; i++) {
                snprintf(keys[i], sizeof keys[i], "k%zu", i);
                many[i] = (struct sts_session_tag){keys[i], "v", false};
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                assert_int_equal(chained(&b, bad[i], &err), -EINVAL);
                assert_true(err.text[0]);
                assert_int_equal(b.n, 0); // nothing half-written
        }
        assert_int_equal(
                chained(&b, (struct sts_assume_role){.tags = many, .n_tags = STS_SESSION_TAGS_MAX}, NULL), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(forms),
                cmocka_unit_test(limits),
                cmocka_unit_test(session_names),
                cmocka_unit_test(role_arns),
                cmocka_unit_test(endpoints),
                cmocka_unit_test(endpoint_variants),
                cmocka_unit_test(regions_are_where_botocore_has_them),
                cmocka_unit_test(memory_runs_out),
                cmocka_unit_test(a_chained_request_says_who_and_for_whom),
                cmocka_unit_test(what_sts_would_refuse_of_a_chained_request),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
