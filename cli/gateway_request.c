// SPDX-License-Identifier: Apache-2.0
//
// A request on its way: a body has to be whole before it can be signed, and is kept until then. S3 takes one that is not
// signed, over TLS, and there a large one goes on as it comes.
#include "gateway_internal.h"

#include "aws_service.h"

#include <stdio.h>

#define SKEW_S 60

void gateway_request_forget(struct gateway_conn *c)
{
        c->op = http_op_free(c->op);
        c->spool = spool_free(c->spool);
        free(c->text);
        c->text = NULL;
        c->head = (struct http_head){0};
        c->chunks = (struct http_chunks){0};
        c->body_left = 0;
        c->sha256[0] = 0;
        c->streaming = c->read_waits = c->answer_waits = false;
        c->begun = c->over = c->chunked = c->no_body = false;
}

// ---- the body, as it goes on

static ssize_t give_streamed(void *arg, char *p, size_t n)
{
        struct gateway_conn *c = arg;

        if (c->body_left == 0)
                return 0;
        if (c->in_n == 0) {
                c->read_waits = true;
                return HTTP_STREAM_WAIT;
        }
        n = n < c->in_n ? n : c->in_n;
        n = n < c->body_left ? n : (size_t)c->body_left;
        memcpy(p, c->in, n);
        memmove(c->in, c->in + n, c->in_n - n);
        c->in_n -= n;
        c->body_left -= n;
        watch_set(c->watch, WATCH_READ | (c->sent < c->out.n ? WATCH_WRITE : 0));
        return (ssize_t)n;
}

static ssize_t give_kept(void *arg, char *p, size_t n)
{
        struct gateway_conn *c = arg;

        return spool_read(c->spool, p, n);
}

static int give_kept_again(void *arg)
{
        struct gateway_conn *c = arg;

        spool_rewind(c->spool);
        return 0;
}

// ---- signing

// What the client says in the digest's place, where that is no digest; "" what cannot be passed on.
static const char *client_payload(const struct gateway_conn *c)
{
        struct http_text v;

        if (http_head_find(&c->head, "x-amz-content-sha256", &v) == 0 || v.n < 10 ||
                strncmp(v.p, "STREAMING-", 10) != 0)
                return NULL;
        return http_text_is(&v, SIGV4_TRAILER) ? SIGV4_TRAILER : "";
}

static unsigned signing_flags(const struct gateway_conn *c)
{
        unsigned flags = aws_service_flags(c->route.service);

        return c->streaming && !client_payload(c) ? flags | SIGV4_UNSIGNED_PAYLOAD : flags;
}

// This machine's clock, unless whoever answers has another one: AWS believes a date for five minutes.
static int64_t signing_time_s(const struct gateway *g)
{
        const struct clock *k = loop_clock(g->loop);
        int64_t skew_s = clock_remote_skew_s(&g->clock, k);

        return clock_wall_s(k) + (skew_s > SKEW_S || skew_s < -SKEW_S ? skew_s : 0);
}

static int add_signature(
        struct gateway_headers *h, const struct sigv4_result *r, const struct role_credentials *by)
{
        int k = gateway_headers_add(h, "X-Amz-Date", r->amz_date);

        if (k == 0 && r->content_sha256[0])
                k = gateway_headers_add(h, "X-Amz-Content-Sha256", r->content_sha256);
        if (k == 0 && by->session_token)
                k = gateway_headers_add(h, "X-Amz-Security-Token", secret_str(by->session_token));
        return k ? k : gateway_headers_add(h, "Authorization", buf_str(&r->authorization));
}

// 0; an HTTP status with err.
static int sign(struct gateway_conn *c, struct gateway_headers *h, const char *target, struct err *err)
{
        _cleanup_(sigv4_result_deinit) struct sigv4_result r = SIGV4_RESULT_INIT;
        const struct role_credentials *by;
        const char *query = strchr(target, '?');
        cleanup_free char *path = strndup(target, query ? (size_t)(query - target) : strlen(target));
        cleanup_free char *method = strndup(c->head.method.p, c->head.method.n);
        enum outcome o = c->gateway->owner.credentials(c->gateway->owner.arg, &by, err);
        struct sigv4_request q = {.method = method,
                .path = path,
                .query = query ? query + 1 : NULL,
                .headers = h->to_sign,
                .n_headers = h->n_to_sign,
                .body = "",
                .body_sha256 = client_payload(c) ? SIGV4_TRAILER
                               : c->sha256[0]    ? c->sha256
                                                 : NULL};
        struct sigv4_credentials cred;
        struct sigv4_params p = {.region = c->route.region,
                .service = c->route.service,
                .time_s = signing_time_s(c->gateway),
                .flags = signing_flags(c)};
        int k;

        if (o != OUTCOME_OK)
                return o == OUTCOME_NEEDS_LOGIN || o == OUTCOME_ACCESS_DENIED ? 403 : 503;
        if (!path || !method)
                return 500;
        cred = (struct sigv4_credentials){by->access_key_id, by->secret_access_key, by->session_token};
        k = sigv4_sign(&r, &q, &cred, &p, err);
        if (k == 0)
                k = add_signature(h, &r, by);
        return k == 0 ? 0 : k == -EINVAL || k == -E2BIG || k == -EMSGSIZE ? 400 : 500;
}

// ---- sending

static int start(struct gateway_conn *c, const struct gateway_headers *h, const char *target)
{
        cleanup_free char *method = strndup(c->head.method.p, c->head.method.n);
        const struct http_request q = {.url = c->route.origin,
                .ca_file = c->route.ca_file,
                .headers = (const char *const *)h->lines,
                .once = c->streaming};
        struct http_stream s = {.method = method,
                .target = target,
                .body_len = c->streaming ? (int64_t)c->body_left
                            : c->spool   ? (int64_t)spool_size(c->spool)
                                         : -1,
                .read = c->streaming ? give_streamed : give_kept,
                .rewind = c->streaming ? NULL : give_kept_again,
                .head = gateway_answer_head,
                .body = gateway_answer_body,
                .arg = c};

        return method ? http_stream_start(&c->op, c->gateway->http, &q, &s, gateway_answer_done, c) : -ENOMEM;
}

// A plus in a query is a blank to those who read forms and a plus to others, and the signature is over one of them. A blank it is, said
// in the way that is one to all.
static char *make_target(const struct gateway_conn *c)
{
        cleanup_buf struct buf b = BUF_INIT(4 * GATEWAY_HEAD_MAX);
        const struct http_text *t = &c->head.target;
        char *ret = NULL;
        bool query = false;

        buf_append_str(&b, c->route.path);
        for (size_t i = 0; i < t->n; i++) {
                query |= t->p[i] == '?';
                if (query && c->route.sign && t->p[i] == '+')
                        buf_append_str(&b, "%20");
                else
                        buf_append_char(&b, t->p[i]);
        }
        return buf_take_str(&b, &ret) == 0 ? ret : NULL;
}

static void pass_on(struct gateway_conn *c)
{
        struct gateway_headers h = {0};
        struct err err = ERR_INIT;
        char *target = make_target(c);
        int status = 0, r;

        c->state = GATEWAY_ANSWER;
        r = target ? gateway_headers_collect(&h, &c->head, &c->route) : -ENOMEM;
        if (r == 0 && c->route.sign)
                status = sign(c, &h, target, &err);
        if (r == 0 && status == 0)
                r = start(c, &h, target);
        gateway_headers_deinit(&h);
        free(target);
        if (status)
                gateway_answer_error(c, status, err.text[0] ? err.text : "the request cannot be signed");
        else if (r < 0)
                gateway_answer_error(c, r == -E2BIG ? 431 : 500, strerror(-r));
}

// ---- the request

static void keep_over(struct gateway_conn *c)
{
        int r = spool_end(c->spool, c->sha256);

        if (r < 0)
                gateway_answer_error(c, 500, strerror(-r));
        else
                pass_on(c);
}

static void keep_failed(struct gateway_conn *c, int r)
{
        char text[160];

        c->keep_alive = false;
        if (r == -EFBIG)
                snprintf(text, sizeof text, "the body has more than the %llu bytes that are kept here",
                        (unsigned long long)c->gateway->body_max);
        else if (r == -EBADMSG)
                snprintf(text, sizeof text, "the chunks of the body make no sense");
        else
                snprintf(text, sizeof text, "the body cannot be kept until it is whole: %s", strerror(-r));
        gateway_answer_error(c, r == -EFBIG ? 413 : r == -EBADMSG ? 400 : 507, text);
}

size_t gateway_request_body(struct gateway_conn *c, const char *p, size_t n)
{
        struct http_text data = {p, n < c->body_left ? n : (size_t)c->body_left};
        size_t used = data.n;
        int r = 0;

        if (c->head.chunked)
                r = http_chunks_read(&c->chunks, p, n, &used, &data);
        else
                c->body_left -= data.n;
        if (r == 0)
                r = spool_add(c->spool, data.p, data.n);
        if (r < 0)
                keep_failed(c, r);
        else if (c->head.chunked ? c->chunks.state == HTTP_CHUNKS_END : c->body_left == 0)
                keep_over(c);
        return used;
}

static bool can_stream(const struct gateway_conn *c)
{
        return c->route.sign && !c->head.chunked && c->head.body_len > GATEWAY_STREAM_MIN &&
               strncmp(c->route.origin, "https:", 6) == 0 && aws_service_is_s3(c->route.service);
}

// What cannot be passed on. NULL: it can.
static const char *find_fault(const struct gateway_conn *c, int *ret_status)
{
        const char *payload = c->route.sign ? client_payload(c) : NULL;
        struct http_text expect;

        *ret_status = 400;
        if (http_text_is(&c->head.method, "CONNECT") || http_text_is(&c->head.method, "TRACE")) {
                *ret_status = 405;
                return "this is not passed on";
        }
        if (http_text_is(&c->head.method, "HEAD") && (c->head.chunked || c->head.body_len > 0))
                return "a HEAD has no body";
        if (payload && (!payload[0] || strncmp(c->route.origin, "https:", 6) != 0)) {
                *ret_status = 501;
                return "the body is signed in chunks with other credentials: have the client send it in one "
                       "piece, or without a signature";
        }
        if (c->route.sign && memmem(c->head.target.p, c->head.target.n, "X-Amz-Signature=", 16))
                return "this request is presigned: it can be sent to the service as it is";
        if (http_head_find(&c->head, "Expect", &expect) > 0 &&
                !http_text_is_nocase(&expect, "100-continue")) {
                *ret_status = 417;
                return "nothing but 100-continue can be expected here";
        }
        return NULL;
}

void gateway_request_begin(struct gateway_conn *c)
{
        const struct gateway_owner *owner = &c->gateway->owner;
        struct err err = ERR_INIT;
        struct http_text v;
        const char *fault;
        int status;

        if (c->refusal.text[0]) {
                gateway_answer_error(c, 403, c->refusal.text);
                return;
        }
        status = owner->route(owner->arg, &c->head, &c->route, &err);
        fault = status ? err.text : find_fault(c, &status);
        if (fault) {
                gateway_answer_error(c, status, fault);
                return;
        }
        c->keep_alive = c->head.keep_alive;
        c->body_left = c->head.body_len;
        c->streaming = can_stream(c);
        if (!c->streaming && c->body_left > c->gateway->body_max) {
                keep_failed(c, -EFBIG);
                return;
        }
        if (!c->head.chunked && http_head_find(&c->head, "Content-Length", &v) == 0) {
                pass_on(c);
                return;
        }
        if (http_head_find(&c->head, "Expect", &v) > 0 && !c->head.http10)
                buf_append_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        c->state = GATEWAY_BODY;
        if (c->streaming)
                pass_on(c);
        else if (spool_new(&c->spool, c->gateway->body_max) < 0)
                gateway_answer_error(c, 500, "out of memory");
        else if (!c->head.chunked && c->body_left == 0)
                keep_over(c);
}
