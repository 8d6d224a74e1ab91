// SPDX-License-Identifier: Apache-2.0
//
// The device flow (RFC 8628): ask for a code, have it shown, then ask every few seconds whether the person has
// approved. The provider sets the pace; "slow_down" makes it five seconds slower for good, a poll that fails
// on the way doubles the wait until one gets through (RFC 8628 3.5). A sign-in survives a server that restarts
// and ends when the code does.
#include "provider_internal.h"

#include "backoff.h"

#define LIFE_MAX_S     (30 * 60)
#define BEGIN_MS       30000 // until there is something to show
#define SLOW_DOWN_MS   5000
#define DELAY_MAX_MS   60000
#define START_ATTEMPTS 3

static int64_t boot_ms(const struct provider_op *op)
{
        return op->provider->clock->boot_ms(op->provider->clock);
}

static struct oidc_client client(const struct provider *p)
{
        return (struct oidc_client){.client_id = p->client_id, .client_secret = p->client_secret};
}

static void on_poll_answer(
        struct provider_op *op, enum outcome outcome, const struct http_response *r, const struct err *err);

static void expired(struct provider_op *op)
{
        op_fail(op, OUTCOME_EXPIRED, "the sign-in was not completed in time; start it again");
}

static void poll_now(struct provider_op *op)
{
        struct oidc_client c = client(op->provider);
        cleanup_buf struct buf form = BUF_INIT(128u << 10);

        if (boot_ms(op) >= op->end_ms) {
                expired(op);
                return;
        }
        (void)oidc_device_token_request(&form, &c, op->device.device_code); // errors stick to the buffer
        op_send(op, op->provider->metadata.token_endpoint, &form, on_poll_answer);
}

static void poll_later(struct provider_op *op)
{
        int64_t left = op->end_ms - boot_ms(op);

        op->on_tick = poll_now;
        timer_arm_in(op->tick, op->delay_ms < left ? op->delay_ms : left);
}

static void poll_failed(struct provider_op *op)
{
        op->delay_ms = op->delay_ms * 2 > DELAY_MAX_MS ? DELAY_MAX_MS : op->delay_ms * 2;
        poll_later(op);
}

static void got_tokens(struct provider_op *op, const struct http_response *r)
{
        struct err err = ERR_INIT;
        int n = oidc_tokens_parse(&op->result.tokens, buf_str(&r->body), r->body.n, &err);

        if (n < 0) {
                op_fail(op, n == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_BAD_ANSWER, "%s: %.200s",
                        op->provider->issuer, n == -ENOMEM ? "out of memory" : err.text);
                return;
        }
        if (!op->result.tokens.id_token) {
                op_fail(op, OUTCOME_MISCONFIGURED,
                        "%s sent no ID token; is the scope openid allowed for this client?",
                        op->provider->issuer);
                return;
        }
        // From here on it is about keys, not about the person.
        timer_arm_in(op->deadline, BEGIN_MS);
        op->ready = op_verify;
        op_when_ready(op);
}

static void poll_refused(struct provider_op *op, const struct http_response *r)
{
        struct oidc_error_answer e;

        oidc_error_parse(&e, buf_str(&r->body), r->body.n);
        switch (e.code) {
        case OIDC_E_AUTHORIZATION_PENDING:
                op->delay_ms = op->interval_ms;
                poll_later(op);
                return;
        case OIDC_E_SLOW_DOWN:
                op->interval_ms += SLOW_DOWN_MS;
                op->delay_ms = op->interval_ms;
                poll_later(op);
                return;
        case OIDC_E_ACCESS_DENIED:
                op_fail(op, OUTCOME_DENIED_BY_USER, "the sign-in was declined at %s", op->provider->issuer);
                return;
        case OIDC_E_EXPIRED_TOKEN:
                expired(op);
                return;
        case OIDC_E_INVALID_GRANT: // the code is unknown by now, or its answer was lost on the way
                op_fail(op, OUTCOME_EXPIRED, "%s does not know this sign-in any more; start it again",
                        op->provider->issuer);
                return;
        default:
                break;
        }
        if (r->status == 429 && r->retry_after_s > 0 && op->delay_ms < r->retry_after_s * 1000)
                op->delay_ms = r->retry_after_s * 1000 / 2; // doubled below
        if (answer_is_transient(r, &e))
                poll_failed(op);
        else
                op_refused(op, r, &e);
}

static void on_poll_answer(
        struct provider_op *op, enum outcome outcome, const struct http_response *r, const struct err *err)
{
        if (outcome == OUTCOME_UNREACHABLE || outcome == OUTCOME_TIMEOUT)
                poll_failed(op);
        else if (outcome != OUTCOME_OK)
                op_finish(op, outcome, err);
        else if (r->status == 200)
                got_tokens(op, r);
        else
                poll_refused(op, r);
}

static void authorized(struct provider_op *op, const struct http_response *r)
{
        struct err err = ERR_INIT;
        int n = oidc_device_parse(&op->device, buf_str(&r->body), r->body.n, &err);

        if (n < 0) {
                op_fail(op, n == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_BAD_ANSWER, "%s: %.200s",
                        op->provider->issuer, n == -ENOMEM ? "out of memory" : err.text);
                return;
        }
        if (op->device.expires_in_s > LIFE_MAX_S)
                op->device.expires_in_s = LIFE_MAX_S;
        op->end_ms = boot_ms(op) + op->device.expires_in_s * 1000;
        op->interval_ms = op->delay_ms = op->device.interval_s * 1000;
        timer_arm_in(op->deadline, (op->device.expires_in_s + 30) * 1000); // a last answer on its way
        poll_later(op);
        op->prompt(op->arg, &op->device); // may free op
}

static void ask_for_code(struct provider_op *op);

static void on_device_answer(
        struct provider_op *op, enum outcome outcome, const struct http_response *r, const struct err *err)
{
        struct oidc_error_answer e = {0};
        bool again = outcome == OUTCOME_UNREACHABLE;

        if (outcome == OUTCOME_OK && r->status == 200) {
                authorized(op, r);
                return;
        }
        if (outcome == OUTCOME_OK) {
                oidc_error_parse(&e, buf_str(&r->body), r->body.n);
                again = answer_is_transient(r, &e);
        }
        // A code nobody has seen yet may be asked for twice.
        if (again && ++op->attempt < START_ATTEMPTS) {
                op->on_tick = ask_for_code;
                timer_arm_in(op->tick, backoff_ms(op->attempt, 400, 4000));
                return;
        }
        if (outcome == OUTCOME_OK)
                op_refused(op, r, &e);
        else
                op_finish(op, outcome, err);
}

static void ask_for_code(struct provider_op *op)
{
        struct oidc_client c = client(op->provider);
        const struct oidc_metadata *m = &op->provider->metadata;
        cleanup_buf struct buf form = BUF_INIT(64u << 10);
        cleanup_free char *scope = NULL;
        int r = oidc_choose_scope(m, op->provider->scopes, &scope);

        if (r == 0)
                r = oidc_device_request(&form, &c, scope);
        if (r < 0)
                op_fail(op, OUTCOME_INTERNAL, "cannot ask %s: %s", op->provider->issuer, strerror(-r));
        else
                op_send(op, m->device_authorization_endpoint, &form, on_device_answer);
}

static void ready(struct provider_op *op)
{
        if (op->provider->metadata.device_authorization_endpoint)
                ask_for_code(op);
        else
                op_fail(op, OUTCOME_MISCONFIGURED, "%s offers no device flow (RFC 8628)",
                        op->provider->issuer);
}

static void begin(struct provider_op *op)
{
        op->ready = ready;
        op_when_ready(op);
}

int provider_device_start(struct provider_op **ret, struct provider *p, provider_prompt_fn prompt,
        provider_done_fn done, void *arg)
{
        struct provider_op *op = NULL;
        int r = op_new(&op, p, begin, BEGIN_MS, done, arg);

        if (r < 0)
                return err_trace(r);
        op->prompt = prompt;
        *ret = op;
        return 0;
}
