// SPDX-License-Identifier: Apache-2.0
//
// One function for each cause. What the service itself said counts more than what its simulator says, and that more than our own
// reading of policies; what nobody could look at is never called ruled out.
#include "why_facts.h"

#include "translate.h"

#include <stdio.h>
#include <strings.h>

#define SKEW_MAX_S 300 // what AWS forgives

static const char *const ids[WHY_CAUSES_] = {
        "role", "permission", "deny", "resource-policy", "region", "vpc-endpoint"};
static const char *const titles[WHY_CAUSES_] = {N_("wrong role"), N_("missing permission"),
        N_("explicit deny or SCP"), N_("cross-account resource policy"), N_("region"),
        N_("VPC endpoint policy")};

const char *why_state_name(enum why_state s)
{
        static const char *const names[] = {"ruled-out", "found", "not-checkable"};

        return names[s];
}

static void cause_say(struct why_cause *c, enum why_state state, const char *fmt, ...) _printf_(3, 4);
static void cause_say(struct why_cause *c, enum why_state state, const char *fmt, ...)
{
        va_list ap;

        c->state = state;
        va_start(ap, fmt);
        vsnprintf(c->text, sizeof c->text, _(fmt), ap);
        va_end(ap);
}

static void cause_mend(struct why_cause *c, const char *fmt, ...) _printf_(2, 3);
static void cause_mend(struct why_cause *c, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(c->mend, sizeof c->mend, _(fmt), ap);
        va_end(ap);
}

static void cause_add(struct why_cause *c, const char *fmt, ...) _printf_(2, 3);
static void cause_add(struct why_cause *c, const char *fmt, ...)
{
        size_t n = strlen(c->text);
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(c->text + n, sizeof c->text - n, _(fmt), ap);
        va_end(ap);
}

// ---- 1: who asks -------------------------------------------------------------------------------------------------------

// arn:PARTITION:sts::ACCOUNT:assumed-role/NAME/SESSION, or the role's own
static bool is_of_role(const char *arn, const struct why_facts *f)
{
        char want[160];
        int n = snprintf(
                want, sizeof want, "arn:%s:sts::%s:assumed-role/%s/", f->partition, f->account, f->role_name);

        return strncmp(arn, want, (size_t)n) == 0 || strcmp(arn, f->role_arn) == 0;
}

static void judge_role(struct why_cause *c, const struct why_facts *f)
{
        if (f->refused && f->refusal.principal[0] && !is_of_role(f->refusal.principal, f)) {
                cause_say(
                        c, WHY_FOUND, "%s was refused, which is not role %s", f->refusal.principal, f->role);
                cause_mend(c,
                        "start the program as that role: valetkey exec %s -- …; valetkey doctor says whose "
                        "credentials win",
                        f->role);
        } else if (f->who_outcome != OUTCOME_OK && f->who_error == STS_E_SIGNATURE) {
                cause_say(c, WHY_FOUND,
                        "STS does not take the credentials (%s): they are of another partition, or gone",
                        f->who_err.text);
                cause_mend(c, "valetkey why %s", f->role);
        } else if (f->who_outcome != OUTCOME_OK && f->who_error == STS_E_EXPIRED_TOKEN) {
                cause_say(c, WHY_FOUND, "the credentials have expired: %s", f->who_err.text);
                cause_mend(c, "valetkey why %s; valetkey doctor looks at the clocks", f->role);
        } else if (f->who_outcome != OUTCOME_OK) {
                cause_say(c, WHY_NOT_CHECKABLE, "who the credentials are could not be asked: %s",
                        f->who_err.text);
        } else if (!is_of_role(f->caller_arn, f)) {
                cause_say(c, WHY_FOUND, "the credentials are %s, which is not role %s (%s)", f->caller_arn,
                        f->role, f->role_arn);
                cause_mend(c, "look at role_arn of role %s", f->role);
        } else if (f->skew_s > SKEW_MAX_S || f->skew_s < -SKEW_MAX_S) {
                cause_say(c, WHY_FOUND,
                        "this machine's clock is %lld s %s AWS's, which refuses what is signed by it",
                        (long long)(f->skew_s > 0 ? f->skew_s : -f->skew_s),
                        f->skew_s > 0 ? "behind" : "ahead of");
                cause_mend(c, "timedatectl set-ntp true; then: valetkey doctor");
        } else if (f->otherwise_keys) {
                cause_say(c, WHY_FOUND,
                        "the credentials are those of the role, but programs started here use others: %s",
                        f->otherwise);
                cause_mend(c, "start the program as that role: valetkey exec %s -- …", f->role);
        } else {
                cause_say(c, WHY_RULED_OUT, "the credentials are %s, and alive", f->caller_arn);
                if (f->otherwise[0])
                        cause_add(c, "; programs that choose no profile use others here: %s", f->otherwise);
        }
}

// ---- 2: is it permitted ------------------------------------------------------------------------------------------------

static const struct policy_finding *own(const struct why_facts *f, enum policy_layer l)
{
        return &f->own.findings[l];
}

// A policy at hand that is there and does not allow.
static bool lacks(const struct why_facts *f, enum policy_layer l)
{
        return own(f, l)->document != SIZE_MAX && !own(f, l)->grants;
}

static const char *name_of(const struct why_facts *f, size_t document)
{
        return document == SIZE_MAX ? "-" : f->args.names[document];
}

static void add_missing_keys(struct why_cause *c, const struct why_facts *f)
{
        for (size_t i = 0; i < f->simulation.n_missing; i++)
                cause_add(c, "%s%s", i ? ", " : "; the policies also look at keys that nobody gave: ",
                        f->simulation.missing[i]);
        if (f->simulation.n_missing)
                cause_mend(c,
                        "give what the request has of them with --context KEY=VALUE; else have the action "
                        "allowed by a policy of the role");
}

static void judge_by_simulator(struct why_cause *c, const struct why_facts *f)
{
        const struct iam_simulation *s = &f->simulation;

        if (s->decision == POLICY_ALLOW) {
                cause_say(c, WHY_RULED_OUT, "AWS's simulator allows it");
                if (s->n_matched)
                        cause_add(c, ", by policy %s, line %u", s->matched[0].policy, s->matched[0].line);
        } else if (s->decision == POLICY_EXPLICIT_DENY ||
                   (s->of_organization && !s->allowed_by_organization)) {
                cause_say(c, WHY_NOT_CHECKABLE, "the simulator looks no further than the refusal below");
        } else if (s->of_boundary && !s->allowed_by_boundary) {
                cause_say(c, WHY_FOUND, "the permissions boundary of the role does not allow %s on %s",
                        f->action, f->resource);
                cause_mend(c, "have the boundary of %s allow it; its policies have to, too", f->role_arn);
                add_missing_keys(c, f);
        } else {
                cause_say(c, WHY_FOUND, "no policy of the role allows %s on %s", f->action, f->resource);
                cause_mend(c, "have a policy of %s allow it", f->role_arn);
                add_missing_keys(c, f);
        }
}

static void judge_by_reading(struct why_cause *c, const struct why_facts *f)
{
        static const enum policy_layer layers[] = {POLICY_LAYER_IDENTITY, POLICY_LAYER_BOUNDARY};

        for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
                const struct policy_finding *p = own(f, layers[i]);

                if (p->grants || (p->document == SIZE_MAX && layers[i] != POLICY_LAYER_IDENTITY))
                        continue;
                cause_say(c, WHY_FOUND, "no %s of the role allows %s on %s", policy_layer_name(layers[i]),
                        f->action, f->resource);
                if (p->document != SIZE_MAX)
                        cause_add(c, " (%s: %s)", name_of(f, p->document), p->verdict.why.text);
                cause_mend(c, "have a policy of %s allow it", f->role_arn);
                return;
        }
        cause_say(c, WHY_RULED_OUT, "the role's policies, as they were read, allow it: %s:%u",
                name_of(f, own(f, POLICY_LAYER_IDENTITY)->document),
                own(f, POLICY_LAYER_IDENTITY)->verdict.line);
}

static bool is_own_layer(enum policy_layer l)
{
        return l == POLICY_LAYER_IDENTITY || l == POLICY_LAYER_BOUNDARY || l == POLICY_LAYER_SESSION;
}

static void judge_permission(struct why_cause *c, const struct why_facts *f)
{
        const struct authz *r = &f->refusal;

        if (lacks(f, POLICY_LAYER_SESSION) && !f->session_unknown) {
                const struct policy_finding *p = own(f, POLICY_LAYER_SESSION);

                cause_say(c, WHY_FOUND,
                        "the session is narrowed, and its policy does not allow %s on %s (%s: %s)", f->action,
                        f->resource, name_of(f, p->document), p->verdict.why.text);
                cause_mend(c, "widen session_policy or policy_arns of role %s", f->role);
        } else if (f->refused && r->has_decision && !r->explicit_deny && is_own_layer(r->layer)) {
                cause_say(c, WHY_FOUND, "the refusal says that no %s allows it", policy_layer_name(r->layer));
                cause_mend(c, "have a policy of %s allow it", f->role_arn);
        } else if (f->simulated) {
                judge_by_simulator(c, f);
        } else if (f->identity_read) {
                judge_by_reading(c, f);
        } else {
                cause_say(c, WHY_NOT_CHECKABLE, "%s", f->simulate_err.text);
                if (f->read_err.text[0])
                        cause_add(c, "; nor can the policies be read: %s", f->read_err.text);
        }
        // The refusal's document says less than its sentence, and the simulator does not know the session's own policies.
        if (c->state == WHY_RULED_OUT && f->refused && r->has_decision && !r->explicit_deny &&
                r->layer == POLICY_LAYERS_)
                cause_add(c,
                        "; but the refusal says that an Allow was missing: its conditions differ, or the "
                        "cause is below");
        if (c->state == WHY_RULED_OUT && f->session_unknown)
                cause_say(c, WHY_NOT_CHECKABLE,
                        "the role's policies allow it, but the session is narrowed by policies that cannot "
                        "be read: %s",
                        f->read_err.text);
}

// ---- 3: does anything deny it ------------------------------------------------------------------------------------------

// The first Deny of the policies at hand, of these layers.
static bool find_deny(
        struct why_cause *c, const struct why_facts *f, const enum policy_layer *layers, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const struct policy_finding *p = own(f, layers[i]);

                if (p->n_denies == 0)
                        continue;
                cause_say(c, WHY_FOUND, "a %s denies it: %s:%u", policy_layer_name(layers[i]),
                        name_of(f, p->document), p->verdict.line);
                return true;
        }
        return false;
}

static bool deny_by_refusal(struct why_cause *c, const struct why_facts *f)
{
        const struct authz *r = &f->refusal;
        bool elsewhere = r->layer == POLICY_LAYER_RESOURCE || r->layer == POLICY_LAYER_VPC_ENDPOINT;
        bool control = r->layer == POLICY_LAYER_SERVICE_CONTROL || r->layer == POLICY_LAYER_RESOURCE_CONTROL;

        if (!f->refused || !r->has_decision || elsewhere || (!r->explicit_deny && !control))
                return false;
        if (!r->explicit_deny)
                cause_say(c, WHY_FOUND, "the refusal says that no %s allows it", policy_layer_name(r->layer));
        else if (r->layer == POLICY_LAYERS_)
                cause_say(c, WHY_FOUND, "the refusal is an explicit deny; in which policy AWS does not say");
        else
                cause_say(
                        c, WHY_FOUND, "the refusal is an explicit deny in a %s", policy_layer_name(r->layer));
        if (r->statement[0])
                cause_add(c, " (statement %s)", r->statement);
        return true;
}

static bool deny_by_simulator(struct why_cause *c, const struct why_facts *f)
{
        const struct iam_simulation *s = &f->simulation;
        bool organization = s->of_organization && !s->allowed_by_organization;

        if (!f->simulated || (s->decision != POLICY_EXPLICIT_DENY && !organization))
                return false;
        if (organization)
                cause_say(c, WHY_FOUND, "the organisation's service control policies do not allow %s on %s",
                        f->action, f->resource);
        else if (s->of_boundary && !s->allowed_by_boundary && !s->n_matched)
                cause_say(c, WHY_FOUND, "the permissions boundary of the role denies it");
        else if (s->n_matched)
                cause_say(c, WHY_FOUND, "policy %s of the role denies it, line %u", s->matched[0].policy,
                        s->matched[0].line);
        else
                cause_say(c, WHY_FOUND, "a policy denies %s on %s", f->action, f->resource);
        return true;
}

static void judge_deny(struct why_cause *c, const struct why_facts *f)
{
        static const enum policy_layer layers[] = {POLICY_LAYER_IDENTITY, POLICY_LAYER_BOUNDARY,
                POLICY_LAYER_SESSION, POLICY_LAYER_SERVICE_CONTROL, POLICY_LAYER_RESOURCE_CONTROL};
        bool found = deny_by_refusal(c, f) || deny_by_simulator(c, f) ||
                     find_deny(c, f, layers, ARRAY_SIZE(layers));

        if (!found && lacks(f, POLICY_LAYER_SERVICE_CONTROL)) {
                cause_say(c, WHY_FOUND,
                        "the service control policies that were given do not allow it at each level (%s)",
                        name_of(f, own(f, POLICY_LAYER_SERVICE_CONTROL)->document));
                found = true;
        }
        if (found)
                cause_mend(c,
                        "a Deny wins over every Allow: ask whoever keeps that policy, or do it another way");
        else if (f->simulated)
                cause_say(c, WHY_RULED_OUT,
                        "neither the role's policies nor the organisation's deny it, as far as AWS's "
                        "simulator looks: of service "
                        "control policies those without conditions, and no resource control policy");
        else if (f->identity_read)
                cause_say(c, WHY_NOT_CHECKABLE,
                        "the role's own policies do not deny it; the organisation's are not readable from "
                        "here (%s)",
                        f->simulate_err.text);
        else
                cause_say(c, WHY_NOT_CHECKABLE, "%s", f->simulate_err.text);
}

// ---- 4: the resource's own policy ----------------------------------------------------------------------------------------

static void judge_resource(struct why_cause *c, const struct why_facts *f)
{
        const struct policy_finding *p = own(f, POLICY_LAYER_RESOURCE);
        bool given = p->document != SIZE_MAX, known = f->resource_account[0];
        bool across = known && strcmp(f->resource_account, f->account) != 0,
             alone = policy_opens_alone(f->action, f->resource);

        if (f->refused && f->refusal.has_decision && f->refusal.layer == POLICY_LAYER_RESOURCE) {
                cause_say(c, WHY_FOUND, "the refusal is the resource's own policy: it %s",
                        f->refusal.explicit_deny ? "denies explicitly" : "does not allow it");
        } else if (given && p->n_denies > 0) {
                cause_say(c, WHY_FOUND, "the resource's policy denies it: %s:%u", name_of(f, p->document),
                        p->verdict.line);
        } else if (given && (p->grants || !(across || alone || !known))) {
                cause_say(c, WHY_RULED_OUT,
                        p->grants ? "the resource's policy allows it: %s:%u"
                                  : "it is not needed within the account, and denies nothing: %s:%u",
                        name_of(f, p->document), p->verdict.line);
        } else if (given) {
                cause_say(c, WHY_FOUND, "the resource's policy does not allow it (%s: %s)",
                        name_of(f, p->document), p->verdict.why.text);
        } else if (across || alone) {
                cause_say(c, WHY_NOT_CHECKABLE,
                        "%s. It cannot be read from here: give it with --resource-policy FILE",
                        across ? "the resource is in another account, whose policy for it has to allow it, "
                                 "too"
                               : "nobody gets at such a resource but by its own policy");
                if (across)
                        cause_add(c, " (account %s)", f->resource_account);
                return;
        } else if (!known && strcmp(f->resource, "*") != 0) {
                cause_say(c, WHY_NOT_CHECKABLE,
                        "the resource's ARN does not say its account: say it with --resource-account ID, or "
                        "give its "
                        "policy with --resource-policy FILE");
                return;
        } else {
                cause_say(c, WHY_RULED_OUT,
                        "the resource is in the role's own account (a Deny in its policy would be seen with "
                        "--resource-policy FILE)");
                return;
        }
        if (c->state == WHY_FOUND)
                cause_mend(c, "have the owner%s%s of the resource allow %s in its policy",
                        across ? " in account " : "", across ? f->resource_account : "", f->role_arn);
}

// ---- 5: where --------------------------------------------------------------------------------------------------------------

static void judge_region(struct why_cause *c, const struct why_facts *f)
{
        const char *asked = f->request_region, *home = f->role_region;

        if (f->resource_partition[0] && strcmp(f->resource_partition, f->partition) != 0 &&
                strcmp(f->resource_partition, "*") != 0) {
                cause_say(c, WHY_FOUND,
                        "the resource is in partition %s, the role in %s: neither knows the other's "
                        "credentials",
                        f->resource_partition, f->partition);
                cause_mend(c, "use a role of partition %s", f->resource_partition);
        } else if (f->allowed_at_home) {
                cause_say(c, WHY_FOUND, "the policies allow it in %s and not in %s (aws:RequestedRegion)",
                        home, asked);
                cause_mend(c, "do it in %s, or have the policies allow %s", home, asked);
        } else if (f->resource_region[0] && asked && strcmp(f->resource_region, asked) != 0) {
                cause_say(c, WHY_FOUND, "the resource is in %s, and the request goes to %s",
                        f->resource_region, asked);
                cause_mend(c, "ask in %s", f->resource_region);
        } else if (f->resource_region[0] && home && !f->region_given &&
                   strcmp(f->resource_region, home) != 0) {
                cause_say(c, WHY_FOUND,
                        "the resource is in %s; a program that is told no region asks in %s, the role's",
                        f->resource_region, home);
                cause_mend(c, "say --region %s to the program; with --region %s here this is taken as said",
                        f->resource_region, f->resource_region);
        } else if (!asked) {
                cause_say(c, WHY_NOT_CHECKABLE,
                        "neither the role nor the resource says a region: say it with --region");
        } else {
                cause_say(c, WHY_RULED_OUT,
                        f->resource_region[0] ? "the resource is in %s, where it is asked for"
                                              : "the resource is not of one region; it is asked for in %s",
                        asked);
        }
}

// ---- 6: through which door -------------------------------------------------------------------------------------------------

static void judge_endpoint(struct why_cause *c, const struct why_facts *f)
{
        const struct policy_finding *p = own(f, POLICY_LAYER_VPC_ENDPOINT);

        if (f->refused && f->refusal.has_decision && f->refusal.layer == POLICY_LAYER_VPC_ENDPOINT)
                cause_say(c, WHY_FOUND, "the refusal is the VPC endpoint's policy: it %s",
                        f->refusal.explicit_deny ? "denies explicitly" : "does not allow it");
        else if (p->document != SIZE_MAX && (p->n_denies > 0 || !p->grants))
                cause_say(c, WHY_FOUND, "the VPC endpoint's policy does not allow it (%s: %s)",
                        name_of(f, p->document), p->verdict.why.text);
        else if (p->document != SIZE_MAX)
                cause_say(c, WHY_RULED_OUT, "the VPC endpoint's policy allows it: %s:%u",
                        name_of(f, p->document), p->verdict.line);
        else if (f->refused && f->refusal.endpoint[0])
                cause_say(c, WHY_NOT_CHECKABLE,
                        "the request passed VPC endpoint %s: give its policy with --vpc-endpoint-policy FILE",
                        f->refusal.endpoint);
        else
                cause_say(c, WHY_NOT_CHECKABLE,
                        "AWS's simulator knows no VPC endpoints; if the request passes one, give its policy "
                        "with "
                        "--vpc-endpoint-policy FILE");
        if (c->state == WHY_FOUND)
                cause_mend(c, "have the endpoint's policy allow %s to %s", f->action, f->role_arn);
}

// ---- all of them -----------------------------------------------------------------------------------------------------------

void why_causes(struct why_cause ret[WHY_CAUSES_], const struct why_facts *f)
{
        static void (*const judges[WHY_CAUSES_])(struct why_cause * c, const struct why_facts *f) = {
                judge_role, judge_permission, judge_deny, judge_resource, judge_region, judge_endpoint};

        for (size_t i = 0; i < WHY_CAUSES_; i++) {
                ret[i] = (struct why_cause){.id = ids[i], .title = titles[i]};
                judges[i](&ret[i], f);
        }
}

const char *why_decision(const struct why_facts *f, const struct why_cause causes[WHY_CAUSES_])
{
        bool found = false, denies = (f->refused && f->refusal.explicit_deny) || f->own.n_denies > 0 ||
                                     (f->simulated && f->simulation.decision == POLICY_EXPLICIT_DENY);

        for (size_t i = WHY_PERMISSION; i < WHY_CAUSES_; i++)
                found |= causes[i].state == WHY_FOUND && i != WHY_REGION_CAUSE;
        if (found)
                return denies ? "explicitDeny" : "implicitDeny";
        if (f->simulated)
                return f->simulation.decision == POLICY_ALLOW ? "allowed" : "implicitDeny";
        return f->identity_read ? "allowed" : NULL;
}
