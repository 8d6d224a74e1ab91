// SPDX-License-Identifier: Apache-2.0
//
// AssumeRoleWithWebIdentity. First the token: which provider of the account issued it, is it that provider's
// signature, is it in time, is its client on the list. Then the trust policy, with exactly the condition keys
// that AWS has for a generic provider; other claims are no keys, and the log says so where a policy tries.
#include "sts_internal.h"

#include <stdio.h>

#include "b64.h"
#include "json.h"
#include "jwt.h"
#include "keyring.h"
#include "log.h"

#define KEYS_MAX_AGE_S  300
#define SOURCE_IDENTITY "https://aws.amazon.com/source_identity"
#define NO_KEY                                                                                               \
        "Couldn't retrieve verification key from your identity provider,  please reference "                 \
        "AssumeRoleWithWebIdentity documentation for requirements"
#define NO_JWT                                                                                               \
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"

enum state {
        FIRST,   // with the keys we have
        FETCHED, // keys were just fetched
};
static void handle(struct web_request *r, enum state state);

// ---- the token ------------------------------------------------------------------------------------------------------

static json_t *part_of(const char *s, size_t n)
{
        cleanup_buf struct buf b = BUF_INIT(JWT_TOKEN_MAX);
        json_t *j = NULL;

        if (b64url_decode(&b, s, n) < 0 || json_parse(&j, buf_str(&b), b.n, NULL) < 0)
                return NULL;
        return j;
}

// What the token says of itself, before any of it is believed: enough to know whom to ask.
static bool peek(const char *token, char issuer[512], char alg[16])
{
        const char *dot = strchr(token, '.'), *dot2 = dot ? strchr(dot + 1, '.') : NULL, *s;
        cleanup_json json_t *header = dot2 ? part_of(token, (size_t)(dot - token)) : NULL;
        cleanup_json json_t *payload = dot2 ? part_of(dot + 1, (size_t)(dot2 - dot - 1)) : NULL;

        if (!header || !payload || json_get_string(header, "alg", 15, &s) < 0)
                return false;
        snprintf(alg, 16, "%s", s);
        issuer[0] = 0;
        if (json_get_string(payload, "iss", 511, &s) == 0)
                snprintf(issuer, 512, "%s", s);
        return true;
}

// STS verifies fewer algorithms than a sign-in may use.
static bool alg_accepted(const char *alg)
{
        static const char *const accepted[] = {"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", NULL};

        for (const char *const *a = accepted; *a; a++)
                if (strcmp(*a, alg) == 0)
                        return true;
        return false;
}

static void refuse_token(struct web_request *r, int result, const struct jwt_claims *c, const struct err *err)
{
        char text[160];

        switch (result) {
        case JWT_E_MALFORMED:
                sts_refuse(r, 400, "InvalidIdentityToken", NO_JWT, err->text);
                return;
        case JWT_E_NO_KEY:
                sts_refuse(r, 400, "InvalidIdentityToken", NO_KEY, err->text);
                return;
        case JWT_E_AUDIENCE:
                sts_refuse(r, 400, "InvalidIdentityToken", "Incorrect token audience", err->text);
                return;
        case JWT_E_SUBJECT:
                sts_refuse(r, 400, "InvalidIdentityToken", "Missing a required claim: sub", err->text);
                return;
        case JWT_E_EXPIRED:
                if (c)
                        snprintf(text, sizeof text,
                                "Token expired: current date/time %lld must be before the expiration "
                                "date/time %lld",
                                (long long)sts_now_s(r), (long long)c->exp);
                else
                        snprintf(text, sizeof text,
                                "Token expired: current date/time %lld must be before the expiration "
                                "date/time",
                                (long long)sts_now_s(r));
                sts_refuse(r, 400, "ExpiredTokenException", text, err->text);
                return;
        default:
                if (result < 0)
                        sts_out_of_memory(r);
                else
                        sts_refuse(r, 400, "InvalidIdentityToken", jwt_result_text(result), err->text);
        }
}

static bool on_list(const struct dir_provider *p, const char *client_id)
{
        size_t i;
        json_t *v;

        json_array_foreach(p->client_ids, i,
                v) if (json_is_string(v) && strcmp(json_string_value(v), client_id) == 0) return true;
        return false;
}

// Keys of our own issuer are at hand; of others they are fetched. 0 and keys (free own_ret); 1: the request
// waits or has been answered; -ENOMEM.
static int find_keys(struct web_request *r, const struct dir_provider *p, enum state state,
        const struct jwks **ret, struct jwks **own_ret);
static void fetched(struct web_request *r, bool unreachable, const char *why)
{
        if (!why)
                handle(r, FETCHED);
        else if (unreachable)
                sts_refuse(r, 400, "IDPCommunicationError",
                        "Unable to communicate with the identity provider", why);
        else
                sts_refuse(r, 400, "InvalidIdentityToken", NO_KEY, why);
}

static int find_keys(struct web_request *r, const struct dir_provider *p, enum state state,
        const struct jwks **ret, struct jwks **own_ret)
{
        const struct cloud *c = r->cloud;

        if (strcmp(p->url, c->issuer) == 0) {
                cleanup_json json_t *doc = NULL;
                cleanup_free char *text = NULL;
                int k = keyring_jwks(c->keys, 0, &doc);

                if (k == 0 && !(text = json_dumps(doc, JSON_COMPACT)))
                        k = -ENOMEM;
                if (k == 0)
                        k = jwks_parse(own_ret, text, strlen(text), NULL);
                *ret = *own_ret;
                return k;
        }
        *ret = sts_keys_get(c->sts->keys, p->url, sts_now_s(r), KEYS_MAX_AGE_S);
        if (*ret)
                return 0;
        // Just fetched and yet not there: the sandbox's own trouble.
        if (state == FETCHED)
                return -ENOMEM;
        sts_keys_fetch(r, p, fetched);
        return 1;
}

// The verified claims; false: the request waits or has been answered.
static bool verify_token(struct web_request *r, const struct sts_params *p, enum state state,
        const struct dir_provider **ret_provider, struct jwt_claims *ret)
{
        _cleanup_(jwks_freep) struct jwks *own = NULL;
        struct jwt_expect expect = {.caller_judges_audience = true, .now_s = sts_now_s(r)};
        const struct dir_provider *provider;
        const struct jwks *keys;
        char issuer[512], alg[16], text[640];
        struct err err = ERR_INIT;
        struct jwt_claims c;
        int k;

        if (!peek(p->token, issuer, alg)) {
                sts_refuse(r, 400, "InvalidIdentityToken", NO_JWT, NULL);
                return false;
        }
        provider = dir_find_provider(r->cloud->dir, p->account, issuer);
        if (!provider) {
                snprintf(text, sizeof text, "No OpenIDConnect provider found in your account for %s", issuer);
                sts_refuse(r, 400, "InvalidIdentityToken", text, NULL);
                return false;
        }
        if (!alg_accepted(alg)) {
                snprintf(text, sizeof text, "The token is signed with %s", alg);
                sts_refuse(r, 400, "InvalidIdentityToken", text, "STS takes RS256/384/512 and ES256/384/512");
                return false;
        }
        k = find_keys(r, provider, state, &keys, &own);
        if (k != 0) {
                if (k < 0)
                        sts_out_of_memory(r);
                return false;
        }
        expect.issuer = provider->url;
        k = jwt_verify(&c, p->token, strlen(p->token), keys, &expect, &err);
        if (k == JWT_E_NO_KEY && !own && state == FIRST) {
                sts_keys_fetch(r, provider, fetched);
                return false;
        }
        if (k != 0) {
                refuse_token(r, k, NULL, &err);
                return false;
        }
        // jwt_verify() forgives a minute; STS does not.
        if (sts_now_s(r) >= c.exp)
                refuse_token(r, JWT_E_EXPIRED, &c, &err);
        else if (!on_list(provider, c.azp ? c.azp : c.aud) ||
                 (!c.azp && json_array_size(json_object_get(c.all, "aud")) > 1))
                refuse_token(r, JWT_E_AUDIENCE, &c, &err);
        else {
                *ret_provider = provider;
                *ret = c;
                return true;
        }
        jwt_claims_deinit(&c);
        return false;
}

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
        if (k < 0 && k != -ENOENT) {
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
                sts_refuse(r, 400, "ValidationError",
                        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                        NULL);
                return;
        }
        if (k == 0)
                answer(r, p, role, provider, c, source_identity);
        else if (k != -EACCES)
                sts_out_of_memory(r);
}

static void handle(struct web_request *r, enum state state)
{
        const struct dir_provider *provider;
        struct sts_params p;
        struct jwt_claims c;

        if (!sts_params_read(&p, r, STS_WEB_IDENTITY))
                return;
        if (verify_token(r, &p, state, &provider, &c)) {
                decide(r, &p, provider, &c);
                jwt_claims_deinit(&c);
        }
        sts_params_deinit(&p);
}

void sts_assume_role_with_web_identity(struct web_request *r)
{
        if (faults_take(r->cloud->faults, FAULTS_IDP_COMMUNICATION, SERVICE_STS, r->op))
                sts_refuse(r, 400, "IDPCommunicationError",
                        "Unable to communicate with the identity provider", "a fault switch");
        else if (faults_take(r->cloud->faults, FAULTS_VERIFICATION_KEY, SERVICE_STS, r->op))
                sts_refuse(r, 400, "InvalidIdentityToken", NO_KEY, "a fault switch");
        else
                handle(r, FIRST);
}
