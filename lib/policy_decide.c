// SPDX-License-Identifier: Apache-2.0
//
// An explicit deny anywhere ends it. Otherwise every layer that limits (control policies at each level, endpoint,
// boundary, session) must allow, and something must grant: within an account the identity's policies or the resource's;
// across accounts both. What a resource's policy grants to a session itself, or to everybody, the identity's own limits
// do not take away; what it grants to a role, boundary and session policy still limit; what it grants to an account is
// for that account's policies to give out.
#include "policy_decide.h"

#include <strings.h>

static const char *const names[] = {
        [POLICY_LAYER_RESOURCE_CONTROL] = "resource control policy",
        [POLICY_LAYER_SERVICE_CONTROL] = "service control policy",
        [POLICY_LAYER_VPC_ENDPOINT] = "VPC endpoint policy",
        [POLICY_LAYER_RESOURCE] = "resource-based policy",
        [POLICY_LAYER_IDENTITY] = "identity-based policy",
        [POLICY_LAYER_BOUNDARY] = "permissions boundary",
        [POLICY_LAYER_SESSION] = "session policy",
};
_Static_assert(ARRAY_SIZE(names) == POLICY_LAYERS_, "a layer without a name");

const char *policy_layer_name(enum policy_layer l)
{
        return names[l];
}

const char *policy_case_layer_name(const struct policy_case *c, enum policy_layer l)
{
        return l == POLICY_LAYER_RESOURCE && c->trust ? "trust policy" : names[l];
}

enum policy_kind policy_layer_kind(enum policy_layer l, bool trust)
{
        switch (l) {
        case POLICY_LAYER_RESOURCE:
                return trust ? POLICY_TRUST : POLICY_RESOURCE;
        case POLICY_LAYER_VPC_ENDPOINT:
                return POLICY_RESOURCE;
        case POLICY_LAYER_RESOURCE_CONTROL:
                return POLICY_CONTROL;
        default:
                return POLICY_IDENTITY;
        }
}

bool policy_opens_alone(const char *action, const char *resource)
{
        static const char assume[] = "sts:AssumeRole", kms[] = "kms:";
        const char *rest = resource;

        for (int i = 0; i < 5 && rest; i++) {
                rest = strchr(rest, ':');
                rest = rest ? rest + 1 : NULL;
        }
        if (!action || !rest)
                return false;
        if (strncasecmp(action, kms, sizeof kms - 1) == 0)
                return strncmp(rest, "key/", 4) == 0;
        return strncasecmp(action, assume, sizeof assume - 1) == 0 && strncmp(rest, "role/", 5) == 0;
}

static bool is_there(const struct policy_case *c, enum policy_layer l)
{
        for (size_t i = 0; i < c->n_documents; i++)
                if (c->documents[i].layer == l)
                        return true;
        return false;
}

// ---- what one layer says

// Which of two verdicts of one level speaks for it: a deny, then the Allow that grants most, then the first refusal.
static bool outweighs(const struct policy_verdict *a, const struct policy_verdict *b)
{
        if (a->decision != b->decision)
                return a->decision == POLICY_EXPLICIT_DENY ||
                       (a->decision == POLICY_ALLOW && b->decision == POLICY_IMPLICIT_DENY);
        return a->decision == POLICY_ALLOW && a->match > b->match;
}

static int ask_level(struct policy_finding *f, const struct policy_case *c, const struct policy_request *q,
        enum policy_layer l, unsigned level)
{
        *f = (struct policy_finding){.document = SIZE_MAX, .level = level};
        for (size_t i = 0; i < c->n_documents; i++) {
                struct policy_verdict v;
                int r;

                if (c->documents[i].layer != l || c->documents[i].level != level)
                        continue;
                r = policy_evaluate(&v, c->documents[i].policy, q);
                if (r < 0)
                        return r;
                if (f->document == SIZE_MAX || outweighs(&v, &f->verdict)) {
                        f->document = i;
                        f->verdict = v;
                }
                f->n_denies += v.n_denies;
                if (v.grants && (!f->grants || v.granted > f->granted))
                        f->granted = v.granted;
                f->grants |= v.grants;
        }
        f->n_missing = f->document != SIZE_MAX && !f->grants;
        return 0;
}

// A deny of any level speaks for the layer, else a level that does not allow, else the last one's Allow.
static int ask_layer(struct policy_finding *ret, const struct policy_case *c, const struct policy_request *q,
        enum policy_layer l)
{
        *ret = (struct policy_finding){.document = SIZE_MAX, .verdict.decision = POLICY_IMPLICIT_DENY};
        for (unsigned level = 0; level < POLICY_LEVELS_MAX; level++) {
                unsigned denies = ret->n_denies, missing = ret->n_missing;
                bool none = ret->document == SIZE_MAX, grants = none || ret->grants;
                struct policy_finding f;
                int r = ask_level(&f, c, q, l, level);

                if (r < 0)
                        return r;
                if (f.document == SIZE_MAX)
                        continue;
                if (none || (ret->verdict.decision != POLICY_EXPLICIT_DENY &&
                                    (f.verdict.decision == POLICY_EXPLICIT_DENY ||
                                            ret->verdict.decision == POLICY_ALLOW)))
                        *ret = f;
                ret->n_denies = denies + f.n_denies;
                ret->n_missing = missing + f.n_missing;
                ret->grants = grants && f.grants;
                ret->granted = f.granted;
        }
        ret->need = ret->document == SIZE_MAX ? POLICY_NOT_THERE : POLICY_NEEDED;
        return 0;
}

// ---- who has to agree

// What the policies of somebody's account say to a service or a web identity, which has none: nothing. The account's root
// user has none of its own either, but its organisation limits it (AWS Organizations user guide, "Service control policies").
static bool concerns(const struct policy_principal *p, enum policy_layer l)
{
        switch (l) {
        case POLICY_LAYER_SERVICE_CONTROL:
                return p->type == POLICY_PRINCIPAL_AWS;
        case POLICY_LAYER_IDENTITY:
        case POLICY_LAYER_BOUNDARY:
        case POLICY_LAYER_SESSION:
                return p->type == POLICY_PRINCIPAL_AWS && !p->root;
        default:
                return true;
        }
}

// Of the layers of the principal's own account: which of them does a grant of the resource's policy make needless?
static void spare(struct policy_outcome *o, const struct policy_case *c)
{
        struct policy_finding *f = o->findings;
        const struct policy_principal *p = c->request.principal;
        enum policy_match m = f[POLICY_LAYER_RESOURCE].granted;
        bool granted = f[POLICY_LAYER_RESOURCE].grants,
             is_there = f[POLICY_LAYER_RESOURCE].need != POLICY_NOT_THERE;

        // AWS's own RCPFullAWSAccess is attached everywhere and cannot be detached: what is given can only deny.
        if (f[POLICY_LAYER_RESOURCE_CONTROL].need == POLICY_NEEDED)
                f[POLICY_LAYER_RESOURCE_CONTROL].need = POLICY_NOT_NEEDED;
        // Across accounts both sides have to, so the resource's is needed even where none was given.
        if (o->across_accounts || c->resource_must_allow || p->type != POLICY_PRINCIPAL_AWS)
                f[POLICY_LAYER_RESOURCE].need = POLICY_NEEDED;
        else if (is_there && (!granted || m == POLICY_MATCH_ACCOUNT || p->root))
                f[POLICY_LAYER_RESOURCE].need = POLICY_NOT_NEEDED;
        if (!concerns(p, POLICY_LAYER_IDENTITY))
                return;
        // Somebody's own policies have to grant what the resource's does not, or leaves to the account.
        f[POLICY_LAYER_IDENTITY].need = POLICY_NEEDED;
        if (o->across_accounts || !granted || m == POLICY_MATCH_ACCOUNT)
                return;
        f[POLICY_LAYER_IDENTITY].need = POLICY_NOT_NEEDED;
        if (m == POLICY_MATCH_ROLE) // granted to the role, of which the session is one
                return;
        for (enum policy_layer l = POLICY_LAYER_BOUNDARY; l <= POLICY_LAYER_SESSION; l++)
                if (f[l].need == POLICY_NEEDED)
                        f[l].need = POLICY_NOT_NEEDED;
}

// Why the Allow of that layer was needed besides others', where that is not plain.
static const char *because(const struct policy_outcome *o, enum policy_layer l)
{
        const struct policy_finding *resource = &o->findings[POLICY_LAYER_RESOURCE];

        if (o->across_accounts && (l == POLICY_LAYER_RESOURCE || l == POLICY_LAYER_IDENTITY))
                return "across accounts both sides must allow; ";
        if (l == POLICY_LAYER_IDENTITY && resource->grants && resource->granted == POLICY_MATCH_ACCOUNT)
                return "the resource's policy leaves it to the account; ";
        return "";
}

static void describe(struct policy_outcome *o, const struct policy_case *c, enum policy_layer l)
{
        const struct policy_finding *f = &o->findings[l];
        const char *reason = o->decision == POLICY_IMPLICIT_DENY ? because(o, l) : "";

        const char *name = policy_case_layer_name(c, l);

        o->decided = l;
        if (o->decision == POLICY_ALLOW && c->request.principal->root && f->need != POLICY_NEEDED)
                err_set(&o->why, "the account's root user may do it without a policy");
        else if (f->document == SIZE_MAX)
                err_set(&o->why, "%sno %s allows %s", reason, name, c->request.action);
        else
                err_set(&o->why, "%s%s: %s", reason, name, f->verdict.why.text);
}

static void conclude(struct policy_outcome *o, const struct policy_case *c)
{
        enum policy_layer denied = POLICY_LAYERS_, missing = POLICY_LAYERS_,
                          granted = o->findings[POLICY_LAYER_IDENTITY].need == POLICY_NEEDED
                                            ? POLICY_LAYER_IDENTITY
                                            : POLICY_LAYER_RESOURCE;

        for (enum policy_layer l = 0; l < POLICY_LAYERS_; l++) {
                const struct policy_finding *f = &o->findings[l];

                if (f->n_denies > 0 && denied == POLICY_LAYERS_)
                        denied = l;
                o->n_denies += f->n_denies;
                if (f->need != POLICY_NEEDED || f->grants)
                        continue;
                missing = missing == POLICY_LAYERS_ ? l : missing;
                o->n_missing += f->document == SIZE_MAX ? 1 : f->n_missing;
        }
        if (denied != POLICY_LAYERS_) {
                o->decision = POLICY_EXPLICIT_DENY;
                describe(o, c, denied);
        } else if (missing != POLICY_LAYERS_) {
                o->decision = POLICY_IMPLICIT_DENY;
                describe(o, c, missing);
        } else {
                o->decision = POLICY_ALLOW;
                describe(o, c, granted);
        }
}

static bool makes_sense(const struct policy_case *c)
{
        if (!c->request.principal || !c->request.action)
                return false;
        for (size_t i = 0; i < c->n_documents; i++)
                if (c->documents[i].layer >= POLICY_LAYERS_ || c->documents[i].level >= POLICY_LEVELS_MAX)
                        return false;
        return true;
}

int policy_decide(struct policy_outcome *ret, const struct policy_case *c)
{
        struct policy_request q = c->request;
        struct policy_outcome o = {.decision = POLICY_IMPLICIT_DENY};
        const char *account = c->request.principal ? c->request.principal->account : NULL;

        *ret = o;
        if (!makes_sense(c))
                return -EINVAL;
        q.has_boundary = is_there(c, POLICY_LAYER_BOUNDARY);
        o.across_accounts = account && c->resource_account && strcmp(account, c->resource_account) != 0;
        for (enum policy_layer l = 0; l < POLICY_LAYERS_; l++) {
                bool asked = concerns(q.principal, l);
                int r = asked ? ask_layer(&o.findings[l], c, &q, l) : 0;

                if (r < 0)
                        return r;
                if (!asked)
                        o.findings[l] = (struct policy_finding){.document = SIZE_MAX,
                                .need = is_there(c, l) ? POLICY_NOT_APPLICABLE : POLICY_NOT_THERE,
                                .verdict.decision = POLICY_IMPLICIT_DENY};
        }
        spare(&o, c);
        conclude(&o, c);
        *ret = o;
        return 0;
}
