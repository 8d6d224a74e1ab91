// SPDX-License-Identifier: Apache-2.0
//
// The six causes of a refusal from what is known: found, ruled out, or not checkable with what would make it so. Nothing that nobody looked
// at is ruled out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "why_facts.h"

#define SESSION "arn:aws:sts::123456789012:assumed-role/dev/alice"

static struct why_facts *facts;
static struct why_cause causes[WHY_CAUSES_];

static int fresh(void **state)
{
        (void)state;
        facts = calloc(1, sizeof *facts);
        assert_non_null(facts);
        *facts = (struct why_facts){.role = "dev",
                .role_arn = "arn:aws:iam::123456789012:role/team/dev",
                .action = "sqs:SendMessage",
                .resource = "arn:aws:sqs:eu-central-1:123456789012:q",
                .role_region = "eu-central-1",
                .request_region = "eu-central-1",
                .partition = "aws",
                .account = "123456789012",
                .role_name = "dev",
                .resource_partition = "aws",
                .resource_region = "eu-central-1",
                .resource_account = "123456789012",
                .caller_arn = SESSION,
                .simulated = true,
                .simulation = {.decision = POLICY_ALLOW, .n_matched = 1, .matched = {{"Queues", 4}}}};
        for (size_t i = 0; i < POLICY_LAYERS_; i++)
                facts->own.findings[i].document = SIZE_MAX;
        facts->refusal.layer = POLICY_LAYERS_;
        return 0;
}

static int done(void **state)
{
        (void)state;
        free(facts);
        return 0;
}

static const char *judge(void)
{
        why_causes(causes, facts);
        for (size_t i = 0; i < WHY_CAUSES_; i++)
                assert_true(causes[i].text[0] != 0);
        return why_decision(facts, causes);
}

static void expect(enum why_cause_id cause, enum why_state state, const char *words)
{
        if (causes[cause].state != state || !strstr(causes[cause].text, words))
                fail_msg("%s: %s, \"%s\"", causes[cause].id, why_state_name(causes[cause].state),
                        causes[cause].text);
        if (state == WHY_FOUND)
                assert_true(causes[cause].mend[0] != 0);
}

static void nothing_is_found_where_all_is_well(void **state)
{
        (void)state;
        assert_string_equal(judge(), "allowed");
        expect(WHY_ROLE, WHY_RULED_OUT, SESSION);
        expect(WHY_PERMISSION, WHY_RULED_OUT, "policy Queues, line 4");
        expect(WHY_DENY, WHY_RULED_OUT, "no resource control policy");
        expect(WHY_RESOURCE, WHY_RULED_OUT, "own account");
        expect(WHY_REGION_CAUSE, WHY_RULED_OUT, "eu-central-1");
        expect(WHY_ENDPOINT, WHY_NOT_CHECKABLE, "--vpc-endpoint-policy");
}

static void the_wrong_role_is_found(void **state)
{
        (void)state;
        snprintf(facts->caller_arn, sizeof facts->caller_arn,
                "arn:aws:sts::123456789012:assumed-role/developer/alice");
        (void)judge();
        expect(WHY_ROLE, WHY_FOUND, "not role dev");
        snprintf(facts->caller_arn, sizeof facts->caller_arn,
                "arn:aws:sts::999988887777:assumed-role/dev/alice");
        (void)judge();
        expect(WHY_ROLE, WHY_FOUND, "not role dev");
        // The refusal was somebody else's, whoever asks now.
        snprintf(facts->caller_arn, sizeof facts->caller_arn, SESSION);
        facts->refused = true;
        snprintf(facts->refusal.principal, sizeof facts->refusal.principal,
                "arn:aws:iam::123456789012:user/Bob");
        (void)judge();
        expect(WHY_ROLE, WHY_FOUND, "user/Bob");
}

static void credentials_that_are_dead_or_of_elsewhere_are_found(void **state)
{
        (void)state;
        facts->caller_arn[0] = 0;
        facts->who_outcome = OUTCOME_ACCESS_DENIED;
        facts->who_error = STS_E_SIGNATURE;
        (void)judge();
        expect(WHY_ROLE, WHY_FOUND, "another partition");
        facts->who_error = STS_E_EXPIRED_TOKEN;
        (void)judge();
        expect(WHY_ROLE, WHY_FOUND, "expired");
        facts->who_error = 0;
        facts->who_outcome = OUTCOME_UNREACHABLE;
        (void)judge();
        expect(WHY_ROLE, WHY_NOT_CHECKABLE, "could not be asked");
}

static void a_clock_that_is_wrong_is_found(void **state)
{
        (void)state;
        facts->skew_s = 301;
        (void)judge();
        expect(WHY_ROLE, WHY_FOUND, "301 s behind");
        facts->skew_s = -4000;
        (void)judge();
        expect(WHY_ROLE, WHY_FOUND, "4000 s ahead");
        facts->skew_s = 300;
        (void)judge();
        expect(WHY_ROLE, WHY_RULED_OUT, "alive");
}

static void keys_in_the_environment_are_found_and_profiles_told(void **state)
{
        (void)state;
        snprintf(facts->otherwise, sizeof facts->otherwise, "process (config:3)");
        (void)judge();
        expect(WHY_ROLE, WHY_RULED_OUT, "config:3");
        facts->otherwise_keys = true;
        (void)judge();
        expect(WHY_ROLE, WHY_FOUND, "config:3");
}

static void the_simulator_tells_policy_boundary_and_organisation_apart(void **state)
{
        struct iam_simulation *s = &facts->simulation;

        (void)state;
        *s = (struct iam_simulation){
                .decision = POLICY_IMPLICIT_DENY, .n_missing = 1, .missing = {"aws:PrincipalTag/team"}};
        assert_string_equal(judge(), "implicitDeny");
        expect(WHY_PERMISSION, WHY_FOUND, "aws:PrincipalTag/team");
        expect(WHY_DENY, WHY_RULED_OUT, "");
        *s = (struct iam_simulation){.decision = POLICY_IMPLICIT_DENY, .of_boundary = true};
        assert_string_equal(judge(), "implicitDeny");
        expect(WHY_PERMISSION, WHY_FOUND, "boundary");
        *s = (struct iam_simulation){.decision = POLICY_IMPLICIT_DENY, .of_organization = true};
        assert_string_equal(judge(), "implicitDeny");
        expect(WHY_PERMISSION, WHY_NOT_CHECKABLE, "no further");
        expect(WHY_DENY, WHY_FOUND, "organisation");
        *s = (struct iam_simulation){
                .decision = POLICY_EXPLICIT_DENY, .n_matched = 1, .matched = {{"NoSend", 7}}};
        assert_string_equal(judge(), "explicitDeny");
        expect(WHY_DENY, WHY_FOUND, "NoSend of the role denies it, line 7");
}

static void without_the_simulator_the_policies_are_read(void **state)
{
        struct policy_finding *f = &facts->own.findings[POLICY_LAYER_IDENTITY];

        (void)state;
        facts->simulated = false;
        err_set(&facts->simulate_err, "permission iam:SimulatePrincipalPolicy missing");
        err_set(&facts->read_err, "permission iam:GetRole missing");
        assert_null(judge());
        expect(WHY_PERMISSION, WHY_NOT_CHECKABLE,
                "iam:SimulatePrincipalPolicy missing; nor can the policies be read: permission iam:GetRole");
        expect(WHY_DENY, WHY_NOT_CHECKABLE, "iam:SimulatePrincipalPolicy");
        facts->identity_read = true;
        assert_string_equal(judge(), "implicitDeny");
        expect(WHY_PERMISSION, WHY_FOUND, "no identity-based policy");
        facts->args.names[0] = (char[]){"work"};
        *f = (struct policy_finding){
                .document = 0, .grants = true, .verdict = {.decision = POLICY_ALLOW, .line = 9}};
        assert_string_equal(judge(), "allowed");
        expect(WHY_PERMISSION, WHY_RULED_OUT, "work:9");
        expect(WHY_DENY, WHY_NOT_CHECKABLE, "organisation's are not readable");
        *f = (struct policy_finding){.document = 0,
                .grants = true,
                .n_denies = 1,
                .verdict = {.decision = POLICY_EXPLICIT_DENY, .line = 3}};
        facts->own.n_denies = 1;
        assert_string_equal(judge(), "explicitDeny");
        expect(WHY_DENY, WHY_FOUND, "work:3");
}

static void a_session_that_is_narrowed_is_found(void **state)
{
        (void)state;
        facts->args.names[0] = (char[]){"session.json"};
        facts->own.findings[POLICY_LAYER_SESSION] =
                (struct policy_finding){.document = 0, .verdict.decision = POLICY_IMPLICIT_DENY};
        assert_string_equal(judge(), "implicitDeny");
        expect(WHY_PERMISSION, WHY_FOUND, "session.json");
        facts->own.findings[POLICY_LAYER_SESSION].document = SIZE_MAX;
        facts->session_unknown = true;
        (void)judge();
        expect(WHY_PERMISSION, WHY_NOT_CHECKABLE, "narrowed by policies that cannot be read");
}

static void what_the_service_said_counts_more_than_its_simulator(void **state)
{
        struct authz *a = &facts->refusal;

        (void)state;
        facts->refused = true;
        *a = (struct authz){.layer = POLICY_LAYER_SERVICE_CONTROL,
                .explicit_deny = true,
                .has_decision = true,
                .statement = "Stay"};
        assert_string_equal(judge(), "explicitDeny");
        expect(WHY_DENY, WHY_FOUND, "service control policy (statement Stay)");
        *a = (struct authz){.layer = POLICY_LAYER_VPC_ENDPOINT, .has_decision = true};
        assert_string_equal(judge(), "implicitDeny");
        expect(WHY_DENY, WHY_RULED_OUT, "");
        expect(WHY_ENDPOINT, WHY_FOUND, "VPC endpoint");
        *a = (struct authz){.layer = POLICY_LAYER_RESOURCE, .explicit_deny = true, .has_decision = true};
        assert_string_equal(judge(), "explicitDeny");
        expect(WHY_RESOURCE, WHY_FOUND, "denies explicitly");
        *a = (struct authz){.layer = POLICY_LAYER_IDENTITY, .has_decision = true};
        assert_string_equal(judge(), "implicitDeny");
        expect(WHY_PERMISSION, WHY_FOUND, "no identity-based policy allows it");
        *a = (struct authz){.layer = POLICY_LAYERS_, .has_decision = true, .endpoint = "vpce-1"};
        assert_string_equal(judge(), "allowed");
        expect(WHY_PERMISSION, WHY_RULED_OUT, "an Allow was missing");
        expect(WHY_ENDPOINT, WHY_NOT_CHECKABLE, "vpce-1");
}

static void across_accounts_the_other_side_is_asked_for(void **state)
{
        struct policy_finding *f = &facts->own.findings[POLICY_LAYER_RESOURCE];

        (void)state;
        snprintf(facts->resource_account, sizeof facts->resource_account, "999988887777");
        (void)judge();
        expect(WHY_RESOURCE, WHY_NOT_CHECKABLE, "999988887777");
        facts->args.names[0] = (char[]){"queue.json"};
        *f = (struct policy_finding){.document = 0, .verdict.decision = POLICY_IMPLICIT_DENY};
        assert_string_equal(judge(), "implicitDeny");
        expect(WHY_RESOURCE, WHY_FOUND, "queue.json");
        *f = (struct policy_finding){
                .document = 0, .grants = true, .verdict = {.decision = POLICY_ALLOW, .line = 2}};
        (void)judge();
        expect(WHY_RESOURCE, WHY_RULED_OUT, "queue.json:2");
        f->n_denies = 1;
        (void)judge();
        expect(WHY_RESOURCE, WHY_FOUND, "denies it");
        // S3 says no account, a key opens to nobody by itself.
        *f = (struct policy_finding){.document = SIZE_MAX};
        facts->resource_account[0] = 0;
        (void)judge();
        expect(WHY_RESOURCE, WHY_NOT_CHECKABLE, "--resource-account");
        snprintf(facts->resource_account, sizeof facts->resource_account, "123456789012");
        facts->action = "kms:Decrypt";
        facts->resource = "arn:aws:kms:eu-central-1:123456789012:key/1";
        (void)judge();
        expect(WHY_RESOURCE, WHY_NOT_CHECKABLE, "by its own policy");
}

static void the_region_is_looked_at(void **state)
{
        (void)state;
        snprintf(facts->resource_partition, sizeof facts->resource_partition, "aws-cn");
        (void)judge();
        expect(WHY_REGION_CAUSE, WHY_FOUND, "aws-cn");
        snprintf(facts->resource_partition, sizeof facts->resource_partition, "aws");
        snprintf(facts->resource_region, sizeof facts->resource_region, "us-east-1");
        facts->request_region = "us-east-1";
        (void)judge();
        expect(WHY_REGION_CAUSE, WHY_FOUND, "asks in eu-central-1");
        facts->region_given = true;
        (void)judge();
        expect(WHY_REGION_CAUSE, WHY_RULED_OUT, "us-east-1");
        facts->allowed_at_home = true;
        (void)judge();
        expect(WHY_REGION_CAUSE, WHY_FOUND, "aws:RequestedRegion");
        facts->allowed_at_home = false;
        facts->request_region = "eu-west-1";
        (void)judge();
        expect(WHY_REGION_CAUSE, WHY_FOUND, "goes to eu-west-1");
        facts->resource_region[0] = 0;
        facts->request_region = facts->role_region = NULL;
        (void)judge();
        expect(WHY_REGION_CAUSE, WHY_NOT_CHECKABLE, "--region");
}

static void the_endpoints_policy_is_judged_where_it_is_given(void **state)
{
        struct policy_finding *f = &facts->own.findings[POLICY_LAYER_VPC_ENDPOINT];

        (void)state;
        facts->args.names[0] = (char[]){"endpoint.json"};
        *f = (struct policy_finding){.document = 0, .verdict.decision = POLICY_IMPLICIT_DENY};
        assert_string_equal(judge(), "implicitDeny");
        expect(WHY_ENDPOINT, WHY_FOUND, "endpoint.json");
        f->grants = true;
        (void)judge();
        expect(WHY_ENDPOINT, WHY_RULED_OUT, "endpoint.json");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, done)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(nothing_is_found_where_all_is_well),
                CASE(the_wrong_role_is_found),
                CASE(credentials_that_are_dead_or_of_elsewhere_are_found),
                CASE(a_clock_that_is_wrong_is_found),
                CASE(keys_in_the_environment_are_found_and_profiles_told),
                CASE(the_simulator_tells_policy_boundary_and_organisation_apart),
                CASE(without_the_simulator_the_policies_are_read),
                CASE(a_session_that_is_narrowed_is_found),
                CASE(what_the_service_said_counts_more_than_its_simulator),
                CASE(across_accounts_the_other_side_is_asked_for),
                CASE(the_region_is_looked_at),
                CASE(the_endpoints_policy_is_judged_where_it_is_given),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
