// SPDX-License-Identifier: Apache-2.0
//
// The token of AssumeRoleWithWebIdentity: which provider of the account issued it, is it that provider's
// signature, is it in time, is its client on the provider's list.
#include "sts_internal.h"

#include <stdio.h>

#include "b64.h"
#include "json.h"
#include "jwt.h"
#include "keyring.h"

#define KEYS_MAX_AGE_S 300
#define NO_JWT                                                                                               \
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"

static json_t *part_of(const char *s, size_t n)
{
        cleanup_buf struct buf b = BUF_INIT(JWT_TOKEN_MAX);
        json_t *j = NULL;

        if (b64url_decode(&b, s, n) < 0 || json_parse(&j, buf_str(&b), b.n, NULL) < 0)
                return NULL;
        return j;
}

// What the token says of itself, before any of it is believed: enough to know whom to ask.
static bool peek(const char *token, char issuer[512], char alg[16], int64_t *ret_exp)
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
        *ret_exp = 0;
        (void)json_get_int64(payload, "exp", ret_exp); // only for the text of a refusal
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

static void refuse_token(struct web_request *r, int result, int64_t exp, const struct err *err)
{
        char text[160];

        switch (result) {
        case JWT_E_MALFORMED:
                sts_refuse(r, 400, "InvalidIdentityToken", NO_JWT, err->text);
                return;
        case JWT_E_NO_KEY:
                sts_refuse(r, 400, "InvalidIdentityToken", STS_NO_KEY, err->text);
                return;
        case JWT_E_AUDIENCE:
                sts_refuse(r, 400, "InvalidIdentityToken", "Incorrect token audience", err->text);
                return;
        case JWT_E_SUBJECT:
                sts_refuse(r, 400, "InvalidIdentityToken", "Missing a required claim: sub", err->text);
                return;
        case JWT_E_EXPIRED:
                snprintf(text, sizeof text,
                        "Token expired: current date/time %lld must be before the expiration date/time %lld",
                        (long long)sts_now_s(r), (long long)exp);
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

static void fetched(struct web_request *r, bool unreachable, const char *why)
{
        if (!why)
                sts_web_identity_again(r);
        else if (unreachable)
                sts_refuse(r, 400, "IDPCommunicationError",
                        "Unable to communicate with the identity provider", why);
        else
                sts_refuse(r, 400, "InvalidIdentityToken", STS_NO_KEY, why);
}

// Keys of our own issuer are at hand; of others they are fetched, unless they just were. 0 and keys (free
// own_ret); 1: the request waits; -ENOMEM.
static int find_keys(struct web_request *r, const struct dir_provider *p, bool may_fetch,
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
        if (!may_fetch)
                return -ENOMEM;
        sts_keys_fetch(r, p, fetched);
        return 1;
}

// The verified claims; false: the request waits or has been answered.
bool sts_token_verify(struct web_request *r, const struct sts_params *p, bool may_fetch,
        const struct dir_provider **ret_provider, struct jwt_claims *ret)
{
        _cleanup_(jwks_freep) struct jwks *own = NULL;
        struct jwt_expect expect = {.caller_judges_audience = true, .now_s = sts_now_s(r)};
        const struct dir_provider *provider;
        const struct jwks *keys;
        char issuer[512], alg[16], text[640];
        struct err err = ERR_INIT;
        struct jwt_claims c;
        int64_t exp;
        int k;

        if (!peek(p->token, issuer, alg, &exp)) {
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
        k = find_keys(r, provider, may_fetch, &keys, &own);
        if (k != 0) {
                if (k < 0)
                        sts_out_of_memory(r);
                return false;
        }
        expect.issuer = provider->url;
        k = jwt_verify(&c, p->token, strlen(p->token), keys, &expect, &err);
        if (k == JWT_E_NO_KEY && !own && may_fetch) {
                sts_keys_fetch(r, provider, fetched);
                return false;
        }
        if (k != 0) {
                refuse_token(r, k, exp, &err);
                return false;
        }
        // jwt_verify() forgives a minute; STS does not.
        if (sts_now_s(r) >= c.exp)
                refuse_token(r, JWT_E_EXPIRED, exp, &err);
        else if (!on_list(provider, c.azp ? c.azp : c.aud) ||
                 (!c.azp && json_array_size(json_object_get(c.all, "aud")) > 1))
                refuse_token(r, JWT_E_AUDIENCE, exp, &err);
        else {
                *ret_provider = provider;
                *ret = c;
                return true;
        }
        jwt_claims_deinit(&c);
        return false;
}
