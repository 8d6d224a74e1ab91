// SPDX-License-Identifier: Apache-2.0
//
// Discovery alone, refresh and revocation.
//
// A refresh token may be good for one use, and a provider that sees it twice may take it for stolen and end
// the whole grant. So a refresh is tried again here only when nothing of it can have left this machine (no
// name, no connection); every other failure goes up to the caller, who decides. And a new refresh token is
// handed out at once, and even when what came with it cannot be verified just now: the old one is spent.
#include "provider_internal.h"

#include "backoff.h"

#define DISCOVER_MS 30000
#define REFRESH_MS  30000
#define REVOKE_MS   2000
#define ATTEMPTS    3

static void discovered(struct provider_op *op)
{
        op_finish(op, OUTCOME_OK, NULL);
}

static void discover(struct provider_op *op)
{
        op->ready = discovered;
        op_when_ready(op);
}

int provider_discover_start(struct provider_op **ret, struct provider *p, provider_done_fn done, void *arg)
{
        return op_new(ret, p, discover, DISCOVER_MS, done, arg);
}

static void refresh_refused(struct provider_op *op, const struct http_response *r)
{
        struct oidc_error_answer e;

        oidc_error_parse(&e, buf_str(&r->body), r->body.n);
        // Dex calls a refresh token that it does not know, or that is spent or too old, an invalid request. There is nothing
        // else in ours that could be.
        if (e.code == OIDC_E_EXPIRED_TOKEN || strcmp(e.error, "invalid_request") == 0)
                e.code = OIDC_E_INVALID_GRANT;
        // glewlwyd refuses a spent token with a bare status
        if (e.code == OIDC_E_UNREADABLE && r->body.n == 0 && r->status >= 400 && r->status <= 403)
                op_fail(op, OUTCOME_NEEDS_LOGIN,
                        "%s refuses the refresh token without a reason (HTTP status %d)",
                        op->provider->issuer, r->status);
        else
                op_refused(op, r, &e);
}

static void refreshed(struct provider_op *op, const struct http_response *r)
{
        struct oidc_tokens *t = &op->result.tokens;
        struct err err = ERR_INIT;
        int n = oidc_tokens_parse(t, buf_str(&r->body), r->body.n, &err);

        if (n < 0) {
                op_fail(op, n == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_BAD_ANSWER, "%s: %.200s",
                        op->provider->issuer, n == -ENOMEM ? "out of memory" : err.text);
                return;
        }
        op->keep_refresh = true;
        if (t->refresh_token && op->rotated)
                op->rotated(op->arg, t);
        if (t->id_token)
                op_verify(op);
        else
                op_finish(op, OUTCOME_OK, NULL); // many providers send none here
}

static void send_refresh(struct provider_op *op);

static void on_refresh_answer(
        struct provider_op *op, enum outcome outcome, const struct http_response *r, const struct err *err)
{
        if (outcome == OUTCOME_OK && r->status == 200) {
                refreshed(op, r);
        } else if (outcome == OUTCOME_OK) {
                refresh_refused(op, r);
        } else if (outcome == OUTCOME_UNREACHABLE && !r->sent && ++op->attempt < ATTEMPTS) {
                op->on_tick = send_refresh;
                timer_arm_in(op->tick, backoff_ms(op->attempt, 400, 4000));
        } else {
                op_finish(op, outcome, err);
        }
}

static void send_refresh(struct provider_op *op)
{
        struct oidc_client c = {
                .client_id = op->provider->client_id, .client_secret = op->provider->client_secret};
        cleanup_buf struct buf form = BUF_INIT(128u << 10);

        (void)oidc_refresh_request(&form, &c, op->token); // errors stick to the buffer
        op_send(op, op->provider->metadata.token_endpoint, &form, on_refresh_answer);
}

static void refresh(struct provider_op *op)
{
        op->ready = send_refresh;
        op_when_ready(op);
}

static int start_with_token(struct provider_op **ret, struct provider *p,
        void (*begin)(struct provider_op *op), int64_t deadline_ms, const struct secret *token,
        provider_done_fn done, void *arg)
{
        struct provider_op *op = NULL;
        int r = op_new(&op, p, begin, deadline_ms, done, arg);

        if (r == 0)
                r = secret_dup(&op->token, token);
        if (r < 0) {
                provider_op_free(op);
                return err_trace(r);
        }
        *ret = op;
        return 0;
}

int provider_refresh_start(struct provider_op **ret, struct provider *p, const struct secret *refresh_token,
        const char *expect_subject, provider_done_fn done, void *arg)
{
        struct provider_op *op = NULL;
        int r = start_with_token(&op, p, refresh, REFRESH_MS, refresh_token, done, arg);

        if (r < 0)
                return err_trace(r);
        op->subject = expect_subject ? strdup(expect_subject) : NULL;
        if (expect_subject && !op->subject) {
                provider_op_free(op);
                return -ENOMEM;
        }
        *ret = op;
        return 0;
}

static void on_revoke_answer(
        struct provider_op *op, enum outcome outcome, const struct http_response *r, const struct err *err)
{
        struct oidc_error_answer e;

        if (outcome != OUTCOME_OK) {
                op_finish(op, outcome, err);
                return;
        }
        if (r->status >= 200 && r->status <= 204) { // also for a token it does not know: RFC 7009 2.2
                op_finish(op, OUTCOME_OK, NULL);
                return;
        }
        oidc_error_parse(&e, buf_str(&r->body), r->body.n);
        op_refused(op, r, &e);
}

static void send_revocation(struct provider_op *op)
{
        struct oidc_client c = {
                .client_id = op->provider->client_id, .client_secret = op->provider->client_secret};
        const char *url = op->provider->metadata.revocation_endpoint;
        cleanup_buf struct buf form = BUF_INIT(128u << 10);

        if (!url) {
                op_fail(op, OUTCOME_MISCONFIGURED, "%s offers no revocation (RFC 7009)",
                        op->provider->issuer);
                return;
        }
        (void)oidc_revocation_request(&form, &c, op->token);
        op_send(op, url, &form, on_revoke_answer);
}

static void begin_revocation(struct provider_op *op)
{
        op->ready = send_revocation;
        op_when_ready(op);
}

int provider_revoke_start(struct provider_op **ret, struct provider *p, const struct secret *refresh_token,
        provider_done_fn done, void *arg)
{
        return start_with_token(ret, p, begin_revocation, REVOKE_MS, refresh_token, done, arg);
}
