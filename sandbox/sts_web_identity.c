// SPDX-License-Identifier: Apache-2.0
//
// AssumeRoleWithWebIdentity: the token is verified (sts_token.c), then the trust policy decides, with exactly the condition keys
// that AWS has for a generic provider; other claims are no keys, and the log says so where a policy tries.
#include "sts_internal.h"

#include <stdio.h>

#include "json.h"
#include "jwt.h"
#include "log.h"

#define SOURCE_IDENTITY "https://aws.amazon.com/source_identity"

// ---- the trust policy -------------------------------------------------------------------------------------------------

static int add_issuer_key(
        struct policy_context *c, const struct dir_provider *p, const char *name, const char *value)
{
        cleanup_free char *key = NULL;

        if (asprintf(&key, "%s:%s", p->name, name) < 0)
                return -ENOMEM;
        return policy_context_add(c, key, value);
}

static int add_claims(struct policy_context *ctx, const struct dir_provider *p, const struct jwt_claims *c)
{
        const json_t *amr = json_object_get(c->all, "amr");
        size_t i;
        json_t *v;
        int r = add_issuer_key(ctx, p, "sub", c->sub);

        // aud is azp where the token has one; oaud is then what aud was.
        if (r == 0)
                r = add_issuer_key(ctx, p, "aud", c->azp ? c->azp : c->aud);
        if (r == 0 && c->azp)
                r = add_issuer_key(ctx, p, "oaud", c->aud);
        json_array_foreach(amr, i, v) if (r == 0 && json_is_string(v)) r =
                add_issuer_key(ctx, p, "amr", json_string_value(v));
        return r;
}

struct foreign_keys {
        const struct web_request *r;
        const struct dir_provider *provider;
        const json_t *claims;
};

static void note_foreign_key(const char *key, unsigned line, void *arg)
{
        static const char *const known[] = {"aud", "oaud", "sub", "amr", NULL};
        const struct foreign_keys *f = arg;
        size_t n = strlen(f->provider->name);
        const char *const *k = known;

        if (strncasecmp(key, f->provider->name, n) != 0 || key[n] != ':')
                return;
        while (*k && strcasecmp(*k, key + n + 1) != 0)
                k++;
        if (!*k)
                log_event(LOG_E_WARNING, "sts.no_condition_key",
                        "request=%s key=%s line=%u claim_in_token=%s note=%s", f->r->id, key, line,
                        json_object_get(f->claims, key + n + 1) ? "yes" : "no",
                        "AWS has no such condition key for a generic provider: only aud, oaud, sub and amr; "
                        "use session tags");
}

// The first action the trust policy does not allow; NULL: all are. -ENOMEM through *ret_failed.
static const char *find_refused(const struct policy *trust, const struct dir_provider *provider,
        const struct policy_context *ctx, const char *const *actions, struct err *why, bool *ret_failed)
{
        struct policy_principal principal = {
                POLICY_PRINCIPAL_FEDERATED, provider->arn, NULL, provider->account};

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
        const struct dir_provider *provider, const struct jwt_claims *c, const char *source_identity)
{
        _cleanup_(policy_context_freep) struct policy_context *ctx = NULL;
        struct foreign_keys foreign = {r, provider, c->all};
        const char *actions[4] = {"sts:AssumeRoleWithWebIdentity"}, *refused;
        char message[96];
        struct err why = ERR_INIT;
        size_t n = 1;
        bool failed;
        int k = sts_context_new(&ctx, r, p);

        if (k < 0 || (k = add_claims(ctx, provider, c)) < 0 || (k = sts_tags_to_context(ctx, &p->tags)) < 0 ||
                (k = policy_context_add(ctx, "sts:SourceIdentity", source_identity)) < 0)
                return k;
        if (p->tags.n)
                actions[n++] = "sts:TagSession";
        if (source_identity)
                actions[n++] = "sts:SetSourceIdentity";
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

// STS's own rule for a source identity: 2 to 64 of [\w+=,.@-].
static bool source_identity_valid(const char *s)
{
        size_t n = strlen(s);

        return n >= 2 && n <= 64 &&
               strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-") == n;
}

static void decide(struct web_request *r, struct sts_params *p, const struct dir_provider *provider,
        const struct jwt_claims *c)
{
        const struct dir_role *role = dir_find_role(r->cloud->dir, p->role_arn);
        const char *source_identity = NULL;
        struct err err = ERR_INIT;
        int k;

        if (!role) {
                sts_refuse(r, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                        "there is no such role");
                return;
        }
        k = json_get_string(c->all, SOURCE_IDENTITY, 64, &source_identity);
        if ((k < 0 && k != -ENOENT) || (source_identity && !source_identity_valid(source_identity))) {
                sts_refuse(r, 400, "InvalidIdentityToken", "The token's source identity is not valid", NULL);
                return;
        }
        k = sts_tags_of_token(&p->tags, c->all, &err);
        if (k == -EINVAL) {
                sts_refuse(r, 400, "InvalidIdentityToken", err.text, NULL);
                return;
        }
        if (k == 0)
                k = check_trust(r, p, role, provider, c, source_identity);
        if (k == 0 && p->duration_s > role->max_duration_s) {
                sts_refuse_duration(
                        r, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
                return;
        }
        if (k == 0)
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
