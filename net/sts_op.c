// SPDX-License-Identifier: Apache-2.0
//
// STS calls as operations. The request asks for nothing that cannot be asked twice, so it is sent
// again, up to three times within one deadline, wherever a second try can come out differently: no connection, 5xx,
// throttling, and STS's own trouble with fetching the provider's keys. What STS refuses it would refuse again, and a
// loop over a 403 is how one locks oneself out: that is told at once, in STS's words and with its request id.
#include "sts_op.h"

#include "backoff.h"
#include "log.h"
#include "sts_sign.h"

#include <stdio.h>

#define ATTEMPTS      3u
#define BACKOFF_MS    250
#define ATTEMPT_MS    6000
#define DEADLINE_MS   15000
#define SLOW_MS       500 // an attempt that had no answer for so long may have been sent into nothing
#define HURRIED_MAX   3u  // a link that flaps does not keep a slow STS from answering
#define MESSAGE_SHOWN 110 // characters of STS's message: the request id must still fit behind it
#define ARN_SHOWN     90

struct sts_op {
        struct http *http;
        struct loop *loop;
        char *endpoint, *ca_file, *role_arn;
        struct secret *form;
        // Who signs; access_key_id is NULL for an unsigned call.
        char *access_key_id, *region;
        struct secret *secret_access_key, *session_token;
        int64_t skew_s;
        int64_t deadline_at_ms; // boot time
        int64_t sent_at_ms;     // of the present attempt
        unsigned attempt, hurried;
        struct timer *timer; // the next attempt, or the end that start() already knew
        struct http_op *request;
        struct sts_result result;
        bool ended;
        sts_done_fn done;
        void *arg;
};

static void finish(struct sts_op *op)
{
        op->form = secret_free(op->form);
        if (op->result.outcome != OUTCOME_OK && !op->result.err.text[0])
                err_set(&op->result.err, "%s", outcome_info(op->result.outcome)->text);
        op->done(op->arg, &op->result); // may free op
}

static enum outcome outcome_of(const struct sts_error_answer *e, int status)
{
        switch (e->code) {
        case STS_E_EXPIRED_TOKEN:
        case STS_E_INVALID_TOKEN:
                return OUTCOME_TOKEN_REJECTED;
        case STS_E_VERIFICATION_KEY:
        case STS_E_IDP_COMMUNICATION:
                return OUTCOME_UNREACHABLE;
        case STS_E_REJECTED_CLAIM:
        case STS_E_ACCESS_DENIED:
        case STS_E_SIGNATURE:
                return OUTCOME_ACCESS_DENIED;
        case STS_E_DURATION:
        case STS_E_POLICY:
        case STS_E_REGION_DISABLED:
        case STS_E_VALIDATION:
                return OUTCOME_MISCONFIGURED;
        case STS_E_THROTTLED:
                return OUTCOME_THROTTLED;
        case STS_E_OTHER:
                return status >= 500 ? OUTCOME_UNREACHABLE : OUTCOME_ACCESS_DENIED;
        case STS_E_UNREADABLE:
                break;
        }
        return status == 429 ? OUTCOME_THROTTLED : status >= 500 ? OUTCOME_UNREACHABLE : OUTCOME_BAD_ANSWER;
}

// What STS said and no more: which condition of a trust policy failed it does not tell, so neither do we.
static void describe(struct sts_op *op, int status)
{
        const struct sts_error_answer *e = &op->result.error;
        struct err *err = &op->result.err;
        char id[160] = "";

        err_clear(err);
        if (e->request_id[0])
                snprintf(id, sizeof id, " (request id %.128s)", e->request_id);
        if (e->code == STS_E_UNREADABLE)
                err_set(err, "STS answered %.*s with HTTP status %d and no STS error%s", ARN_SHOWN,
                        op->role_arn, status, id);
        else
                err_set(err, "STS refused %.*s: %s%s%.*s%s", ARN_SHOWN, op->role_arn, e->name,
                        e->message[0] ? ": " : "", MESSAGE_SHOWN, e->message, id);
}

static bool worth_another(const struct sts_op *op)
{
        enum outcome o = op->result.outcome;

        return o == OUTCOME_UNREACHABLE || o == OUTCOME_THROTTLED || o == OUTCOME_TIMEOUT;
}

static int64_t left_ms(const struct sts_op *op)
{
        const struct clock *c = loop_clock(op->loop);

        return op->deadline_at_ms - c->boot_ms(c);
}

static void retry_or_finish(struct sts_op *op, int64_t retry_after_s)
{
        int64_t wait = backoff_ms(op->attempt, BACKOFF_MS, DEADLINE_MS);

        if (retry_after_s > 0 && wait < retry_after_s * 1000)
                wait = retry_after_s * 1000;
        if (!worth_another(op) || op->attempt + 1 >= ATTEMPTS || wait >= left_ms(op)) {
                finish(op);
                return;
        }
        log_event(LOG_E_INFO, "sts.retry", "role_arn=%s outcome=%s wait_ms=%lld", op->role_arn,
                outcome_info(op->result.outcome)->id, (long long)wait);
        op->attempt++;
        timer_arm_in(op->timer, wait);
}

static void on_answer(void *arg, enum outcome outcome, struct http_response *response, const struct err *err)
{
        struct sts_op *op = arg;
        struct sts_result *res = &op->result;
        int64_t retry_after_s = -1;
        int r;

        res->outcome = outcome;
        res->unanswered = outcome == OUTCOME_UNREACHABLE || outcome == OUTCOME_TIMEOUT;
        memset(&res->error, 0, sizeof res->error);
        err_clear(&res->err);
        if (outcome != OUTCOME_OK) {
                err_set(&res->err, "%s", err->text);
                err_prefix(&res->err, "STS: ");
        } else {
                if (response->date_s)
                        res->server_skew_s = response->date_s - clock_wall_s(loop_clock(op->loop));
                retry_after_s = response->retry_after_s;
                if (response->status == 200) {
                        r = sts_credentials_parse(
                                &res->credentials, response->body.p, response->body.n, &res->err);
                        res->outcome = r == 0         ? OUTCOME_OK
                                       : r == -ENOMEM ? OUTCOME_INTERNAL
                                                      : OUTCOME_BAD_ANSWER;
                        if (r < 0)
                                err_prefix(&res->err, "STS's answer for %.*s is not one: ", ARN_SHOWN,
                                        op->role_arn);
                } else {
                        sts_error_parse(&res->error, response->status, response->body.p, response->body.n);
                        res->outcome = outcome_of(&res->error, response->status);
                        describe(op, response->status);
                }
        }
        op->request = http_op_free(op->request);
        retry_or_finish(op, retry_after_s);
}

// Signed anew for each attempt: a signature is good for minutes, a retry may come later.
static int send_request(struct sts_op *op, struct http_request q)
{
        const struct sts_signer by = {.access_key_id = op->access_key_id,
                .secret_access_key = op->secret_access_key,
                .session_token = op->session_token,
                .region = op->region};
        struct sts_headers headers = STS_HEADERS_INIT;
        int r = 0;

        if (op->access_key_id) {
                r = sts_sign(&headers, op->endpoint, op->form, &by,
                        clock_wall_s(loop_clock(op->loop)) + op->skew_s, &op->result.err);
                q.headers = headers.list;
                q.authorization = headers.authorization;
        }
        if (r == 0)
                r = http_start(&op->request, op->http, &q, on_answer, op);
        sts_headers_deinit(&headers);
        return r;
}

static void on_timer(void *arg)
{
        struct sts_op *op = arg;
        struct http_request q = {
                .url = op->endpoint,
                .ca_file = op->ca_file,
                .form = op->form,
                .accept = "text/xml",
                .body_max = STS_ANSWER_MAX,
                .timeout_ms = left_ms(op) < ATTEMPT_MS ? left_ms(op) : ATTEMPT_MS,
        };
        int r;

        if (op->ended) {
                finish(op);
                return;
        }
        op->sent_at_ms = op->deadline_at_ms - left_ms(op);
        r = q.timeout_ms > 0 ? send_request(op, q) : -ETIME;
        if (r < 0) {
                op->result.outcome = r == -ETIME ? OUTCOME_TIMEOUT : OUTCOME_INTERNAL;
                finish(op);
        }
}

static int copy(char **dst, const char *src)
{
        if (!src)
                return 0;
        *dst = strdup(src);
        return *dst ? 0 : -ENOMEM;
}

static int op_new(struct sts_op **ret, struct http *h, const struct sts_target *t, const char *role_arn,
        sts_done_fn done, void *arg)
{
        struct sts_op *op = calloc(1, sizeof *op);
        const struct clock *c;
        int r;

        if (!op)
                return -ENOMEM;
        op->http = h;
        op->loop = http_loop(h);
        op->done = done;
        op->arg = arg;
        c = loop_clock(op->loop);
        op->deadline_at_ms = c->boot_ms(c) + (t->deadline_ms > 0 ? t->deadline_ms : DEADLINE_MS);
        r = copy(&op->endpoint, t->endpoint);
        if (r == 0)
                r = copy(&op->ca_file, t->ca_file);
        if (r == 0)
                r = copy(&op->role_arn, role_arn ? role_arn : "");
        if (r == 0)
                r = timer_new(&op->timer, op->loop, on_timer, op);
        if (r < 0) {
                sts_op_free(op);
                return err_trace(r);
        }
        *ret = op;
        return 0;
}

// Takes the form over, or the fault that building it had: what STS would refuse for its form is refused without
// asking it. r is what building said. From here the operation is on its way.
static int begin(struct sts_op **ret, struct sts_op *op, int r, struct buf *form)
{
        if (r == 0)
                r = buf_take_secret(form, &op->form);
        if (r == -EINVAL || r == -EMSGSIZE) {
                op->ended = true;
                op->result.outcome = OUTCOME_MISCONFIGURED;
                r = 0;
        }
        if (r < 0) {
                sts_op_free(op);
                return err_trace(r);
        }
        timer_arm_in(op->timer, 0);
        *ret = op;
        return 0;
}

// ret: freed by sts_op_free, also inside done. 0 or -errno (then done is never called).
int sts_web_identity_start(struct sts_op **ret, struct http *h, const struct sts_target *t,
        const struct sts_web_identity *q, sts_done_fn done, void *arg)
{
        cleanup_buf struct buf form = BUF_INIT(128u << 10);
        struct sts_op *op = NULL;
        int r = op_new(&op, h, t, q->role_arn, done, arg);

        if (r < 0)
                return err_trace(r);
        return begin(ret, op, sts_web_identity_request(&form, q, &op->result.err), &form);
}

// The same, signed.
int sts_assume_role_start(struct sts_op **ret, struct http *h, const struct sts_target *t,
        const struct sts_signer *by, const struct sts_assume_role *q, sts_done_fn done, void *arg)
{
        cleanup_buf struct buf form = BUF_INIT(128u << 10);
        struct sts_op *op = NULL;
        int r = op_new(&op, h, t, q->role_arn, done, arg);

        if (r < 0)
                return err_trace(r);
        op->skew_s = by->skew_s;
        r = copy(&op->access_key_id, by->access_key_id);
        if (r == 0)
                r = copy(&op->region, by->region);
        if (r == 0)
                r = secret_dup(&op->secret_access_key, by->secret_access_key);
        if (r == 0)
                r = secret_dup(&op->session_token, by->session_token);
        if (r == 0)
                r = sts_assume_role_request(&form, q, &op->result.err);
        return begin(ret, op, r, &form);
}

bool sts_op_hurry(struct sts_op *op)
{
        int64_t now = op->deadline_at_ms - left_ms(op);
        bool waits = op->request ? now - op->sent_at_ms >= SLOW_MS : op->result.unanswered;

        if (!waits || op->ended || op->hurried == HURRIED_MAX)
                return false;
        op->hurried++;
        op->request = http_op_free(op->request);
        op->deadline_at_ms = now + DEADLINE_MS;
        timer_arm_in(op->timer, 0);
        return true;
}

// Cancels an operation that has not ended. Legal in done(), and with NULL.
struct sts_op *sts_op_free(struct sts_op *op)
{
        if (!op)
                return NULL;
        http_op_free(op->request);
        timer_free(op->timer);
        secret_free(op->form);
        secret_free(op->secret_access_key);
        secret_free(op->session_token);
        free(op->access_key_id);
        free(op->region);
        sts_credentials_deinit(&op->result.credentials);
        free(op->endpoint);
        free(op->ca_file);
        free(op->role_arn);
        free(op);
        return NULL;
}
