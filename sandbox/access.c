// SPDX-License-Identifier: Apache-2.0
//
// The directory is read anew while sessions live: a role that is gone grants nothing any more.
#include "access.h"

#include <stdio.h>

#include "log.h"

static void note_key(const char *key, unsigned line, void *arg)
{
        (void)key;
        (void)line;
        *(bool *)arg = true;
}

static bool has_conditions(const struct policy *p)
{
        bool yes = false;

        policy_each_key(p, note_key, &yes);
        return yes;
}

int access_role_documents(struct policy_document **ret, size_t *ret_n, const struct dir *d,
        const struct dir_role *role, bool skip_conditions, size_t spare)
{
        size_t n_own = role ? role->n_inline + role->n_attached + 1 : 0, n = 0;
        struct policy_document *docs = calloc(n_own + d->n_controls + spare + 1, sizeof *docs);

        if (!docs)
                return -ENOMEM;
        for (size_t i = 0; role && i < role->n_inline; i++)
                docs[n++] = (struct policy_document){role->inlined[i].policy, POLICY_LAYER_IDENTITY, 0};
        for (size_t i = 0; role && i < role->n_attached; i++)
                docs[n++] =
                        (struct policy_document){role->attached[i].managed->policy, POLICY_LAYER_IDENTITY, 0};
        if (role && role->boundary.managed)
                docs[n++] =
                        (struct policy_document){role->boundary.managed->policy, POLICY_LAYER_BOUNDARY, 0};
        // The organisation is that of the directory's own account.
        for (size_t i = 0; role && strcmp(role->account, d->account) == 0 && i < d->n_controls; i++)
                if (!skip_conditions || !has_conditions(d->controls[i].policy))
                        docs[n++] = (struct policy_document){
                                d->controls[i].policy, POLICY_LAYER_SERVICE_CONTROL, d->controls[i].level};
        *ret = docs;
        *ret_n = n;
        return 0;
}

// Managed policies that narrow the session. False: one of them is not in the directory, which narrows it to nothing.
static bool add_session_policies(
        struct policy_document *docs, size_t *n, const struct dir *d, const struct sts_session *s)
{
        if (s->policy)
                docs[(*n)++] = (struct policy_document){s->policy, POLICY_LAYER_SESSION, 0};
        for (size_t i = 0; i < s->n_policy_arns; i++) {
                const struct dir_policy *p = dir_find_policy(d, s->policy_arns[i]);

                if (!p)
                        return false;
                docs[(*n)++] = (struct policy_document){p->policy, POLICY_LAYER_SESSION, 0};
        }
        return true;
}

struct collect {
        const struct policy *policy;
        json_t *to;
        bool failed;
};

static void on_match(unsigned statement, const struct policy_place *place, void *arg)
{
        struct collect *c = arg;

        (void)place;
        c->failed |= json_array_append(c->to, policy_statement_json(c->policy, statement)) < 0;
}

static int collect_denies(json_t *to, const struct policy_case *c)
{
        for (size_t i = 0; i < c->n_documents; i++) {
                struct collect x = {c->documents[i].policy, to, false};
                int r = policy_each_match(x.policy, &c->request, true, on_match, &x);

                if (r < 0 || x.failed)
                        return -ENOMEM;
        }
        return 0;
}

int access_decide(struct web_request *r, const struct access *a, struct policy_outcome *ret)
{
        const struct dir *d = r->cloud->dir;
        const struct dir_role *own = dir_find_role(d, a->caller->role_arn);
        const struct policy_principal principal = {.type = POLICY_PRINCIPAL_AWS,
                .arn = a->caller->arn,
                .role_arn = a->caller->role_arn,
                .account = a->caller->account};
        cleanup_free struct policy_document *docs = NULL;
        struct policy_case c = {.request = {.principal = &principal,
                                        .action = a->action,
                                        .resource = a->resource,
                                        .context = a->context},
                .resource_account = a->resource_account,
                .resource_must_allow = a->resource_must_allow};
        bool known, direct;
        int k = access_role_documents(&docs, &c.n_documents, d, own, false, STS_POLICY_ARNS_MAX + 2);

        if (k < 0)
                return k;
        if (a->resource_policy)
                docs[c.n_documents++] =
                        (struct policy_document){a->resource_policy, POLICY_LAYER_RESOURCE, 0};
        known = add_session_policies(docs, &c.n_documents, d, a->caller);
        c.documents = docs;
        *ret = (struct policy_outcome){.decision = POLICY_IMPLICIT_DENY};
        k = policy_decide(ret, &c);
        direct = !ret->across_accounts &&
                 (ret->findings[POLICY_LAYER_RESOURCE].granted == POLICY_MATCH_EXACT ||
                         ret->findings[POLICY_LAYER_RESOURCE].granted == POLICY_MATCH_ANY);
        // Only what is granted to the session itself is not for its policies to limit.
        if (k == 0 && !known && !direct && ret->decision == POLICY_ALLOW) {
                ret->decision = POLICY_IMPLICIT_DENY;
                ret->decided = POLICY_LAYER_SESSION;
                err_clear(&ret->why);
                err_set(&ret->why,
                        "the session is limited by a managed policy that the sandbox does not have");
        }
        if (k == 0 && a->matched && ret->decision == POLICY_EXPLICIT_DENY)
                k = collect_denies(a->matched, &c);
        return k;
}

// ---- the request's keys ---------------------------------------------------------------------------------------------

static int add_caller(struct policy_context *c, const struct sts_session *s)
{
        int r;

        if ((r = policy_context_add(c, "aws:PrincipalArn", s->role_arn)) < 0 ||
                (r = policy_context_add(c, "aws:PrincipalAccount", s->account)) < 0 ||
                (r = policy_context_add(c, "aws:PrincipalType", "AssumedRole")) < 0 ||
                (r = policy_context_add(c, "aws:userid", s->user_id)) < 0 ||
                (r = policy_context_add(c, "aws:FederatedProvider", s->provider)) < 0 ||
                (r = policy_context_add(c, "aws:SourceIdentity", s->source_identity)) < 0)
                return r;
        for (size_t i = 0; i < s->tags.n; i++) {
                char key[160];

                snprintf(key, sizeof key, "aws:PrincipalTag/%s", s->tags.v[i].key);
                r = policy_context_add(c, key, s->tags.v[i].value);
                if (r < 0)
                        return r;
        }
        return 0;
}

int access_context_new(struct policy_context **ret, struct web_request *r, const struct sts_session *caller,
        const char *region)
{
        _cleanup_(policy_context_freep) struct policy_context *c = NULL;
        int k = sts_context_new(&c, r);

        if (k == 0)
                k = add_caller(c, caller);
        if (k == 0)
                k = policy_context_add(c, "aws:RequestedRegion", region);
        if (k == 0)
                *ret = TAKE_PTR(c);
        return k;
}

// ---- and the answer ----------------------------------------------------------------------------------------------------

// IAM user guide, "Troubleshoot access denied error messages".
int access_reason(struct buf *out, const struct policy_outcome *o, const char *action)
{
        const char *kind = policy_layer_name(o->decided);

        if (o->decision == POLICY_EXPLICIT_DENY)
                return buf_printf(
                        out, " with an explicit deny in %s %s", strchr("aeiou", *kind) ? "an" : "a", kind);
        return buf_printf(out, " because no %s allows the %s action", kind, action);
}

static void deny(struct web_request *r, const struct sts_session *caller, const char *action,
        const char *shown, const struct policy_outcome *o)
{
        cleanup_buf struct buf b = BUF_INIT(8192);

        buf_printf(
                &b, "User: %s is not authorized to perform: %s on resource: %s", caller->arn, action, shown);
        if (access_reason(&b, o, action) < 0)
                sts_out_of_memory(r);
        else
                sts_refuse(r, 403, "AccessDenied", buf_str(&b), o->why.text);
}

bool access_check(struct web_request *r, const struct sts_session *caller, const char *region,
        const char *action, const char *resource, const char *shown)
{
        _cleanup_(policy_context_freep) struct policy_context *c = NULL;
        struct policy_outcome o = {.decision = POLICY_IMPLICIT_DENY};
        int k = access_context_new(&c, r, caller, region);

        if (k == 0)
                k = access_decide(r,
                        &(struct access){
                                .caller = caller, .action = action, .resource = resource, .context = c},
                        &o);
        if (k < 0)
                sts_out_of_memory(r);
        else if (o.decision != POLICY_ALLOW)
                deny(r, caller, action, shown, &o);
        return k == 0 && o.decision == POLICY_ALLOW;
}
