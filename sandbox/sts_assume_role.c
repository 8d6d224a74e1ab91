// SPDX-License-Identifier: Apache-2.0
//
// AssumeRole by a role session: chaining. Who may is decided by two sides: the role's trust policy, and what
// the caller's own policies allow — needed across accounts, and within one unless the trust policy names the
// caller's role or session itself (IAM user guide, "Cross-account policy evaluation logic" and "Difference
// between resource-based and identity-based policies").
#include "access.h"

#include <stdio.h>

#include "log.h"

#define CHAINED_MAX_S 3600

struct attempt {
        struct web_request *r;
        struct sts_params *p;
        const struct sts_session *caller;
        const struct dir_role *role; // NULL: there is none
        struct policy_context *ctx;
};

static int make_context(struct attempt *a, const char *region)
{
        int r = access_context_new(&a->ctx, a->r, a->caller, region);

        if (r < 0 || (r = policy_context_add(a->ctx, "sts:RoleSessionName", a->p->session_name)) < 0 ||
                (r = sts_tags_to_context(a->ctx, &a->p->tags)) < 0 ||
                (r = policy_context_add(a->ctx, "sts:ExternalId", a->p->external_id)) < 0)
                return r;
        return policy_context_add(a->ctx, "sts:SourceIdentity",
                a->p->source_identity ? a->p->source_identity : a->caller->source_identity);
}

// 1: allowed, 0: not (why), -ENOMEM.
static int allowed(const struct attempt *a, const char *action, struct err *why)
{
        struct policy_outcome o;
        int r = access_decide(a->r,
                &(struct access){.caller = a->caller,
                        .action = action,
                        .resource = a->p->role_arn,
                        .context = a->ctx,
                        .resource_account = a->role->account,
                        .resource_policy = a->role->trust,
                        .resource_must_allow = true},
                &o);

        *why = o.why;
        return r < 0 ? r : o.decision == POLICY_ALLOW;
}

// ---- tags and source identity of a chain ----------------------------------------------------------------------------

static bool inherits_tags(const struct sts_session *s)
{
        for (size_t i = 0; i < s->tags.n; i++)
                if (s->tags.v[i].transitive)
                        return true;
        return false;
}

// 0; 1: conflicts, answered; -ENOMEM.
static int check_inherited(const struct attempt *a)
{
        for (size_t i = 0; i < a->caller->tags.n; i++)
                if (a->caller->tags.v[i].transitive && sts_tags_find(&a->p->tags, a->caller->tags.v[i].key)) {
                        sts_refuse(a->r, 400, "InvalidParameterValue",
                                "One of the specified transitive tag keys can't be set because it conflicts "
                                "with a "
                                "transitive tag key from the calling session.",
                                NULL);
                        return 1;
                }
        return 0;
}

static int inherit_tags(struct sts_params *p, const struct sts_session *s)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < s->tags.n; i++)
                if (s->tags.v[i].transitive)
                        r = sts_tags_add(&p->tags, s->tags.v[i].key, s->tags.v[i].value, true, NULL);
        return r;
}

// ---- the operation --------------------------------------------------------------------------------------------------

static void refuse(const struct attempt *a, const char *action, const char *why)
{
        cleanup_free char *message = NULL;

        if (asprintf(&message, "User: %s is not authorized to perform: %s on resource: %s", a->caller->arn,
                    action, a->p->role_arn) < 0)
                sts_out_of_memory(a->r);
        else
                sts_refuse(a->r, 403, "AccessDenied", message, why);
}

// Every action the call needs. True: go on; false: answered.
static bool authorise(const struct attempt *a)
{
        const char *actions[4] = {"sts:AssumeRole"};
        const char *had = a->caller->source_identity, *wants = a->p->source_identity;
        struct err why = ERR_INIT;
        size_t n = 1;

        if (!a->role) {
                refuse(a, "sts:AssumeRole", "there is no such role");
                return false;
        }
        if (had && wants && strcmp(had, wants) != 0) {
                refuse(a, "sts:SetSourceIdentity", "a source identity, once set, stays for the whole chain");
                return false;
        }
        if (a->p->tags.n || inherits_tags(a->caller))
                actions[n++] = "sts:TagSession";
        if (had || wants)
                actions[n++] = "sts:SetSourceIdentity";
        for (size_t i = 0; i < n; i++) {
                int r = allowed(a, actions[i], &why);

                if (r < 0)
                        sts_out_of_memory(a->r);
                else if (r == 0)
                        refuse(a, actions[i], why.text);
                if (r != 1)
                        return false;
        }
        return true;
}

static void grant(struct attempt *a)
{
        cleanup_buf struct buf b = BUF_INIT(65536);
        int packed = sts_packed_percent(a->p);
        char text[128];
        struct sts_session *s;

        if (packed > 100) {
                snprintf(text, sizeof text, "Packed size of session tags consumes %d%% of allotted space.",
                        packed);
                sts_refuse(a->r, 400, "PackedPolicyTooLarge", text, NULL);
                return;
        }
        if (inherit_tags(a->p, a->caller) < 0) {
                sts_refuse(a->r, 400, "InvalidParameterValue", "A session has at most 50 tags.", NULL);
                return;
        }
        s = sts_session_new(a->r, a->p, a->role,
                a->p->source_identity ? a->p->source_identity : a->caller->source_identity,
                a->caller->provider);
        if (!s) {
                sts_out_of_memory(a->r);
                return;
        }
        sts_session_xml(&b, s, packed);
        log_event(LOG_E_INFO, "sts.assumed", "operation=%s request=%s arn=%s key=%s seconds=%lld", a->r->op,
                a->r->id, s->arn, s->access_key_id, (long long)(s->expires_s - s->issued_s));
        xml_reply_result(a->r, "AssumeRole", &b);
}

static void attempt(struct attempt *a, const char *region)
{
        if (web_param(a->r, "SerialNumber") || web_param(a->r, "TokenCode")) {
                sts_refuse(a->r, 403, "AccessDenied",
                        "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
                        "a role session has no MFA device");
                return;
        }
        if (make_context(a, region) < 0) {
                sts_out_of_memory(a->r);
                return;
        }
        if (check_inherited(a) != 0 || !authorise(a))
                return;
        if (web_param(a->r, "DurationSeconds") && a->p->duration_s > CHAINED_MAX_S)
                sts_refuse_duration(a->r,
                        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
                        "role chaining.");
        else if (a->p->duration_s > a->role->max_duration_s)
                sts_refuse_duration(a->r,
                        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
        else
                grant(a);
}

void sts_assume_role(struct web_request *r)
{
        char region[65];
        const struct sts_session *caller = sts_authenticate(r, "sts", region);
        struct sts_params p;
        struct attempt a;

        if (!caller || !sts_params_read(&p, r, 0))
                return;
        a = (struct attempt){
                .r = r, .p = &p, .caller = caller, .role = dir_find_role(r->cloud->dir, p.role_arn)};
        attempt(&a, region);
        policy_context_free(a.ctx);
        sts_params_deinit(&p);
}
