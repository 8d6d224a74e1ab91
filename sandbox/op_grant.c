// SPDX-License-Identifier: Apache-2.0
//
// Grants: refresh with rotation, revocation, userinfo. A refresh token names its grant and its number in the
// family and is sealed; so an old one is known for what it is without keeping it, and its use ends the family
// (RFC 9700 §4.14.2), while a made-up one ends nothing.
#include "op_internal.h"

#include <stdio.h>

#include "log.h"
#include "random.h"

struct grant *op_grant_find(struct op *op, const char *id, size_t n)
{
        for (size_t i = 0; n == 16 && i < OP_GRANTS_MAX; i++)
                if (memcmp(op->grants[i].id, id, 16) == 0)
                        return &op->grants[i];
        return NULL;
}

struct grant *op_grant_new(struct op *op, const char *client_id, const char *scope, const char *user,
        const char *nonce, int64_t now_s)
{
        struct grant *g = &op->grants[0];

        // A free one, or the one that was used longest ago.
        for (size_t i = 0; i < OP_GRANTS_MAX && g->id[0]; i++)
                if (!op->grants[i].id[0] || op->grants[i].used_s < g->used_s)
                        g = &op->grants[i];
        *g = (struct grant){.seq = 1, .created_s = now_s, .used_s = now_s};
        if (random_hex(g->id, 8) < 0 || !op_copy(g->client_id, client_id) || !op_copy(g->scope, scope) ||
                !op_copy(g->user, user) || !op_copy(g->nonce, nonce)) {
                g->id[0] = 0;
                return NULL;
        }
        return g;
}

static void grant_end(struct grant *g, const char *why)
{
        log_event(LOG_E_NOTICE, "oidc.grant.ended", "client=%s user=%s grant=%s why=%s", g->client_id,
                g->user, g->id, why);
        explicit_bzero(g, sizeof *g);
}

// Reads "KIND.GRANT.NUMBER.SEAL"; false when we never made it.
static bool read_opaque(
        const struct op *op, const char *kind, const char *token, const char **ret_id, uint64_t *ret_number)
{
        size_t n = token ? strlen(token) : 0, kind_n = strlen(kind);
        const char *seal;
        char text[64], *end;

        if (n < kind_n + 1 + 16 + 1 + 1 + 33 || n >= sizeof text + 33)
                return false;
        if (memcmp(token, kind, kind_n) != 0 || token[kind_n] != '.' || token[kind_n + 17] != '.')
                return false;
        seal = token + n - 32;
        if (seal[-1] != '.')
                return false;
        memcpy(text, token, n - 33);
        text[n - 33] = 0;
        if (!op_sealed(op, text, seal))
                return false;
        *ret_id = token + kind_n + 1;
        *ret_number = strtoull(text + kind_n + 18, &end, 10);
        return !*end;
}

// ---- refresh --------------------------------------------------------------------------------------------------------

// NULL: the token is good; otherwise why not. Ends the family of a token that was used before.
static const char *refresh_fault(struct web_request *r, const struct dir_client *client, struct grant **ret)
{
        const struct cloud *c = r->cloud;
        const char *id;
        struct grant *g;
        uint64_t seq;
        int64_t idle = faults_value(c->faults, FAULTS_IDLE_LIMIT, SERVICE_OIDC, r->op, c->dir->idle_s);

        if (!read_opaque(c->op, "rt", web_param(r, "refresh_token"), &id, &seq))
                return "this is no refresh token of ours";
        g = op_grant_find(c->op, id, 16);
        if (!g)
                return "the grant has ended";
        if (strcmp(g->client_id, client->id) != 0)
                return "the refresh token belongs to another client";
        if (seq != g->seq) {
                grant_end(g, "a used refresh token came again");
                return "the refresh token was used before";
        }
        if (op_now_s(r) - g->used_s >= idle) {
                grant_end(g, "idle for too long");
                return "the grant was idle for too long";
        }
        if (op_now_s(r) - g->created_s >= c->dir->grant_max_s) {
                grant_end(g, "its time is over");
                return "the grant's time is over";
        }
        *ret = g;
        return NULL;
}

void op_refresh_grant(struct web_request *r, const struct dir_client *client)
{
        const char *scope = web_param(r, "scope"), *fault;
        struct grant *g = NULL;
        bool keep;

        fault = refresh_fault(r, client, &g);
        if (fault) {
                op_log_refused(r, client->id, fault);
                web_reply_oauth_error(r, 400, "invalid_grant", fault);
                return;
        }
        if (scope && strcmp(scope, g->scope) != 0) {
                web_reply_oauth_error(r, 400, "invalid_scope", "a refresh keeps the scope it has");
                return;
        }
        keep = faults_take(r->cloud->faults, FAULTS_NO_REFRESH_ROTATION, SERVICE_OIDC, r->op);
        if (!keep)
                g->seq++;
        g->used_s = op_now_s(r);
        op_issue(r, g, ISSUE_REFRESH | (keep ? ISSUE_KEEP_TOKEN : 0u));
}

// ---- revocation and userinfo ----------------------------------------------------------------------------------------

static void end_all_of(struct op *op, const char *user)
{
        for (size_t i = 0; i < OP_GRANTS_MAX; i++)
                if (op->grants[i].id[0] && strcmp(op->grants[i].user, user) == 0)
                        grant_end(&op->grants[i], "all grants of the user were revoked");
}

// RFC 7009: what was never a token is as revoked as can be, so the answer is 200 all the same.
void op_revoke(struct web_request *r)
{
        const struct dir_client *client = op_client_auth(r);
        const char *token = web_param(r, "token"), *id;
        struct op *op = r->cloud->op;
        struct grant *g = NULL;
        uint64_t number;

        if (!client)
                return;
        if (!token) {
                web_reply_oauth_error(r, 400, "invalid_request", "token is missing");
                return;
        }
        if (read_opaque(op, "rt", token, &id, &number) || read_opaque(op, "at", token, &id, &number))
                g = op_grant_find(op, id, 16);
        if (g && strcmp(g->client_id, client->id) != 0) {
                web_reply_oauth_error(r, 400, "unauthorized_client", "the token belongs to another client");
                return;
        }
        if (g && faults_take(r->cloud->faults, FAULTS_REVOKE_ENDS_ALL, SERVICE_OIDC, r->op)) {
                char user[OP_NAME_MAX];

                memcpy(user, g->user, sizeof user);
                end_all_of(op, user);
        } else if (g)
                grant_end(g, "revoked");
        web_reply(r, 200, "application/json", "", 0, NULL);
}

void op_userinfo(struct web_request *r)
{
        static const char *const challenge[] = {"WWW-Authenticate", "Bearer error=\"invalid_token\"", NULL};
        const char *header = web_header(r, "Authorization"), *id;
        struct grant *g = NULL;
        const struct dir_user *u;
        uint64_t expires_s;

        if (header && strncasecmp(header, "Bearer ", 7) == 0 &&
                read_opaque(r->cloud->op, "at", header + 7, &id, &expires_s) &&
                (int64_t)expires_s > op_now_s(r))
                g = op_grant_find(r->cloud->op, id, 16);
        u = g ? dir_find_user(r->cloud->dir, g->user) : NULL;
        if (!u) {
                web_reply(r, 401, "application/json", "{\"error\":\"invalid_token\"}", 25, challenge);
                return;
        }
        web_reply_json(r, 200, op_user_claims(u, g->scope));
}
