// SPDX-License-Identifier: Apache-2.0
//
// What one document says of one request. A statement applies when its principal, action, resource and every
// condition do; one applying Deny ends it, otherwise one applying Allow suffices. Of the Allows that failed,
// the one that came furthest explains the refusal.
#include "policy_internal.h"

#include <strings.h>

enum progress { // how far a statement came
        AT_ACTION = 1,
        AT_PRINCIPAL,
        AT_RESOURCE,
        AT_CONDITION,
        APPLIES,
};

// ---- principals ----------------------------------------------------------------------------------------------------

static bool is_account_root(const char *s, const char *account)
{
        const char *p;

        if (strcmp(s, account) == 0)
                return true;
        // arn:PARTITION:iam::ACCOUNT:root
        if (strncmp(s, "arn:", 4) != 0 || !(p = strchr(s + 4, ':')) || strncmp(p, ":iam::", 6) != 0)
                return false;
        p += 6;
        return strncmp(p, account, strlen(account)) == 0 && strcmp(p + strlen(account), ":root") == 0;
}

static enum policy_match aws_match(const struct policy_strings *l, const struct policy_principal *p)
{
        enum policy_match best = POLICY_MATCH_NONE;

        for (size_t i = 0; i < l->n; i++) {
                enum policy_match m = POLICY_MATCH_NONE;

                if (strcmp(l->v[i], "*") == 0)
                        m = POLICY_MATCH_ANY;
                else if (strcmp(l->v[i], p->arn) == 0)
                        m = POLICY_MATCH_EXACT;
                else if (p->role_arn && strcmp(l->v[i], p->role_arn) == 0)
                        m = POLICY_MATCH_ROLE;
                else if (p->account && is_account_root(l->v[i], p->account))
                        m = POLICY_MATCH_ACCOUNT;
                if (m > best)
                        best = m;
        }
        return best;
}

// Providers of web identities that AWS knows by itself: a policy names them, and not a provider of the account's.
static bool is_known_provider(const char *s, const char *arn)
{
        static const char *const known[] = {"accounts.google.com", "cognito-identity.amazonaws.com",
                "graph.facebook.com", "www.amazon.com"};
        const char *provider = strstr(arn, ":oidc-provider/");

        for (size_t i = 0; provider && i < ARRAY_SIZE(known); i++)
                if (strcmp(s, known[i]) == 0 && strcmp(provider + strlen(":oidc-provider/"), s) == 0)
                        return true;
        return false;
}

static enum policy_match principal_match(const struct policy_statement *s, const struct policy_principal *p)
{
        const struct policy_strings *l = p->type == POLICY_PRINCIPAL_FEDERATED ? &s->federated : &s->service;
        enum policy_match m;

        if (p->type == POLICY_PRINCIPAL_AWS) {
                m = aws_match(&s->aws, p);
                return m == POLICY_MATCH_NONE && s->any_principal ? POLICY_MATCH_ANY : m;
        }
        for (size_t i = 0; i < l->n; i++)
                if (strcmp(l->v[i], p->arn) == 0 || strcmp(l->v[i], "*") == 0 ||
                        (l == &s->federated && is_known_provider(l->v[i], p->arn)))
                        return POLICY_MATCH_EXACT;
        return s->any_principal ? POLICY_MATCH_ANY : POLICY_MATCH_NONE;
}

// Whom a NotPrincipal spares: a session only where the list has its role and its account (IAM user guide,
// "Specifying NotPrincipal with Deny": the account is validated first, then the role, then the session).
static bool is_spared(const struct policy_statement *s, const struct policy_request *q)
{
        const struct policy_principal *p = q->principal;
        bool exact = false, role = !p->role_arn, account = !p->account;

        if (q->has_boundary && p->type == POLICY_PRINCIPAL_AWS)
                return false;
        if (p->type != POLICY_PRINCIPAL_AWS)
                return principal_match(s, p) != POLICY_MATCH_NONE;
        for (size_t i = 0; i < s->aws.n; i++) {
                const char *l = s->aws.v[i];

                if (strcmp(l, "*") == 0)
                        return true;
                exact |= strcmp(l, p->arn) == 0;
                role |= p->role_arn && strcmp(l, p->role_arn) == 0;
                account |= p->account && is_account_root(l, p->account);
        }
        return s->any_principal || (account && role && (exact || p->role_arn));
}

static enum policy_match who_matches(const struct policy_statement *s, const struct policy_request *q)
{
        if (s->not_principal)
                return is_spared(s, q) ? POLICY_MATCH_NONE : POLICY_MATCH_ANY;
        return principal_match(s, q->principal);
}

// ---- actions and resources -------------------------------------------------------------------------------------------

static bool action_matches(const struct policy_statement *s, const char *action)
{
        size_t n = strlen(action);

        for (size_t i = 0; i < s->actions.n; i++) {
                const struct policy_pattern *p = &s->actions.v[i];

                if (policy_wildcard_match(p->ready, p->ready_n, action, n, true))
                        return !s->not_action;
        }
        return s->not_action;
}

static int resource_matches(
        const struct policy *p, const struct policy_statement *s, const struct policy_request *q)
{
        cleanup_buf struct buf room = BUF_INIT(1);
        unsigned flags = POLICY_WILDCARDS | (p->variables ? POLICY_VARIABLES : 0u);

        if (p->kind == POLICY_TRUST || s->resources.n == 0)
                return 1;
        for (size_t i = 0; i < s->resources.n; i++) {
                const char *pattern;
                size_t n;
                int r;

                if (!policy_pattern_begins(&s->resources.v[i], q->resource))
                        continue;
                r = policy_pattern_get(&pattern, &n, &room, &s->resources.v[i], flags, q->context);
                if (r == -ENOMEM)
                        return r;
                if (r == 0 && policy_arn_match(pattern, q->resource))
                        return !s->not_resource;
        }
        return s->not_resource;
}

// ---- statements ------------------------------------------------------------------------------------------------------

static int statement_progress(const struct policy *p, const struct policy_statement *s,
        const struct policy_request *q, enum policy_match *ret_match, struct err *why)
{
        int r;

        if (!action_matches(s, q->action))
                return AT_ACTION;
        *ret_match = POLICY_MATCH_NONE;
        if (p->kind != POLICY_IDENTITY) {
                *ret_match = who_matches(s, q);
                if (*ret_match == POLICY_MATCH_NONE) {
                        err_set(why, "no principal in it is %s", q->principal->arn);
                        return AT_PRINCIPAL;
                }
        }
        r = resource_matches(p, s, q);
        if (r <= 0) {
                err_set(why, "no resource in it is %s", q->resource);
                return r < 0 ? r : AT_RESOURCE;
        }
        for (size_t i = 0; i < s->n_conditions; i++) {
                r = policy_condition_holds(&s->conditions[i], p->variables, q->context, why);
                if (r <= 0)
                        return r < 0 ? r : AT_CONDITION;
        }
        return APPLIES;
}

// What stands against a refusal's reason: the statement that came furthest.
struct attempt {
        const struct policy_statement *statement;
        int progress;
};

static int explain(struct err *why, const struct policy *p, const struct policy_request *q,
        const struct attempt *furthest)
{
        enum policy_match match;
        int r;

        if (!furthest->statement) {
                err_set(why, "no statement allows %s", q->action);
                return 0;
        }
        r = statement_progress(p, furthest->statement, q, &match, why);
        err_prefix(why, "statement on line %u: ", furthest->statement->place.line);
        return r < 0 ? r : 0;
}

// The first Deny decides; without one the Allow that grants most.
static void applies(struct policy_verdict *v, const struct policy_statement *s, unsigned number,
        enum policy_match match, const char *action)
{
        bool decides;

        if (s->deny) {
                decides = v->n_denies++ == 0;
        } else {
                decides = v->n_denies == 0 && (!v->grants || match > v->granted);
                v->granted = v->grants && match < v->granted ? v->granted : match;
                v->grants = true;
        }
        if (!decides)
                return;
        v->decision = s->deny ? POLICY_EXPLICIT_DENY : POLICY_ALLOW;
        v->match = match;
        v->statement = number;
        v->line = s->place.line;
        err_clear(&v->why);
        err_set(&v->why, "the statement on line %u %s %s%s", s->place.line, s->deny ? "denies" : "allows",
                action, s->deny ? " explicitly" : "");
}

int policy_evaluate(struct policy_verdict *ret, const struct policy *p, const struct policy_request *q)
{
        struct policy_verdict v = {.decision = POLICY_IMPLICIT_DENY};
        struct attempt furthest = {.progress = AT_ACTION};

        for (size_t i = 0; i < p->n_statements; i++) {
                const struct policy_statement *s = &p->statements[i];
                enum policy_match match = POLICY_MATCH_NONE;
                int r = statement_progress(p, s, q, &match, NULL);

                if (r < 0)
                        return r;
                if (r == APPLIES)
                        applies(&v, s, (unsigned)i + 1, match, q->action);
                else if (!s->deny && r > furthest.progress)
                        furthest = (struct attempt){s, r};
        }
        if (v.decision == POLICY_IMPLICIT_DENY) {
                int r = explain(&v.why, p, q, &furthest);

                if (r < 0)
                        return r;
        }
        *ret = v;
        return 0;
}

int policy_each_match(const struct policy *p, const struct policy_request *q, bool deny,
        void (*cb)(unsigned statement, const struct policy_place *place, void *arg), void *arg)
{
        for (size_t i = 0; i < p->n_statements; i++) {
                enum policy_match match = POLICY_MATCH_NONE;
                int r = p->statements[i].deny == deny
                                ? statement_progress(p, &p->statements[i], q, &match, NULL)
                                : AT_ACTION;

                if (r < 0)
                        return r;
                if (r == APPLIES)
                        cb((unsigned)i + 1, &p->statements[i].place, arg);
        }
        return 0;
}

// The keys of the variables in a pattern: "${aws:username, 'nobody'}".
static void variables_of(const struct policy_pattern *p, unsigned line,
        void (*cb)(const char *key, unsigned line, void *arg), void *arg)
{
        const char *at = p->ready ? NULL : strstr(p->source, "${"); // what is ready has none

        for (; at; at = strstr(at + 2, "${")) {
                char key[256];
                size_t n = strcspn(at + 2, ",} ");

                if (n == 0 || n >= sizeof key || strchr("*?$", at[2]))
                        continue;
                memcpy(key, at + 2, n);
                key[n] = 0;
                cb(key, line, arg);
        }
}

void policy_each_key(const struct policy *p, void (*cb)(const char *key, unsigned line, void *arg), void *arg)
{
        for (size_t i = 0; i < p->n_statements; i++) {
                const struct policy_statement *s = &p->statements[i];

                for (size_t k = 0; k < s->resources.n; k++)
                        variables_of(&s->resources.v[k], s->place.line, cb, arg);
                for (size_t k = 0; k < s->n_conditions; k++) {
                        cb(s->conditions[k].key, s->place.line, arg);
                        for (size_t v = 0; v < s->conditions[k].values.n; v++)
                                variables_of(&s->conditions[k].values.v[v], s->place.line, cb, arg);
                }
        }
}
