// SPDX-License-Identifier: Apache-2.0
//
// The token endpoint: which grant is meant, and the tokens that answer it. What can be wrong with an ID token
// is made wrong here, on the claims, before they are signed.
#include "op_internal.h"

#include <openssl/sha.h>
#include <stdio.h>

#include "b64.h"
#include "json.h"
#include "keyring.h"
#include "log.h"

#define OP_OPAQUE_MAX 112
#define DEVICE_CODE   "urn:ietf:params:oauth:grant-type:device_code"

static const struct {
        const char *type, *name;
        void (*handle)(struct web_request *r, const struct dir_client *client);
} grants[] = {
        {DEVICE_CODE, "token.device", op_device_grant},
        {"authorization_code", "token.code", op_code_grant},
        {"refresh_token", "token.refresh", op_refresh_grant},
};

const char *op_token_name(const struct web_request *r)
{
        const char *type = web_param(r, "grant_type");

        for (size_t i = 0; type && i < ARRAY_SIZE(grants); i++)
                if (strcmp(grants[i].type, type) == 0)
                        return grants[i].name;
        return "token.other";
}

void op_token(struct web_request *r)
{
        const char *type = web_param(r, "grant_type");
        const struct dir_client *client = op_client_auth(r);

        if (!client)
                return;
        for (size_t i = 0; type && i < ARRAY_SIZE(grants); i++)
                if (strcmp(grants[i].type, type) == 0) {
                        grants[i].handle(r, client);
                        return;
                }
        web_reply_oauth_error(r, 400, type ? "unsupported_grant_type" : "invalid_request", NULL);
}

// ---- the ID token ---------------------------------------------------------------------------------------------------

// Which scope a claim of the user needs; claims of no scope (session tags, source identity) always go along.
static const char *claim_scope(const char *name)
{
        static const char *const profile[] = {"name", "given_name", "family_name", "preferred_username",
                "nickname", "picture", "locale", "zoneinfo", "updated_at", NULL};

        if (strcmp(name, "email") == 0 || strcmp(name, "email_verified") == 0)
                return "email";
        if (strcmp(name, "groups") == 0)
                return "groups";
        for (const char *const *p = profile; *p; p++)
                if (strcmp(*p, name) == 0)
                        return "profile";
        return NULL;
}

json_t *op_user_claims(const struct dir_user *u, const char *scope)
{
        json_t *o = json_object(), *v;
        const char *key;

        json_object_foreach(u->claims, key, v)
        {
                const char *needs = claim_scope(key);

                if ((!needs || op_has_scope(scope, needs)) && json_object_set(o, key, v) < 0) {
                        json_decref(o);
                        return NULL;
                }
        }
        return o;
}

// Left half of the access token's SHA-256 (OIDC Core 3.1.3.6).
static int add_at_hash(json_t *o, const char *access_token)
{
        cleanup_buf struct buf b = BUF_INIT(64);
        unsigned char h[SHA256_DIGEST_LENGTH];

        SHA256((const unsigned char *)access_token, strlen(access_token), h);
        if (b64url_encode(&b, h, sizeof h / 2) < 0)
                return buf_error(&b);
        return json_object_set_new(o, "at_hash", json_string(buf_str(&b)));
}

static int set_string(json_t *o, const char *name, const char *v)
{
        return json_object_set_new(o, name, json_string(v)) < 0 ? -ENOMEM : 0;
}

static int huge_sub(json_t *o)
{
        cleanup_buf struct buf b = BUF_INIT(1u << 20);
        char *p = buf_extend(&b, 1u << 20);

        if (!p)
                return -ENOMEM;
        memset(p, 's', 1u << 20);
        return set_string(o, "sub", b.p);
}

static int spoil(struct web_request *r, const char *nonce, json_t *o)
{
        struct faults *f = r->cloud->faults;
        int k = 0;

        if (faults_take(f, FAULTS_WRONG_ISSUER, SERVICE_OIDC, r->op))
                k |= set_string(o, "iss", "https://issuer.example.net");
        if (faults_take(f, FAULTS_WRONG_AUDIENCE, SERVICE_OIDC, r->op))
                k |= set_string(o, "aud", "somebody-else");
        if (nonce[0] && faults_take(f, FAULTS_WRONG_NONCE, SERVICE_OIDC, r->op))
                k |= set_string(o, "nonce", "not-the-one-you-sent");
        if (faults_take(f, FAULTS_NO_SUB, SERVICE_OIDC, r->op))
                k |= json_object_del(o, "sub");
        if (faults_take(f, FAULTS_HUGE_SUB, SERVICE_OIDC, r->op))
                k |= huge_sub(o);
        return k;
}

// nonce "": none, as in the answer to a refresh (OIDC Core 12.2).
static int make_id_token(struct web_request *r, const struct grant *g, const struct dir_user *u,
        const char *nonce, const char *access_token, struct buf *ret)
{
        struct cloud *c = r->cloud;
        const struct dir_client *client = dir_find_client(c->dir, g->client_id);
        cleanup_json json_t *o = op_user_claims(u, g->scope);
        int64_t now = op_now_s(r), ttl;
        unsigned flags;

        if (!o || !client)
                return -ENOMEM;
        ttl = faults_value(c->faults, FAULTS_ID_TOKEN_TTL, SERVICE_OIDC, r->op, c->dir->id_token_ttl_s);
        if (faults_take(c->faults, FAULTS_EXPIRED_TOKEN, SERVICE_OIDC, r->op))
                now -= ttl + 3600;
        if (set_string(o, "iss", c->issuer) < 0 || set_string(o, "aud", g->client_id) < 0 ||
                json_object_set_new(o, "iat", json_integer(now)) < 0 ||
                json_object_set_new(o, "exp", json_integer(now + ttl)) < 0 ||
                json_object_set_new(o, "auth_time", json_integer(g->created_s)) < 0 ||
                json_object_set_new(o, "amr", json_pack("[s]", "pwd")) < 0 ||
                add_at_hash(o, access_token) < 0)
                return -ENOMEM;
        if (client->azp && set_string(o, "azp", client->azp) < 0)
                return -ENOMEM;
        if (nonce[0] && set_string(o, "nonce", nonce) < 0)
                return -ENOMEM;
        if (spoil(r, nonce, o) != 0)
                return -ENOMEM;
        flags = (faults_take(c->faults, FAULTS_WRONG_SIGNATURE, SERVICE_OIDC, r->op) ? KEYRING_BREAK_SIGNATURE
                                                                                     : 0u) |
                (faults_take(c->faults, FAULTS_WRONG_KEY, SERVICE_OIDC, r->op) ? KEYRING_UNPUBLISHED : 0u) |
                (faults_take(c->faults, FAULTS_ALG_NONE, SERVICE_OIDC, r->op) ? KEYRING_NONE : 0u);
        return keyring_sign(c->keys, client->alg, o, flags, ret);
}

// ---- the answer -----------------------------------------------------------------------------------------------------

static void make_opaque(
        const struct op *op, const char *kind, const char *id, uint64_t number, char ret[OP_OPAQUE_MAX])
{
        char text[64], seal[33];

        snprintf(text, sizeof text, "%s.%s.%llu", kind, id, (unsigned long long)number);
        op_seal(op, text, seal);
        snprintf(ret, OP_OPAQUE_MAX, "%s.%s", text, seal);
}

void op_issue(struct web_request *r, struct grant *g, unsigned flags)
{
        struct cloud *c = r->cloud;
        const struct dir_user *u = dir_find_user(c->dir, g->user);
        int64_t told = faults_value(c->faults, FAULTS_REFRESH_EXPIRES_IN, SERVICE_OIDC, r->op, 0);
        cleanup_buf struct buf id_token = BUF_INIT(4u << 20);
        char access[OP_OPAQUE_MAX], refresh[OP_OPAQUE_MAX];
        json_t *o;

        if (!u) {
                // The directory was loaded anew and no longer has this user.
                g->id[0] = 0;
                op_log_refused(r, g->client_id, "invalid_grant");
                web_reply_oauth_error(r, 400, "invalid_grant", "the user is gone");
                return;
        }
        make_opaque(c->op, "at", g->id, (uint64_t)(op_now_s(r) + c->dir->access_token_ttl_s), access);
        o = json_pack("{s:s, s:s, s:I, s:s}", "access_token", access, "token_type", "Bearer", "expires_in",
                (json_int_t)c->dir->access_token_ttl_s, "scope", g->scope);
        if (!(flags & ISSUE_REFRESH) ||
                !faults_take(c->faults, FAULTS_NO_ID_TOKEN_ON_REFRESH, SERVICE_OIDC, r->op))
                if (make_id_token(r, g, u, flags & ISSUE_REFRESH ? "" : g->nonce, access, &id_token) < 0 ||
                        json_object_set_new(o, "id_token", json_string(buf_str(&id_token))) < 0)
                        goto fail;
        if (op_has_scope(g->scope, "offline_access") && !(flags & ISSUE_KEEP_TOKEN)) {
                make_opaque(c->op, "rt", g->id, g->seq, refresh);
                if (json_object_set_new(o, "refresh_token", json_string(refresh)) < 0)
                        goto fail;
                if (told > 0 && json_object_set_new(o, "refresh_expires_in", json_integer(told)) < 0)
                        goto fail;
        }
        log_event(LOG_E_INFO, flags & ISSUE_REFRESH ? "oidc.refreshed" : "oidc.signed_in",
                "client=%s user=%s grant=%s", g->client_id, g->user, g->id);
        web_reply_json(r, 200, o);
        return;
fail:
        json_decref(o);
        web_reply_out_of_memory(r);
}
