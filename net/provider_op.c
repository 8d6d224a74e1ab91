// SPDX-License-Identifier: Apache-2.0
//
// The life of one operation at a provider, whatever it is: it begins from the loop, has one deadline, may wait
// for discovery, sends requests one at a time, and ends once. Whoever ends it is done with it.
//
// A token is believed for what its signature and our clock say. The provider's Date only explains a refusal:
// a machine whose clock is wrong is told so, and never talked out of an expiry by a header.
#include "provider_internal.h"

#include "timefmt.h"

#include <stdio.h>

#define SKEW_WORTH_TELLING_S 60

static void on_tick(void *arg)
{
        struct provider_op *op = arg;

        op->on_tick(op);
}

static void on_deadline(void *arg)
{
        struct provider_op *op = arg;

        op_fail(op, OUTCOME_TIMEOUT, "%s did not answer in time", op->provider->issuer);
}

int op_new(struct provider_op **ret, struct provider *p, void (*begin)(struct provider_op *op),
        int64_t deadline_ms, provider_done_fn done, void *arg)
{
        struct provider_op *op = calloc(1, sizeof *op);
        int r;

        if (!op)
                return -ENOMEM;
        op->provider = p;
        op->done = done;
        op->arg = arg;
        op->on_tick = begin;
        r = timer_new(&op->tick, p->loop, on_tick, op);
        if (r == 0)
                r = timer_new(&op->deadline, p->loop, on_deadline, op);
        if (r < 0) {
                provider_op_free(op);
                return err_trace(r);
        }
        timer_arm_in(op->tick, 0);
        timer_arm_in(op->deadline, deadline_ms);
        *ret = op;
        return 0;
}

struct provider_op *provider_op_free(struct provider_op *op)
{
        if (!op)
                return NULL;
        op_stop_waiting(op);
        http_op_free(op->http);
        timer_free(op->tick);
        timer_free(op->deadline);
        oidc_tokens_deinit(&op->result.tokens);
        jwt_claims_deinit(&op->result.claims);
        oidc_device_deinit(&op->device);
        code_flow_free(op->code);
        secret_free(op->token);
        free(op->subject);
        free(op);
        return NULL;
}

void provider_op_redirect(struct provider_op *op, provider_done_fn done, void *arg)
{
        op->done = done;
        op->rotated = NULL;
        op->arg = arg;
}

void provider_op_on_rotated(struct provider_op *op, provider_rotated_fn rotated)
{
        op->rotated = rotated;
}

void op_finish(struct provider_op *op, enum outcome outcome, const struct err *err)
{
        struct provider_result *result = &op->result;

        op_stop_waiting(op);
        op->http = http_op_free(op->http);
        timer_disarm(op->tick);
        timer_disarm(op->deadline);
        result->outcome = outcome;
        if (err)
                result->err = *err;
        if (outcome != OUTCOME_OK) {
                struct secret *refresh = op->keep_refresh ? TAKE_PTR(result->tokens.refresh_token) : NULL;
                int64_t life_s = result->tokens.refresh_expires_in_s;

                result->grant_stands = op->keep_refresh;
                oidc_tokens_deinit(&result->tokens);
                jwt_claims_deinit(&result->claims);
                result->tokens.refresh_token = refresh;
                result->tokens.refresh_expires_in_s = refresh ? life_s : 0;
        }
        result->obtained_at_s = clock_wall_s(op->provider->clock);
        op->done(op->arg, result); // may free op
}

void op_fail(struct provider_op *op, enum outcome outcome, const char *fmt, ...)
{
        struct err err;
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(err.text, sizeof err.text, fmt, ap);
        va_end(ap);
        op_finish(op, outcome, &err);
}

// Only answers to a POST count: discovery and keys may come from a cache that keeps the Date of the day.
static void note_date(struct provider *p, const struct http_response *r)
{
        if (r->date_s)
                clock_remote_learn(&p->date, p->clock, r->date_s);
}

static void on_http(void *arg, enum outcome outcome, struct http_response *r, const struct err *err)
{
        struct provider_op *op = arg;

        if (outcome == OUTCOME_OK)
                note_date(op->provider, r);
        op->answered(op, outcome, r, err);
}

void op_send(struct provider_op *op, const char *url, struct buf *form,
        void (*answered)(struct provider_op *op, enum outcome outcome, const struct http_response *r,
                const struct err *err))
{
        cleanup_secret struct secret *body = NULL;
        struct http_request q = {
                .url = url, .ca_file = op->provider->ca_file, .accept = "application/json", .once = true};
        int r = buf_take_secret(form, &body);

        q.form = body;
        op->http = http_op_free(op->http);
        op->answered = answered;
        if (r == 0)
                r = http_start(&op->http, op->provider->http, &q, on_http, op);
        if (r < 0)
                op_fail(op, OUTCOME_INTERNAL, "cannot ask %s: %s", op->provider->issuer, strerror(-r));
}

static enum outcome rejected(struct provider_op *op, int why, struct err *err)
{
        int64_t skew = provider_skew_s(op->provider);

        if ((why == JWT_E_EXPIRED || why == JWT_E_NOT_YET) &&
                (skew > SKEW_WORTH_TELLING_S || skew < -SKEW_WORTH_TELLING_S)) {
                char ours[TIME_ISO_LEN + 1], theirs[TIME_ISO_LEN + 1];
                int64_t now = clock_wall_s(op->provider->clock);

                time_format_iso(ours, now);
                time_format_iso(theirs, now + skew);
                err_clear(err);
                err_set(err,
                        "this machine's clock says %s, that of %s %s, so its sign-in cannot be checked: set "
                        "the clock",
                        ours, op->provider->issuer, theirs);
                return OUTCOME_CLOCK_SKEW;
        }
        // Nobody's token but this person's: a new refresh token that came with another's is worth nothing.
        if (why != JWT_E_EXPIRED && why != JWT_E_NOT_YET && why != JWT_E_NO_KEY)
                op->keep_refresh = false;
        err_set(err, "%s", jwt_result_text(why));
        err_prefix(err, "the ID token of %s is not accepted: ", op->provider->issuer);
        return OUTCOME_TOKEN_REJECTED;
}

void op_verify(struct provider_op *op)
{
        const struct secret *t = op->result.tokens.id_token;
        const struct provider *p = op->provider;
        struct jwt_expect expect = {
                .issuer = p->issuer,
                .client_id = p->client_id,
                .nonce = op->code ? op->code->nonce : NULL,
                .subject = op->subject,
                .now_s = clock_wall_s(p->clock),
        };
        struct err err = ERR_INIT;
        int r = jwt_verify(&op->result.claims, secret_str(t), secret_len(t), p->jwks, &expect, &err);

        if (r == JWT_E_NO_KEY && !op->asked_for_key) {
                op->asked_for_key = true;
                op->ready = op_verify;
                if (op_when_rekeyed(op))
                        return;
        }
        if (r == 0)
                op_finish(op, OUTCOME_OK, NULL);
        else if (r < 0)
                op_fail(op, OUTCOME_INTERNAL, "the ID token of %s cannot be checked: %s", p->issuer,
                        strerror(-r));
        else
                op_finish(op, rejected(op, r, &err), &err);
}

bool answer_is_transient(const struct http_response *r, const struct oidc_error_answer *e)
{
        return r->status >= 500 || r->status == 429 || e->code == OIDC_E_TEMPORARILY_UNAVAILABLE;
}

static enum outcome error_outcome(const struct http_response *r, const struct oidc_error_answer *e)
{
        if (r->status == 429)
                return OUTCOME_THROTTLED;
        if (answer_is_transient(r, e))
                return OUTCOME_UNREACHABLE;
        switch (e->code) {
        case OIDC_E_UNREADABLE:
                return OUTCOME_BAD_ANSWER;
        case OIDC_E_ACCESS_DENIED:
                return OUTCOME_ACCESS_DENIED;
        case OIDC_E_INVALID_GRANT:
        case OIDC_E_INTERACTION_REQUIRED:
                return OUTCOME_NEEDS_LOGIN;
        case OIDC_E_EXPIRED_TOKEN:
                return OUTCOME_EXPIRED;
        case OIDC_E_SLOW_DOWN:
                return OUTCOME_THROTTLED;
        default:
                return OUTCOME_MISCONFIGURED; // invalid_client, invalid_scope, unsupported_…
        }
}

void op_refused(struct provider_op *op, const struct http_response *r, const struct oidc_error_answer *e)
{
        const char *issuer = op->provider->issuer;
        enum outcome outcome = error_outcome(r, e);

        if (e->code == OIDC_E_UNREADABLE)
                op_fail(op, outcome, "%s answers with HTTP status %d and no reason", issuer, r->status);
        else if (*e->description)
                op_fail(op, outcome, "%s refuses: %s (%s)", issuer, e->error, e->description);
        else
                op_fail(op, outcome, "%s refuses: %s", issuer, e->error);
}
