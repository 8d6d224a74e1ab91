// SPDX-License-Identifier: Apache-2.0
//
// IAM's evaluation logic, each test named after the rule of the user guide it holds us to ("Policy evaluation logic",
// "Evaluating policies within a single account", "Cross-account policy evaluation logic", "Permissions boundaries").
#include "policy_case.h"
#include "policy_obstacles.h"

#include "fault.h"

#define ALLOW_S3        P("{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}")
#define ALLOW_EC2       P("{\"Effect\":\"Allow\",\"Action\":\"ec2:*\",\"Resource\":\"*\"}")
#define DENY_S3         P("{\"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"*\"}")
#define EVERYTHING      P("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}")
#define BUCKET(who)     P("{\"Effect\":\"Allow\",\"Principal\":" who ",\"Action\":\"s3:*\",\"Resource\":\"*\"}")
#define RCP_ALL         P("{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}")
#define RCP_DENY        P("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}")
#define TO_SESSION      BUCKET("{\"AWS\":\"arn:aws:sts::123456789012:assumed-role/dev/alice\"}")
#define TO_ROLE         BUCKET("{\"AWS\":\"arn:aws:iam::123456789012:role/dev\"}")
#define TO_ACCOUNT      BUCKET("{\"AWS\":\"arn:aws:iam::123456789012:root\"}")
#define TO_ALL          BUCKET("\"*\"")
#define DENY_BUT_NOBODY P("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}")
#define HERE            "123456789012"
#define THERE           "999988887777"

struct given {
        enum policy_layer layer;
        const char *text;
        unsigned level;
};

static struct policy_outcome outcome;
static const struct policy_principal *as = &session;
static bool must_allow;
static void (*then)(const struct policy_case *c, void *arg); // looks at the case while it is there

static enum policy_decision decide_n(const char *resource_account, const struct given *g, size_t n)
{
        struct policy_document docs[8];
        struct policy_context *ctx = context(NULL);
        struct policy_case c = {.documents = docs,
                .n_documents = n,
                .request = {as, "s3:GetObject", "arn:aws:s3:::bucket/key", ctx, false},
                .resource_account = resource_account,
                .resource_must_allow = must_allow};

        assert_true(n <= ARRAY_SIZE(docs));
        for (size_t i = 0; i < n; i++)
                docs[i] = (struct policy_document){
                        parse(policy_layer_kind(g[i].layer, false), g[i].text), g[i].layer, g[i].level};
        assert_int_equal(policy_decide(&outcome, &c), 0);
        assert_true(outcome.why.text[0] != 0);
        if (then)
                then(&c, NULL);
        for (size_t i = 0; i < n; i++) {
                struct policy *p;

                memcpy(&p, &docs[i].policy, sizeof p);
                policy_free(p);
        }
        policy_context_free(ctx);
        return outcome.decision;
}
#define GIVEN(...)                                                                                           \
        (const struct given[]){__VA_ARGS__},                                                                 \
                sizeof((const struct given[]){__VA_ARGS__}) / sizeof(struct given)
#define decide(where, ...) decide_n(where, GIVEN(__VA_ARGS__))

#define ID(t)                                                                                                \
        {                                                                                                    \
                POLICY_LAYER_IDENTITY, t, 0                                                                  \
        }
#define RES(t)                                                                                               \
        {                                                                                                    \
                POLICY_LAYER_RESOURCE, t, 0                                                                  \
        }
#define BOUND(t)                                                                                             \
        {                                                                                                    \
                POLICY_LAYER_BOUNDARY, t, 0                                                                  \
        }
#define SESS(t)                                                                                              \
        {                                                                                                    \
                POLICY_LAYER_SESSION, t, 0                                                                   \
        }
#define SCP(n, t)                                                                                            \
        {                                                                                                    \
                POLICY_LAYER_SERVICE_CONTROL, t, n                                                           \
        }
#define RCP(n, t)                                                                                            \
        {                                                                                                    \
                POLICY_LAYER_RESOURCE_CONTROL, t, n                                                          \
        }
#define VPCE(t)                                                                                              \
        {                                                                                                    \
                POLICY_LAYER_VPC_ENDPOINT, t, 0                                                              \
        }

static void by_default_everything_is_denied(void **state _unused_)
{
        assert_int_equal(decide(HERE, ID(ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_IDENTITY);
        assert_int_equal(outcome.n_missing, 1);
        assert_int_equal(decide_n(HERE, NULL, 0), POLICY_IMPLICIT_DENY);
        assert_non_null(strstr(outcome.why.text, "no identity-based policy allows s3:GetObject"));
}

static void an_explicit_deny_in_any_policy_overrides_every_allow(void **state _unused_)
{
        static const struct given denies[] = {ID(DENY_S3), BOUND(DENY_S3), SESS(DENY_S3), SCP(2, DENY_S3),
                RCP(0, RCP_DENY),
                RES(P("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}")),
                VPCE(P("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}"))};

        for (size_t i = 0; i < ARRAY_SIZE(denies); i++) {
                const struct given g[] = {ID(EVERYTHING), RES(TO_SESSION), denies[i]};

                assert_int_equal(decide_n(HERE, g, 3), POLICY_EXPLICIT_DENY);
                assert_int_equal(outcome.decided, denies[i].layer);
                assert_int_equal(outcome.n_denies, 1);
                assert_int_equal(outcome.findings[denies[i].layer].document, 2);
                assert_non_null(strstr(outcome.why.text, policy_layer_name(denies[i].layer)));
        }
}

static void within_an_account_identity_or_resource_policy_suffices(void **state _unused_)
{
        assert_int_equal(decide(HERE, ID(ALLOW_S3)), POLICY_ALLOW);
        assert_int_equal(outcome.decided, POLICY_LAYER_IDENTITY);
        assert_int_equal(decide(HERE, RES(TO_SESSION)), POLICY_ALLOW);
        assert_int_equal(outcome.decided, POLICY_LAYER_RESOURCE);
        assert_int_equal(decide(HERE, RES(TO_ROLE)), POLICY_ALLOW);
        assert_int_equal(decide(HERE, RES(TO_ALL)), POLICY_ALLOW);
        assert_int_equal(decide(HERE, ID(ALLOW_EC2), RES(TO_ROLE)), POLICY_ALLOW);
        assert_int_equal(decide(HERE, ID(ALLOW_S3), RES(BUCKET("{\"AWS\":\"" THERE "\"}"))), POLICY_ALLOW);
        assert_int_equal(decide(NULL, ID(ALLOW_S3)), POLICY_ALLOW); // no account said: the principal's
}

static void a_resource_policy_for_the_account_delegates_to_its_identity_policies(void **state _unused_)
{
        assert_int_equal(decide(HERE, RES(TO_ACCOUNT)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_IDENTITY);
        assert_int_equal(decide(HERE, RES(TO_ACCOUNT), ID(ALLOW_S3)), POLICY_ALLOW);
}

static void boundary_and_session_policy_limit_what_identity_policies_grant(void **state _unused_)
{
        assert_int_equal(decide(HERE, ID(ALLOW_S3), BOUND(ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_BOUNDARY);
        assert_int_equal(decide(HERE, ID(ALLOW_S3), SESS(ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_SESSION);
        assert_int_equal(decide(HERE, ID(ALLOW_EC2), BOUND(ALLOW_S3), SESS(ALLOW_S3)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_IDENTITY); // neither grants anything
        assert_int_equal(decide(HERE, ID(ALLOW_S3), BOUND(ALLOW_S3), SESS(ALLOW_S3)), POLICY_ALLOW);
        assert_int_equal(
                decide(HERE, ID(ALLOW_EC2), BOUND(ALLOW_EC2), SESS(ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.n_missing, 3);
}

static void what_is_granted_to_the_role_boundary_and_session_policy_still_limit(void **state _unused_)
{
        assert_int_equal(decide(HERE, RES(TO_ROLE), BOUND(ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_BOUNDARY);
        assert_int_equal(decide(HERE, RES(TO_ROLE), SESS(ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_SESSION);
        assert_int_equal(decide(HERE, RES(TO_ROLE), BOUND(ALLOW_S3), SESS(ALLOW_S3)), POLICY_ALLOW);
}

static void what_is_granted_to_the_session_itself_they_do_not(void **state _unused_)
{
        assert_int_equal(decide(HERE, RES(TO_SESSION), BOUND(ALLOW_EC2), SESS(ALLOW_EC2)), POLICY_ALLOW);
        assert_int_equal(decide(HERE, RES(TO_ALL), BOUND(ALLOW_EC2), SESS(ALLOW_EC2)), POLICY_ALLOW);
        assert_int_equal(outcome.findings[POLICY_LAYER_BOUNDARY].need, POLICY_NOT_NEEDED);
        assert_int_equal(outcome.findings[POLICY_LAYER_SESSION].need, POLICY_NOT_NEEDED);
}

static void every_level_of_the_organisation_must_allow(void **state _unused_)
{
        assert_int_equal(decide(HERE, ID(ALLOW_S3), SCP(0, EVERYTHING), SCP(1, EVERYTHING)), POLICY_ALLOW);
        assert_int_equal(
                decide(HERE, ID(ALLOW_S3), SCP(0, EVERYTHING), SCP(1, ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_SERVICE_CONTROL);
        assert_int_equal(outcome.findings[POLICY_LAYER_SERVICE_CONTROL].level, 1);
        assert_int_equal(
                decide(HERE, ID(ALLOW_S3), SCP(0, ALLOW_EC2), SCP(1, EVERYTHING)), POLICY_IMPLICIT_DENY);
        // Of one level one of several suffices.
        assert_int_equal(decide(HERE, ID(ALLOW_S3), SCP(0, ALLOW_EC2), SCP(0, ALLOW_S3)), POLICY_ALLOW);
        // They limit what the resource's policy grants, too, and grant nothing themselves.
        assert_int_equal(decide(HERE, RES(TO_SESSION), SCP(0, ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(decide(HERE, SCP(0, EVERYTHING), RCP(0, RCP_ALL)), POLICY_IMPLICIT_DENY);
        assert_int_equal(decide(HERE, ID(ALLOW_S3), RCP(0, RCP_ALL), RCP(3, RCP_DENY)), POLICY_EXPLICIT_DENY);
        assert_int_equal(outcome.findings[POLICY_LAYER_RESOURCE_CONTROL].level, 3);
}

static void an_endpoint_policy_limits_what_passes_the_endpoint(void **state _unused_)
{
        assert_int_equal(decide(HERE, ID(ALLOW_S3), VPCE(TO_ALL)), POLICY_ALLOW);
        assert_int_equal(
                decide(HERE, ID(ALLOW_S3), VPCE(BUCKET("{\"AWS\":\"" THERE "\"}"))), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_VPC_ENDPOINT);
        assert_int_equal(decide(HERE, VPCE(TO_ALL)), POLICY_IMPLICIT_DENY);
}

static void resource_control_policies_only_deny(void **state _unused_)
{
        // RCPFullAWSAccess is attached everywhere and cannot be detached: a level with nothing but denies allows the rest.
        assert_int_equal(decide(HERE, ID(ALLOW_S3),
                                 RCP(0, P("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"ec2:*\","
                                          "\"Resource\":\"*\"}"))),
                POLICY_ALLOW);
        assert_int_equal(outcome.findings[POLICY_LAYER_RESOURCE_CONTROL].need, POLICY_NOT_NEEDED);
        assert_refused(POLICY_CONTROL,
                P("{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}"),
                "only denies");
        assert_refused(POLICY_CONTROL,
                P("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"NotAction\":\"s3:*\",\"Resource\":\"*\"}"),
                "NotAction");
}

static void control_policies_do_not_concern_services_and_web_identities(void **state _unused_)
{
        static const struct policy_principal service = {
                POLICY_PRINCIPAL_SERVICE, "logs.amazonaws.com", NULL, NULL, false};

        as = &service;
        assert_int_equal(decide(HERE, RES(BUCKET("{\"Service\":\"logs.amazonaws.com\"}")), SCP(0, DENY_S3),
                                 ID(DENY_S3)),
                POLICY_ALLOW);
        assert_int_equal(outcome.findings[POLICY_LAYER_SERVICE_CONTROL].need, POLICY_NOT_APPLICABLE);
        // Those of the resource's organisation do.
        assert_int_equal(decide(HERE, RES(BUCKET("{\"Service\":\"logs.amazonaws.com\"}")), RCP(0, RCP_DENY)),
                POLICY_EXPLICIT_DENY);
        as = &session;
}

static void root_user_needs_no_policy_and_is_limited_by_its_organisation(void **state _unused_)
{
        static const struct policy_principal root = {
                POLICY_PRINCIPAL_AWS, "arn:aws:iam::123456789012:root", NULL, HERE, true};

        as = &root;
        assert_int_equal(decide_n(HERE, NULL, 0), POLICY_ALLOW);
        assert_non_null(strstr(outcome.why.text, "root user"));
        assert_int_equal(decide(HERE, ID(DENY_S3), BOUND(DENY_S3)),
                POLICY_ALLOW); // it has none: these are somebody else's
        assert_int_equal(decide(HERE, SCP(0, ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(decide(HERE, SCP(0, DENY_S3)), POLICY_EXPLICIT_DENY);
        assert_int_equal(decide(HERE, RES(DENY_BUT_NOBODY)), POLICY_EXPLICIT_DENY);
        assert_int_equal(decide_n(THERE, NULL, 0), POLICY_IMPLICIT_DENY);
        assert_int_equal(decide(THERE, RES(TO_ACCOUNT)), POLICY_ALLOW);
        as = &session;
}

// ---- what is in the way ---------------------------------------------------------------------------------------------

static unsigned told[2]; // missing, denies

static void count_obstacle(const struct policy_obstacle *b, void *arg)
{
        (void)arg;
        told[b->deny]++;
}

static void look(const struct policy_case *c, void *arg)
{
        (void)arg;
        told[0] = told[1] = 0;
        assert_int_equal(policy_each_obstacle(c, &outcome, count_obstacle, NULL), 0);
        assert_int_equal(told[0], outcome.n_missing);
        assert_int_equal(told[1], outcome.n_denies);
}

static void every_deny_and_every_missing_allow_is_counted_and_told(void **state _unused_)
{
        static const char twice[] = P("[{\"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"*\"},"
                                      "{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]");

        then = look;
        assert_int_equal(decide(HERE, ID(twice)), POLICY_EXPLICIT_DENY);
        assert_int_equal(outcome.n_denies, 2);
        assert_int_equal(outcome.n_missing, 1); // without the denies nothing would allow either
        assert_int_equal(decide(HERE, ID(twice), ID(ALLOW_S3)), POLICY_EXPLICIT_DENY);
        assert_int_equal(outcome.n_missing, 0);
        assert_int_equal(
                decide(HERE, ID(DENY_S3), ID(ALLOW_S3), SCP(0, ALLOW_EC2), SCP(2, DENY_S3), BOUND(ALLOW_EC2)),
                POLICY_EXPLICIT_DENY);
        assert_int_equal(outcome.n_denies, 2);
        assert_int_equal(outcome.n_missing, 3); // two levels, and the boundary
        assert_int_equal(decide_n(THERE, NULL, 0), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.n_missing, 2);
        assert_int_equal(decide(HERE, ID(ALLOW_S3)), POLICY_ALLOW);
        assert_int_equal(outcome.n_missing + outcome.n_denies, 0);
        // A resource's Allow behind its own Deny still spares the identity's.
        assert_int_equal(decide(HERE, RES(TO_SESSION), RES(DENY_BUT_NOBODY)), POLICY_EXPLICIT_DENY);
        assert_int_equal(outcome.n_denies, 1);
        assert_int_equal(outcome.n_missing, 0);
        then = NULL;
}

static bool proposed;

static void try_proposal(const struct policy_case *c, void *arg)
{
        static const char *const actions[] = {"s3:GetObject", NULL};
        json_t *s = NULL;

        (void)arg;
        assert_int_equal(policy_propose(&s, c, &outcome, actions), 0);
        proposed = s != NULL; // that it suffices is tried by who proposes
        json_decref(s);
}

static void change_is_proposed_where_exactly_one_allow_is_missing(void **state _unused_)
{
        then = try_proposal;
        (void)decide(HERE, ID(ALLOW_EC2));
        assert_true(proposed);
        (void)decide(HERE, ID(ALLOW_S3), SCP(0, EVERYTHING), SCP(1, ALLOW_EC2));
        assert_true(proposed);
        (void)decide(THERE, ID(ALLOW_S3));
        assert_true(proposed);
        (void)decide(HERE, ID(ALLOW_S3), VPCE(BUCKET("{\"AWS\":\"" THERE "\"}")));
        assert_true(proposed);
        (void)decide(HERE, ID(ALLOW_S3), SCP(0, ALLOW_EC2), SCP(1, ALLOW_EC2)); // two levels
        assert_false(proposed);
        (void)decide(HERE, ID(ALLOW_EC2), BOUND(ALLOW_EC2)); // two kinds
        assert_false(proposed);
        (void)decide(HERE, ID(ALLOW_EC2), BOUND(DENY_S3)); // one, and a Deny
        assert_false(proposed);
        (void)decide(HERE, ID(DENY_S3));
        assert_false(proposed);
        (void)decide(HERE, ID(ALLOW_S3));
        assert_false(proposed);
        then = NULL;
}

static void across_accounts_both_sides_must_allow(void **state _unused_)
{
        static const char *const whom[] = {TO_SESSION, TO_ROLE, TO_ACCOUNT, TO_ALL};

        for (size_t i = 0; i < ARRAY_SIZE(whom); i++) {
                const struct given both[] = {ID(ALLOW_S3), RES(whom[i])};

                assert_int_equal(decide_n(THERE, both, 2), POLICY_ALLOW);
                assert_true(outcome.across_accounts);
                assert_int_equal(decide_n(THERE, both, 1), POLICY_IMPLICIT_DENY);
                assert_int_equal(outcome.decided, POLICY_LAYER_RESOURCE);
                assert_int_equal(decide_n(THERE, both + 1, 1), POLICY_IMPLICIT_DENY);
                assert_int_equal(outcome.decided, POLICY_LAYER_IDENTITY);
        }
        assert_int_equal(
                decide(THERE, ID(ALLOW_S3), RES(TO_SESSION), BOUND(ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(decide(THERE, ID(ALLOW_S3), RES(TO_ALL), SESS(ALLOW_EC2)), POLICY_IMPLICIT_DENY);
        assert_int_equal(decide(HERE, ID(ALLOW_S3), RES(TO_ALL)), POLICY_ALLOW);
        assert_false(outcome.across_accounts);
}

static void keys_and_roles_are_opened_by_their_own_policy_only(void **state _unused_)
{
        assert_true(policy_opens_alone("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/x"));
        assert_true(policy_opens_alone("sts:AssumeRole", "arn:aws:iam::123456789012:role/x"));
        assert_false(policy_opens_alone("kms:ListKeys", "*"));
        assert_false(policy_opens_alone("sts:GetCallerIdentity", "*"));
        assert_false(policy_opens_alone("iam:GetRole", "arn:aws:iam::123456789012:role/x"));
        must_allow = true;
        assert_int_equal(decide(HERE, ID(ALLOW_S3)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_RESOURCE);
        assert_int_equal(decide(HERE, ID(ALLOW_S3), RES(TO_ACCOUNT)), POLICY_ALLOW);
        assert_int_equal(decide(HERE, RES(TO_ACCOUNT)), POLICY_IMPLICIT_DENY);
        assert_int_equal(decide(HERE, RES(TO_ROLE)), POLICY_ALLOW);
        must_allow = false;
}

static void a_service_or_web_identity_has_only_the_resource_policy(void **state _unused_)
{
        static const struct policy_principal service = {
                POLICY_PRINCIPAL_SERVICE, "logs.amazonaws.com", NULL, NULL, false};

        as = &service;
        assert_int_equal(decide(HERE, RES(BUCKET("{\"Service\":\"logs.amazonaws.com\"}"))), POLICY_ALLOW);
        assert_int_equal(
                decide(HERE, RES(BUCKET("{\"Service\":\"ec2.amazonaws.com\"}"))), POLICY_IMPLICIT_DENY);
        assert_int_equal(decide(HERE, ID(ALLOW_S3)), POLICY_IMPLICIT_DENY);
        assert_int_equal(outcome.decided, POLICY_LAYER_RESOURCE);
        as = &session;
}

#define DENY_BUT(who)                                                                                        \
        P("{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":[" who "]},\"Action\":\"*\",\"Resource\":\"*\"}")
#define ROOT    "\"arn:aws:iam::123456789012:root\""
#define ROLE    "\"arn:aws:iam::123456789012:role/dev\""
#define SESSION "\"arn:aws:sts::123456789012:assumed-role/dev/alice\""

static void not_principal_spares_who_is_listed_with_role_and_account(void **state _unused_)
{
        static const struct {
                const char *text;
                enum policy_decision decision;
        } rows[] = {
                {DENY_BUT(ROOT "," ROLE), POLICY_ALLOW},
                {DENY_BUT(ROOT "," ROLE "," SESSION), POLICY_ALLOW},
                {DENY_BUT("\"" HERE "\"," ROLE), POLICY_ALLOW},
                {DENY_BUT(ROLE), POLICY_EXPLICIT_DENY}, // the account is validated first
                {DENY_BUT(ROOT), POLICY_EXPLICIT_DENY},
                {DENY_BUT(ROOT "," SESSION), POLICY_EXPLICIT_DENY},
                {DENY_BUT("\"arn:aws:iam::123456789012:role/ops\"," ROOT), POLICY_EXPLICIT_DENY},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct given g[] = {ID(ALLOW_S3), RES(rows[i].text), BOUND(EVERYTHING)};

                assert_int_equal(decide_n(HERE, g, 2), rows[i].decision);
                // "… always denies any IAM principal that has a permissions boundary policy attached".
                assert_int_equal(decide_n(HERE, g, 3), POLICY_EXPLICIT_DENY);
        }
        assert_refused(POLICY_TRUST,
                P("{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":" ROLE "},\"Action\":\"sts:AssumeRole\"}"),
                "NotPrincipal");
        assert_refused(POLICY_IDENTITY,
                P("{\"Effect\":\"Deny\",\"NotPrincipal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}"),
                "principal");
        assert_refused(POLICY_RESOURCE,
                P("{\"Effect\":\"Allow\",\"NotPrincipal\":{\"AWS\":" ROLE
                  "},\"Action\":\"*\",\"Resource\":\"*\"}"),
                "Deny");
        assert_refused(POLICY_RESOURCE,
                P("{\"Effect\":\"Deny\",\"Principal\":\"*\",\"NotPrincipal\":\"*\",\"Action\":\"*\","
                  "\"Resource\":\"*\"}"),
                "either");
}

static void control_policies_name_everybody_or_nobody(void **state _unused_)
{
        assert_refused(POLICY_CONTROL, ALLOW_S3, "Principal");
        assert_refused(POLICY_CONTROL, TO_ROLE, "must be \"*\"");
        policy_free(parse(POLICY_CONTROL, RCP_DENY));
        assert_refused(policy_layer_kind(POLICY_LAYER_SERVICE_CONTROL, false), RCP_DENY, "principal");
        assert_refused(policy_layer_kind(POLICY_LAYER_IDENTITY, false), TO_ALL, "principal");
}

static void a_case_that_makes_no_sense_allows_nothing(void **state _unused_)
{
        struct policy *p = parse(POLICY_IDENTITY, EVERYTHING);
        struct policy_document d = {p, POLICY_LAYER_IDENTITY, POLICY_LEVELS_MAX};
        struct policy_case c = {
                &d, 1, {&session, "s3:GetObject", "arn:aws:s3:::b", NULL, false}, NULL, false, false};

        assert_int_equal(policy_decide(&outcome, &c), -EINVAL);
        assert_int_equal(outcome.decision, POLICY_IMPLICIT_DENY);
        d.level = 0;
        d.layer = POLICY_LAYERS_;
        assert_int_equal(policy_decide(&outcome, &c), -EINVAL);
        d.layer = POLICY_LAYER_IDENTITY;
        c.request.principal = NULL;
        assert_int_equal(policy_decide(&outcome, &c), -EINVAL);
        policy_free(p);
}

static int decide_once(const struct policy_case *c)
{
        return policy_decide(&outcome, c);
}

static void memory_that_runs_out_allows_nothing(void **state _unused_)
{
        // What has no variable is made ready when it is parsed.
        struct policy *p = parse(POLICY_IDENTITY,
                P("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::${aws:username}\"}"));
        struct policy_document d = {p, POLICY_LAYER_IDENTITY, 0};
        struct policy_context *ctx = context(KEYS("aws:username", "b"));
        struct policy_case c = {
                &d, 1, {&session, "s3:GetObject", "arn:aws:s3:::b", ctx, false}, NULL, false, false};
        unsigned failed = 0;
        int r = 0;

        FAULT_EACH(50, r = decide_once(&c))
        {
                assert_int_equal(r, -ENOMEM);
                assert_int_equal(outcome.decision, POLICY_IMPLICIT_DENY);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_int_equal(outcome.decision, POLICY_ALLOW);
        assert_true(failed > 0);
        policy_context_free(ctx);
        policy_free(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_default_everything_is_denied),
                cmocka_unit_test(an_explicit_deny_in_any_policy_overrides_every_allow),
                cmocka_unit_test(within_an_account_identity_or_resource_policy_suffices),
                cmocka_unit_test(a_resource_policy_for_the_account_delegates_to_its_identity_policies),
                cmocka_unit_test(boundary_and_session_policy_limit_what_identity_policies_grant),
                cmocka_unit_test(what_is_granted_to_the_role_boundary_and_session_policy_still_limit),
                cmocka_unit_test(what_is_granted_to_the_session_itself_they_do_not),
                cmocka_unit_test(every_level_of_the_organisation_must_allow),
                cmocka_unit_test(an_endpoint_policy_limits_what_passes_the_endpoint),
                cmocka_unit_test(across_accounts_both_sides_must_allow),
                cmocka_unit_test(keys_and_roles_are_opened_by_their_own_policy_only),
                cmocka_unit_test(a_service_or_web_identity_has_only_the_resource_policy),
                cmocka_unit_test(not_principal_spares_who_is_listed_with_role_and_account),
                cmocka_unit_test(control_policies_name_everybody_or_nobody),
                cmocka_unit_test(resource_control_policies_only_deny),
                cmocka_unit_test(control_policies_do_not_concern_services_and_web_identities),
                cmocka_unit_test(root_user_needs_no_policy_and_is_limited_by_its_organisation),
                cmocka_unit_test(every_deny_and_every_missing_allow_is_counted_and_told),
                cmocka_unit_test(change_is_proposed_where_exactly_one_allow_is_missing),
                cmocka_unit_test(a_case_that_makes_no_sense_allows_nothing),
                cmocka_unit_test(memory_that_runs_out_allows_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
