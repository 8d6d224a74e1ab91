// SPDX-License-Identifier: Apache-2.0
//
// AssumeRoleWithWebIdentity: the token is verified (sts_token.c), then the trust policy decides, with exactly the condition keys
// that AWS has for a generic provider; other claims are no keys, and the log says so where a policy tries.
#include "sts_internal.h"

#include <stdio.h>

#include "jwt.h"
#include "log.h"
#include "policy_web_identity.h"

// ---- the trust policy -------------------------------------------------------------------------------------------------

struct foreign_keys {
        const struct web_request *r;
        const struct dir_provider *provider;
        const json_t *claims;
};

static void note_foreign_key(const char *key, unsigned line, void *arg)
{
        const struct foreign_keys *f = arg;

        if (policy_web_identity_no_key(key, f->provider->name))
                log_event(LOG_E_WARNING, "sts.no_condition_key",
                        "request=%s key=%s line=%u claim_in_token=%s note=%s", f->r->id, key, line,
                        json_object_get(f->claims, key + strlen(f->provider->name) + 1) ? "yes" : "no",
                        "AWS has no such condition key for a generic provider: only aud, oaud, sub and amr; "
                        "use session tags");
}

// The first action the trust policy does not allow; NULL: all are. -ENOMEM through *ret_failed.
static const char *find_refused(const struct policy *trust, const struct dir_provider *provider,
        const struct policy_context *ctx, const char *const *actions, struct err *why, bool *ret_failed)
{
        struct policy_principal principal = {
                POLICY_PRINCIPAL_FEDERATED, provider->arn, NULL, provider->account, false};

        *ret_failed = false;
        for (; *actions; actions++) {
                struct policy_request q = {.principal = &principal, .action = *actions, .context = ctx};
                struct policy_verdict v;

                if (policy_evaluate(&v, trust, &q) < 0)
                        *ret_failed = true;
                else if (v.decision == POLICY_ALLOW)
                        continue;
                else
                        *why = v.why;
                return *actions;
        }
        return NULL;
}

// 0; -ENOMEM; -EACCES with the answer sent.
static int check_trust(struct web_request *r, const struct sts_params *p, const struct dir_role *role,
        const struct dir_provider *provider, const struct policy_web_identity *w)
{
        _cleanup_(policy_context_freep) struct policy_context *ctx = NULL;
        struct foreign_keys foreign = {r, provider, w->claims};
        const char *actions[4], *refused;
        char message[96];
        struct err why = ERR_INIT;
        bool failed;
        int k = sts_context_new(&ctx, r);

        if (k == 0)
                k = policy_context_add(ctx, "sts:RoleSessionName", p->session_name);

        if (k == 0)
                k = policy_web_identity_to_context(ctx, w, provider->name);
        if (k < 0)
                return k;
        policy_web_identity_actions(actions, w);
        policy_each_key(role->trust, note_foreign_key, &foreign);
        refused = find_refused(role->trust, provider, ctx, actions, &why, &failed);
        if (failed)
                return -ENOMEM;
        if (!refused)
                return 0;
        snprintf(message, sizeof message, "Not authorized to perform %s", refused);
        sts_refuse(r, 403, "AccessDenied", message, why.text);
        return -EACCES;
}

// ---- the operation --------------------------------------------------------------------------------------------------

static void answer(struct web_request *r, struct sts_params *p, const struct dir_role *role,
        const struct dir_provider *provider, const struct jwt_claims *c, const char *source_identity)
{
        cleanup_buf struct buf b = BUF_INIT(65536);
        int packed = sts_packed_percent(p);
        char text[128];
        struct sts_session *s;

        if (packed > 100) {
                snprintf(text, sizeof text, "Packed size of session tags consumes %d%% of allotted space.",
                        packed);
                sts_refuse(r, 400, "PackedPolicyTooLarge", text, NULL);
                return;
        }
        s = sts_session_new(r, p, role, source_identity, provider->arn);
        if (!s) {
                sts_out_of_memory(r);
                return;
        }
        xml_text(&b, "Audience", c->azp ? c->azp : c->aud);
        sts_session_xml(&b, s, packed);
        xml_text(&b, "Provider", provider->arn);
        xml_text(&b, "SubjectFromWebIdentityToken", c->sub);
        log_event(LOG_E_INFO, "sts.assumed", "operation=%s request=%s arn=%s sub=%s key=%s seconds=%lld",
                r->op, r->id, s->arn, c->sub, s->access_key_id, (long long)(s->expires_s - s->issued_s));
        xml_reply_result(r, "AssumeRoleWithWebIdentity", &b);
}

static void decide(struct web_request *r, struct sts_params *p, const struct dir_provider *provider,
        const struct jwt_claims *c)
{
        const struct dir_role *role = dir_find_role(r->cloud->dir, p->role_arn);
        struct policy_web_identity w;
        const char *source_identity;
        struct err err = ERR_INIT;
        int k;

        if (!role) {
                sts_refuse(r, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                        "there is no such role");
                return;
        }
        k = policy_web_identity_read(&w, c->all, &err);
        if (k == -EINVAL) {
                sts_refuse(r, 400, "InvalidIdentityToken", err.text, NULL);
                return;
        }
        if (k < 0) {
                sts_out_of_memory(r);
                return;
        }
        k = check_trust(r, p, role, provider, &w);
        source_identity = w.source_identity; // of the claims, which live on
        p->tags = w.tags;
        if (k == 0 && p->duration_s > role->max_duration_s)
                sts_refuse_duration(
                        r, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
        else if (k == 0)
                answer(r, p, role, provider, c, source_identity);
        else if (k != -EACCES)
                sts_out_of_memory(r);
}

static void handle(struct web_request *r, bool fetched)
{
        const struct dir_provider *provider;
        struct sts_params p;
        struct jwt_claims c;

        if (!sts_params_read(&p, r, STS_WEB_IDENTITY))
                return;
        if (sts_token_verify(r, &p, !fetched, &provider, &c)) {
                decide(r, &p, provider, &c);
                jwt_claims_deinit(&c);
        }
        sts_params_deinit(&p);
}

void sts_web_identity_again(struct web_request *r)
{
        handle(r, /* fetched= */ true);
}

void sts_assume_role_with_web_identity(struct web_request *r)
{
        if (faults_take(r->cloud->faults, FAULTS_IDP_COMMUNICATION, SERVICE_STS, r->op))
                sts_refuse(r, 400, "IDPCommunicationError",
                        "Unable to communicate with the identity provider", "a fault switch");
        else if (faults_take(r->cloud->faults, FAULTS_VERIFICATION_KEY, SERVICE_STS, r->op))
                sts_refuse(r, 400, "InvalidIdentityToken", STS_NO_KEY, "a fault switch");
        else
                handle(r, /* fetched= */ false);
}
