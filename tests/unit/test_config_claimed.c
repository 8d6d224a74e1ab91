// SPDX-License-Identifier: Apache-2.0
//
// Roles that a claim names, made by the configuration's rules: names, what they inherit, and what cannot be one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "config_case.h"
#include "fault.h"

#define CORP                                                                                                 \
        "[identity corp]\nissuer = https://login.example.com\nclient_id = valetkey\nroles_claim = roles\n" // 4
#define DEFAULTS "[defaults]\nregion = eu-central-1\nduration = 2h\n"             // 7
#define ACCOUNT  "[account 111111111111]\nalias = payments\nregion = eu-west-1\n" // 10
#define HEAD     CORP DEFAULTS ACCOUNT
#define ALL      "[role-template all]\naccounts = claim\n" // 12
#define PAYMENTS "arn:aws:iam::111111111111:role/"

static struct config_role *make(const struct config *c, const char *arn)
{
        struct config_role *r = NULL;
        struct err err = ERR_INIT;

        if (config_claimed_role(&r, c, &c->identities[0], arn, &err) != 0)
                fail_msg("%s", err.text);
        return r;
}

static void named_as_templates_name_them(void **state _unused_)
{
        static const struct {
                const char *arn, *name, *region;
        } cases[] = {
                {PAYMENTS "dev", "payments/dev", "eu-west-1"},
                {PAYMENTS "team/Dev_Ops", "payments/dev_ops", "eu-west-1"},
                {"arn:aws:iam::222222222222:role/dev", "222222222222/dev", "eu-central-1"},
        };
        struct config *c = taken(HEAD);

        assert_int_equal(c->n_roles, 0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct config_role *r = make(c, cases[i].arn);

                assert_string_equal(r->name, cases[i].name);
                assert_string_equal(r->role_arn, cases[i].arn);
                assert_string_equal(r->region, cases[i].region);
                assert_string_equal(r->sts_region, cases[i].region);
                assert_string_equal(r->identity, "corp");
                assert_int_equal(r->duration_s, 7200);
                config_role_free(r);
        }
        config_unref(c);
}

static void a_template_says_the_rest(void **state _unused_)
{
        struct config *c =
                taken(HEAD ALL "name = c-{account}.{role}\nduration = 15m\nsts_region = us-east-1\n"
                               "session_name = {user}@{host}\nsession_policy = /p.json\n"
                               "policy_arns = arn:aws:iam::aws:policy/A\nuse_fips_endpoint = yes\n");
        struct config_role *r = make(c, PAYMENTS "dev");

        assert_int_equal(c->n_roles, 0);
        assert_string_equal(r->name, "c-payments.dev");
        assert_int_equal(r->duration_s, 900);
        assert_string_equal(r->region, "eu-west-1");
        assert_string_equal(r->sts_region, "us-east-1");
        assert_string_equal(r->session_name, "{user}@{host}");
        assert_string_equal(r->session_policy, "/p.json");
        assert_string_equal(r->policy_arns[0], "arn:aws:iam::aws:policy/A");
        assert_int_equal(r->use_fips, CONFIG_YES);
        config_role_free(r);
        config_unref(c);
}

static void what_cannot_be_one(void **state _unused_)
{
        static const struct {
                const char *arn;
                int r;
                const char *why;
        } cases[] = {
                {PAYMENTS "dev", -EEXIST, ""}, // that one is configured, and stays what it is
                {PAYMENTS "x/dev", -EBADMSG,
                        PAYMENTS "x/dev makes the role payments/dev, which is configured and is " PAYMENTS
                                 "dev"},
                {PAYMENTS "a@b", -EBADMSG,
                        PAYMENTS
                        "a@b makes the name payments/a@b: a name is 1 to 64 of a-z 0-9 . _ / - and begins "
                        "with a letter or digit"},
                {"arn:aws-cn:iam::222222222222:role/dev", -EBADMSG,
                        "arn:aws-cn:iam::222222222222:role/dev asks the STS of eu-central-1, which is in "
                        "partition aws, "
                        "for a role in aws-cn"},
                {"nonsense", -EBADMSG, "nonsense is not a role's ARN"},
                {"arn:aws:iam::111111111111:role/\x1b[31m", -EBADMSG,
                        "arn:aws:iam::111111111111:role/?[31m is not a role's ARN"},
        };
        struct config *c = taken(HEAD "[role payments/dev]\nrole_arn = " PAYMENTS "dev\n");

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct config_role *r = NULL;
                struct err err = ERR_INIT;

                assert_int_equal(
                        config_claimed_role(&r, c, &c->identities[0], cases[i].arn, &err), cases[i].r);
                assert_null(r);
                assert_string_equal(err.text, cases[i].why);
        }
        config_unref(c);
}

static void templates_that_are_none(void **state _unused_)
{
        static const struct {
                const char *text, *why;
        } cases[] = {
                {HEAD ALL "role_name = dev\n", "x.conf:13: [role-template all] role_name does not go with "
                                               "accounts = claim: the claim says it"},
                {HEAD ALL "source_role = x\n",
                        "x.conf:13: [role-template all] source_role does not go with accounts = claim: "
                        "they are assumed with the token that names them"},
                {HEAD ALL "name = {account}\n",
                        "x.conf:13: [role-template all] name needs {role}: all roles of an account "
                        "would have one name"},
                {HEAD ALL "identity = none\n",
                        "x.conf:13: [role-template all] names an identity that is not configured"},
                {HEAD ALL "[role-template two]\naccounts = claim\n",
                        "x.conf:14: [role-template two] is a second one for the claim of one identity"},
                {HEAD "[identity b]\nissuer = https://b.example\nclient_id = x\n" ALL,
                        "x.conf:14: [role-template all] must say which identity's claim is meant"},
                {HEAD "[identity b]\nissuer = https://b.example\nclient_id = x\n" ALL "identity = b\n",
                        "x.conf:15: [role-template all] is for the roles of a claim, and its identity has no "
                        "roles_claim"},
                {CORP "[account 111111111111]\nalias = claim\n",
                        "x.conf:6: alias: must not be claim, which stands for something else in accounts"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                refused(cases[i].text, cases[i].why);
}

static void a_default_role_may_come_of_a_claim(void **state _unused_)
{
        config_unref(taken(CORP "[defaults]\nregion = eu-central-1\ndefault_role = payments/dev\n"));
}

static void memory_runs_out(void **state _unused_)
{
        struct config *c = taken(HEAD ALL "session_name = me\n");
        struct config_role *r = NULL;
        int result = -1;

        FAULT_EACH(100, result = config_claimed_role(&r, c, &c->identities[0], PAYMENTS "dev", NULL))
        {
                assert_int_equal(result, -ENOMEM);
                assert_null(r);
        }
        assert_int_equal(result, 0);
        config_role_free(r);
        config_unref(c);
        FAULT_EACH(500, result = config_parse(&c, "x.conf", HEAD ALL, strlen(HEAD ALL), NULL))
        {
                assert_int_equal(result, -ENOMEM);
        }
        assert_int_equal(result, 0);
        config_unref(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(named_as_templates_name_them),
                cmocka_unit_test(a_template_says_the_rest),
                cmocka_unit_test(what_cannot_be_one),
                cmocka_unit_test(templates_that_are_none),
                cmocka_unit_test(a_default_role_may_come_of_a_claim),
                cmocka_unit_test(memory_runs_out),
        };

        return cmocka_run_group_tests_name("config_claimed", tests, NULL, NULL);
}
