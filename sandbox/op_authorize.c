// SPDX-License-Identifier: Apache-2.0
//
// Authorization code with PKCE (RFC 6749 §4.1, RFC 7636, S256 only), answered with iss (RFC 9207). Until
// client and redirect URI are known to be right nothing is redirected anywhere.
#include "op_form.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "form.h"
#include "log.h"
#include "pkce.h"
#include "random.h"
#include "secret.h"

#define CODE_TTL_S 60

// ---- where the answer may go ----------------------------------------------------------------------------------------

static bool is_loopback(const struct url *u)
{
        return strcmp(u->scheme, "http") == 0 &&
               (strcmp(u->host, "127.0.0.1") == 0 || strcmp(u->host, "::1") == 0 ||
                       strcmp(u->host, "localhost") == 0);
}

static bool redirect_allowed(const struct dir_client *c, const char *uri, struct url *ret)
{
        size_t i;
        json_t *v;

        if (!uri || strlen(uri) > 1024 || strchr(uri, '#') || url_parse(ret, uri, NULL) < 0)
                return false;
        if (!c->redirect_uris)
                return is_loopback(ret);
        json_array_foreach(c->redirect_uris, i,
                v) if (json_is_string(v) && strcmp(json_string_value(v), uri) == 0) return true;
        return false;
}

static void redirect(
        struct web_request *r, const char *uri, const char *key, const char *value, const char *description)
{
        cleanup_buf struct buf query = BUF_INIT(8192), where = BUF_INIT(16384);
        const char *headers[] = {"Location", NULL, "Referrer-Policy", "no-referrer", NULL};

        form_add(&query, key, value);
        form_add(&query, "error_description", description);
        form_add(&query, "state", web_param(r, "state"));
        form_add(&query, "iss", r->cloud->issuer);
        buf_printf(&where, "%s%c%s", uri, strchr(uri, '?') ? '&' : '?', buf_str(&query));
        if (buf_error(&query) || buf_error(&where)) {
                web_reply_out_of_memory(r);
                return;
        }
        headers[1] = where.p;
        web_reply(r, 303, "text/plain", "", 0, headers);
}

// ---- the request ----------------------------------------------------------------------------------------------------

// NULL: fine; otherwise the OAuth error.
static const char *request_fault(const struct web_request *r, const char **ret_description)
{
        const char *type = web_param(r, "response_type"), *method = web_param(r, "code_challenge_method"),
                   *challenge = web_param(r, "code_challenge"), *nonce = web_param(r, "nonce"),
                   *state = web_param(r, "state");
        char room[OP_NAME_MAX];

        *ret_description = op_scope_check(web_param(r, "scope"));
        if (*ret_description)
                return "invalid_scope";
        *ret_description = "response_type must be code";
        if (!type || strcmp(type, "code") != 0)
                return "unsupported_response_type";
        *ret_description = "PKCE is required: code_challenge with code_challenge_method=S256";
        if (!challenge || strlen(challenge) != PKCE_CHALLENGE_LEN || !method || strcmp(method, "S256") != 0)
                return "invalid_request";
        *ret_description = "scope, nonce or state is too long";
        if (!op_copy(room, nonce) || !op_copy(room, web_param(r, "scope")) || (state && strlen(state) > 2048))
                return "invalid_request";
        return NULL;
}

// The client of a good request; otherwise the request has been answered.
static const struct dir_client *check(struct web_request *r, struct url *ret_where)
{
        const struct dir_client *c = dir_find_client(r->cloud->dir, web_param(r, "client_id"));
        const char *uri = web_param(r, "redirect_uri"), *description, *error;

        if (!c || !redirect_allowed(c, uri, ret_where)) {
                op_log_refused(r, c ? c->id : "unknown", c ? "redirect_uri" : "client_id");
                op_page_say(r, 400, "Not accepted",
                        c ? "This client may not be answered at that redirect URI."
                          : "There is no such client.");
                return NULL;
        }
        error = request_fault(r, &description);
        if (error) {
                op_log_refused(r, c->id, error);
                redirect(r, uri, "error", error, description);
                return NULL;
        }
        return c;
}

void op_page_authorize(struct web_request *r)
{
        static const char *const carried[] = {"client_id", "redirect_uri", "response_type", "scope", "state",
                "nonce", "code_challenge", "code_challenge_method", NULL};
        struct url where;
        const struct dir_client *c = check(r, &where);
        char origin[300];
        struct op_page p;

        if (!c)
                return;
        if (op_page_begin(&p, r, "Sign in") < 0) {
                web_reply_out_of_memory(r);
                return;
        }
        op_page_html(&p, "<p>Client <strong>");
        op_page_text(&p, c->id);
        op_page_html(&p, "</strong> asks for: ");
        op_page_text(&p, web_param(r, "scope"));
        op_page_html(&p, "</p>\n");
        op_page_form_begin(&p, "/oidc/authorize");
        for (const char *const *k = carried; *k; k++)
                op_page_hidden(&p, *k, web_param(r, *k));
        op_page_form_end(&p, r->cloud->dir);
        // Browsers hold the redirect that answers a form against form-action too.
        snprintf(origin, sizeof origin, where.ipv6 ? "%s://[%s]:%u" : "%s://%s:%u", where.scheme, where.host,
                where.port);
        op_page_send(&p, r, 200, origin);
}

// ---- the code -------------------------------------------------------------------------------------------------------

static struct code *code_room(struct op *op, int64_t now_s)
{
        struct code *oldest = &op->codes[0];

        for (size_t i = 0; i < OP_CODES_MAX; i++) {
                struct code *k = &op->codes[i];

                // A used code stays until its place is needed: its second use must be noticed.
                if (!k->code[0])
                        return k;
                if (k->expires_at_s < oldest->expires_at_s)
                        oldest = k;
        }
        return now_s >= oldest->expires_at_s ? oldest : NULL;
}

static void code_clear(struct code *k)
{
        free(k->redirect_uri);
        explicit_bzero(k, sizeof *k);
}

static const char *code_make(struct web_request *r, const struct dir_client *c, const char *user)
{
        struct code *k = code_room(r->cloud->op, op_now_s(r));

        if (!k)
                return NULL;
        code_clear(k);
        k->redirect_uri = strdup(web_param(r, "redirect_uri"));
        if (!k->redirect_uri || random_hex(k->code, 32) < 0 || !op_copy(k->client_id, c->id) ||
                !op_copy(k->scope, web_param(r, "scope")) || !op_copy(k->nonce, web_param(r, "nonce")) ||
                !op_copy(k->user, user)) {
                code_clear(k);
                return NULL;
        }
        memcpy(k->challenge, web_param(r, "code_challenge"), PKCE_CHALLENGE_LEN + 1);
        k->expires_at_s = op_now_s(r) + CODE_TTL_S;
        return k->code;
}

void op_page_authorize_decide(struct web_request *r)
{
        const char *decision = web_param(r, "decision"), *uri = web_param(r, "redirect_uri"), *code;
        const struct dir_user *u = dir_find_user(r->cloud->dir, web_param(r, "user"));
        struct url where;
        const struct dir_client *c;

        if (!op_form_is_ours(r)) {
                op_page_say(r, 403, "Not accepted",
                        "This form did not come from this page. Start the sign-in again.");
                return;
        }
        c = check(r, &where);
        if (!c)
                return;
        if (!u || !decision || strcmp(decision, "allow") != 0) {
                op_log_refused(r, c->id, "access_denied");
                redirect(r, uri, "error", "access_denied", "the person declined");
                return;
        }
        code = code_make(r, c, u->name);
        if (code)
                redirect(r, uri, "code", code, NULL);
        else
                redirect(r, uri, "error", "temporarily_unavailable", "too many sign-ins are waiting");
}

// ---- the token request ----------------------------------------------------------------------------------------------

static bool verifier_fits(const char *verifier, const char *challenge)
{
        cleanup_secret struct secret *s = NULL;
        char made[PKCE_CHALLENGE_LEN + 1];

        if (!verifier || secret_new_str(&s, verifier) < 0 || pkce_challenge(made, s) < 0)
                return false;
        return CRYPTO_memcmp(made, challenge, PKCE_CHALLENGE_LEN) == 0;
}

static const char *code_fault(struct web_request *r, const struct dir_client *client, struct code **ret)
{
        const char *text = web_param(r, "code"), *uri = web_param(r, "redirect_uri");
        struct op *op = r->cloud->op;
        struct code *k = NULL;

        for (size_t i = 0; text && *text && !k && i < OP_CODES_MAX; i++)
                if (strcmp(op->codes[i].code, text) == 0)
                        k = &op->codes[i];
        if (!k || strcmp(k->client_id, client->id) != 0)
                return "there is no such code";
        if (k->grant_id[0]) {
                struct grant *g = op_grant_find(op, k->grant_id, strlen(k->grant_id));

                // RFC 6749 §4.1.2: what was issued for a code that comes twice is ended.
                if (g)
                        explicit_bzero(g, sizeof *g);
                code_clear(k);
                return "the code was used before";
        }
        if (op_now_s(r) >= k->expires_at_s)
                return "the code has expired";
        if (!uri || strcmp(uri, k->redirect_uri) != 0)
                return "redirect_uri is not the one of the authorization request";
        if (!verifier_fits(web_param(r, "code_verifier"), k->challenge))
                return "code_verifier does not fit the challenge";
        *ret = k;
        return NULL;
}

void op_code_grant(struct web_request *r, const struct dir_client *client)
{
        struct code *k = NULL;
        const char *fault = code_fault(r, client, &k);
        struct grant *g;

        if (fault) {
                op_log_refused(r, client->id, fault);
                web_reply_oauth_error(r, 400, "invalid_grant", fault);
                return;
        }
        g = op_grant_new(r->cloud->op, k->client_id, k->scope, k->user, k->nonce, op_now_s(r));
        if (!g) {
                web_reply_out_of_memory(r);
                return;
        }
        memcpy(k->grant_id, g->id, sizeof k->grant_id);
        op_issue(r, g, 0);
}
