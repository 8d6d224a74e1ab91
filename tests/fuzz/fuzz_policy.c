// SPDX-License-Identifier: Apache-2.0
//
// Policy documents of all kinds: parsed, and evaluated where they parse, alone and together with themselves in
// every layer. The first byte chooses kind and request.
#include "policy_obstacles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct policy_context *request_context(void)
{
        static const char *const keys[][2] = {{"idp.example.com:sub", "alice"},
                {"idp.example.com:aud", "valetkey"}, {"idp.example.com:amr", "pwd"},
                {"idp.example.com:amr", "otp"}, {"aws:SourceIp", "192.0.2.1"},
                {"aws:CurrentTime", "2026-11-22T02:22:04Z"}, {"aws:SecureTransport", "true"}, {"aws:n", "7"},
                {"aws:PrincipalArn", "arn:aws:iam::123456789012:role/dev"}, {"aws:username", "*"}};
        struct policy_context *c = NULL;

        if (policy_context_new(&c) < 0)
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (policy_context_add(c, keys[i][0], keys[i][1]) < 0)
                        return policy_context_free(c);
        return c;
}

struct count {
        unsigned denies, missing;
};

static void count_obstacle(const struct policy_obstacle *b, void *arg)
{
        struct count *n = arg;

        if (b->deny)
                n->denies++;
        else
                n->missing++;
}

// Everything that is in the way is told, and a change is proposed only where there is one thing.
static void obstacles(const struct policy_case *c, const struct policy_outcome *o)
{
        const char *const actions[] = {c->request.action, NULL};
        struct count n = {0};
        json_t *proposal = NULL;

        if (policy_each_obstacle(c, o, count_obstacle, &n) < 0 || n.denies != o->n_denies ||
                n.missing != o->n_missing || policy_propose(&proposal, c, o, actions) < 0)
                abort();
        if ((o->decision == POLICY_ALLOW) != (n.denies + n.missing == 0) ||
                (proposal && (n.denies != 0 || n.missing != 1)))
                abort();
        json_decref(proposal);
}

// One document as all of them: what denies alone denies here, and nothing is allowed that it does not allow.
static void together(const struct policy *p, const struct policy_request *q, enum policy_decision alone)
{
        struct policy_document d[POLICY_LAYERS_];
        struct policy_case c = {.documents = d, .n_documents = POLICY_LAYERS_, .request = *q};
        struct policy_outcome o;

        for (enum policy_layer l = 0; l < POLICY_LAYERS_; l++)
                d[l] = (struct policy_document){p, l, l};
        if (policy_decide(&o, &c) < 0)
                abort();
        obstacles(&c, &o);
        if ((alone == POLICY_EXPLICIT_DENY && o.decision != POLICY_EXPLICIT_DENY) ||
                (alone != POLICY_ALLOW && o.decision == POLICY_ALLOW) || !o.why.text[0])
                abort();
}

// Each layer by itself, in the principal's account and in another.
static void apart(const struct policy *p, const struct policy_request *q)
{
        for (enum policy_layer l = 0; l < 2 * POLICY_LAYERS_; l++) {
                struct policy_document d[2] = {{p, l % POLICY_LAYERS_, 0}, {p, l % POLICY_LAYERS_, 1}};
                struct policy_case c = {.documents = d,
                        .n_documents = 2,
                        .request = *q,
                        .resource_account = l < POLICY_LAYERS_ ? NULL : "999988887777"};
                struct policy_outcome o;

                if (policy_decide(&o, &c) < 0)
                        abort();
                obstacles(&c, &o);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct policy_principal principals[] = {
                {POLICY_PRINCIPAL_FEDERATED, "arn:aws:iam::123456789012:oidc-provider/idp.example.com", NULL,
                        "123456789012", false},
                {POLICY_PRINCIPAL_AWS, "arn:aws:sts::123456789012:assumed-role/dev/alice",
                        "arn:aws:iam::123456789012:role/dev", "123456789012", false},
                {POLICY_PRINCIPAL_SERVICE, "ec2.amazonaws.com", NULL, NULL, false}};
        struct policy_request q = {.action = "sts:AssumeRoleWithWebIdentity", .resource = "arn:aws:s3:::b/k"};
        struct policy *p = NULL;
        struct policy_verdict v;
        struct policy_context *c;

        if (size == 0)
                return 0;
        if (policy_parse(&p, data[0] >= 128 ? POLICY_CONTROL : (enum policy_kind)(data[0] % 3), data + 1,
                    size - 1, NULL) < 0) {
                if (p)
                        abort();
                return 0;
        }
        c = request_context();
        if (!c)
                abort();
        q.principal = &principals[data[0] / 3 % 3];
        q.context = c;
        if (policy_evaluate(&v, p, &q) < 0 || v.decision < POLICY_IMPLICIT_DENY || v.decision > POLICY_ALLOW)
                abort();
        // What decides has a place; what does not has none.
        if ((v.decision == POLICY_IMPLICIT_DENY) != (v.statement == 0) ||
                (v.decision == POLICY_EXPLICIT_DENY) != (v.n_denies != 0) ||
                (v.decision == POLICY_ALLOW && !v.grants))
                abort();
        together(p, &q, v.decision);
        apart(p, &q);
        policy_context_free(c);
        policy_free(p);
        return 0;
}
