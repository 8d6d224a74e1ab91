// SPDX-License-Identifier: Apache-2.0
//
// The authorization code flow with PKCE (RFC 6749 4.1, RFC 7636, RFC 8252), for a person with a browser on this machine:
// a URL is handed out to be opened, the browser comes back to a loopback address of ours with a code, and the code is
// redeemed. What comes back may come from anybody who can make the browser load a page, so it counts only with the state
// that was sent; RFC 9207's iss tells which provider speaks; the nonce ties the ID token to this one sign-in.
#include "provider_internal.h"

#include "backoff.h"
#include "form.h"
#include "pkce.h"
#include "random.h"

#include <openssl/crypto.h>

#define PATIENCE_MS (10 * 60 * INT64_C(1000)) // for the person
#define REDEEM_MS   INT64_C(30000)
#define ATTEMPTS    3
#define CODE_MAX    20000

static void send_code(struct provider_op *op);

static void redeemed(struct provider_op *op, const struct http_response *r)
{
        struct err err = ERR_INIT;
        int n = oidc_tokens_parse(&op->result.tokens, buf_str(&r->body), r->body.n, &err);

        if (n < 0)
                op_fail(op, n == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_BAD_ANSWER, "%s: %.200s",
                        op->provider->issuer, n == -ENOMEM ? "out of memory" : err.text);
        else if (!op->result.tokens.id_token)
                op_fail(op, OUTCOME_MISCONFIGURED,
                        "%s sent no ID token; is the scope openid allowed for this client?",
                        op->provider->issuer);
        else
                op_verify(op);
}

static void redeem_refused(struct provider_op *op, const struct http_response *r)
{
        struct oidc_error_answer e;

        oidc_error_parse(&e, buf_str(&r->body), r->body.n);
        if (e.code == OIDC_E_INVALID_GRANT)
                op_fail(op, OUTCOME_EXPIRED,
                        "%s does not accept the code it gave (%s); start the sign-in again",
                        op->provider->issuer, *e.description ? e.description : e.error);
        else
                op_refused(op, r, &e);
}

// A code is good for one use, and one that comes twice ends what it was redeemed for: it is sent again only where
// nothing of it can have left this machine.
static void on_code_answer(
        struct provider_op *op, enum outcome outcome, const struct http_response *r, const struct err *err)
{
        if (outcome == OUTCOME_OK && r->status == 200) {
                redeemed(op, r);
        } else if (outcome == OUTCOME_OK) {
                redeem_refused(op, r);
        } else if (outcome == OUTCOME_UNREACHABLE && !r->sent && ++op->attempt < ATTEMPTS) {
                op->on_tick = send_code;
                timer_arm_in(op->tick, backoff_ms(op->attempt, 400, 4000));
        } else {
                op_finish(op, outcome, err);
        }
}

static void send_code(struct provider_op *op)
{
        struct oidc_client c = {
                .client_id = op->provider->client_id, .client_secret = op->provider->client_secret};
        cleanup_buf struct buf form = BUF_INIT(128u << 10);

        // errors stick to the buffer
        (void)oidc_code_token_request(&form, &c, op->code->code, op->code->redirect_uri, op->code->verifier);
        op_send(op, op->provider->metadata.token_endpoint, &form, on_code_answer);
}

static int make_url(struct provider_op *op, struct buf *url)
{
        struct oidc_client c = {.client_id = op->provider->client_id};
        cleanup_free char *scope = NULL;
        char challenge[PKCE_CHALLENGE_LEN + 1];
        int r = oidc_choose_scope(&op->provider->metadata, op->provider->scopes, &scope);

        if (r == 0)
                r = pkce_challenge(challenge, op->code->verifier);
        if (r == 0)
                r = oidc_authorization_url(url, &op->provider->metadata, &c, scope, op->code->redirect_uri,
                        op->code->state, op->code->nonce, challenge);
        return r;
}

static void ready(struct provider_op *op)
{
        cleanup_buf struct buf url = BUF_INIT(64u << 10);
        int r;

        if (!op->provider->metadata.authorization_endpoint) {
                op_fail(op, OUTCOME_MISCONFIGURED,
                        "%s offers no sign-in in a browser (no authorization endpoint)",
                        op->provider->issuer);
                return;
        }
        r = make_url(op, &url);
        if (r < 0) {
                op_fail(op, OUTCOME_INTERNAL, "cannot ask %s: %s", op->provider->issuer, strerror(-r));
                return;
        }
        op->code->opened = true;
        timer_arm_in(op->deadline, PATIENCE_MS);
        op->code->open(op->arg, buf_str(&url)); // may free op
}

static void begin(struct provider_op *op)
{
        op->ready = ready;
        op_when_ready(op);
}

static void answer_deinit(struct code_answer *a)
{
        if (a->code)
                explicit_bzero(a->code, strlen(a->code));
        free(a->code);
        free(a->state);
        free(a->iss);
        free(a->error);
        free(a->description);
        *a = (struct code_answer){0};
}

struct code_flow *code_flow_free(struct code_flow *f)
{
        if (!f)
                return NULL;
        secret_free(f->code);
        secret_free(f->verifier);
        answer_deinit(&f->answer);
        free(f->redirect_uri);
        free(f);
        return NULL;
}

int provider_code_start(struct provider_op **ret, struct provider *p, const char *redirect_uri,
        provider_open_fn open, provider_done_fn done, void *arg)
{
        struct provider_op *op = NULL;
        int r = op_new(&op, p, begin, REDEEM_MS, done, arg);

        if (r < 0)
                return err_trace(r);
        op->code = calloc(1, sizeof *op->code);
        r = op->code ? pkce_new_verifier(&op->code->verifier) : -ENOMEM;
        if (r == 0)
                r = random_hex(op->code->state, CODE_STATE_HEX / 2);
        if (r == 0)
                r = random_hex(op->code->nonce, CODE_STATE_HEX / 2);
        if (r == 0 && !(op->code->redirect_uri = strdup(redirect_uri)))
                r = -ENOMEM;
        if (r < 0) {
                provider_op_free(op);
                return err_trace(r);
        }
        op->code->open = open;
        *ret = op;
        return 0;
}

// ---- what the browser brings back

static int on_parameter(const char *key, const char *value, size_t n, void *arg)
{
        struct code_answer *a = arg;
        const struct {
                const char *name;
                char **slot;
        } known[] = {{"code", &a->code}, {"state", &a->state}, {"iss", &a->iss}, {"error", &a->error},
                {"error_description", &a->description}};

        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                if (strcmp(key, known[i].name) != 0)
                        continue;
                if (*known[i].slot || strlen(value) != n)
                        return -EBADMSG; // RFC 6749 3.1: none of them twice
                *known[i].slot = strdup(value);
                return *known[i].slot ? 0 : -ENOMEM;
        }
        return 0; // session_state and the like, RFC 6749 4.1.2
}

static void refused_by_page(struct provider_op *op, const struct code_answer *a)
{
        const char *issuer = op->provider->issuer;
        char error[64], description[ERR_MAX] = "it does not say why";

        err_sanitise(error, sizeof error, a->error, strlen(a->error));
        if (a->description && *a->description)
                err_sanitise(description, sizeof description, a->description, strlen(a->description));
        if (strcmp(a->error, "access_denied") == 0)
                op_fail(op, OUTCOME_DENIED_BY_USER, "the sign-in was declined at %s: %.200s", issuer,
                        description);
        else if (strcmp(a->error, "temporarily_unavailable") == 0 || strcmp(a->error, "server_error") == 0)
                op_fail(op, OUTCOME_UNREACHABLE, "%s cannot sign anybody in just now: %s (%.200s)", issuer,
                        error, description);
        else
                op_fail(op, OUTCOME_MISCONFIGURED, "%s refuses: %s (%.200s)", issuer, error, description);
}

static void answered(struct provider_op *op)
{
        const struct code_answer *a = &op->code->answer;
        const struct oidc_metadata *m = &op->provider->metadata;

        timer_arm_in(op->deadline, REDEEM_MS); // from here on it is not about the person any more
        if (a->iss ? strcmp(a->iss, m->issuer) != 0 : m->iss_parameter)
                op_fail(op, OUTCOME_TOKEN_REJECTED, "the browser came back from another provider than %s",
                        op->provider->issuer);
        else if (a->error)
                refused_by_page(op, a);
        else if (!a->code || !*a->code || strlen(a->code) > CODE_MAX)
                op_fail(op, OUTCOME_BAD_ANSWER, "%s sent the browser back without a code",
                        op->provider->issuer);
        else if (secret_new_take(&op->code->code, &op->code->answer.code, strlen(a->code)) < 0)
                op_fail(op, OUTCOME_INTERNAL, "out of memory");
        else
                send_code(op);
}

int provider_code_answer(struct provider_op *op, const char *query, size_t n)
{
        struct code_flow *f = op->code;
        struct code_answer a = {0};
        int r = form_walk(query, n, on_parameter, &a);

        // Constant time: a page that may ask as often as it likes is not to learn the state letter by letter.
        if (r == 0 && (!f->opened || !a.state || strlen(a.state) != CODE_STATE_HEX ||
                              CRYPTO_memcmp(a.state, f->state, CODE_STATE_HEX) != 0))
                r = -EPERM;
        if (r == 0 && f->answered)
                r = -EALREADY;
        if (r < 0) {
                answer_deinit(&a);
                return r;
        }
        f->answered = true;
        f->answer = a;
        op->on_tick = answered;
        timer_arm_in(op->tick, 0);
        return 0;
}
