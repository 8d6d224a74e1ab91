// SPDX-License-Identifier: Apache-2.0
//
// Answers, and the faults they can suffer. Whatever is wrong with an answer is made here, from a right one:
// no handler knows of it.
#include "web_internal.h"

#include <stdio.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>

#include "faults.h"
#include "xml.h"

#define HUGE_PADDING (8u << 20)

struct answer {
        int status;
        const char *type;
        const char *body; // borrowed
        size_t n;
};

static void set_headers(
        struct web_request *r, struct evhttp_request *ev, const struct answer *a, const char *const *extra)
{
        struct evkeyvalq *h = evhttp_request_get_output_headers(ev);
        time_t now = (time_t)cloud_now_s(r->cloud, r->route ? r->route->service : NULL);
        char date[64];
        struct tm tm;

        if (gmtime_r(&now, &tm) && strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
                evhttp_add_header(h, "Date", date);
        evhttp_add_header(h, "Content-Type", a->type);
        evhttp_add_header(h, "Cache-Control", "no-store");
        evhttp_add_header(h, "X-Content-Type-Options", "nosniff");
        if (r->route && r->route->service && strcmp(r->route->service, SERVICE_STS) == 0)
                evhttp_add_header(h, "x-amzn-RequestId", r->id);
        for (; extra && extra[0]; extra += 2)
                evhttp_add_header(h, extra[0], extra[1]);
}

static int fd_of(struct evhttp_request *ev)
{
        return bufferevent_getfd(evhttp_connection_get_bufferevent(evhttp_request_get_connection(ev)));
}

// After shutdown() evhttp's own write fails and it cleans up by itself.
static void cut(struct web_request *r, struct evhttp_request *ev)
{
        shutdown(fd_of(ev), SHUT_RDWR);
        evhttp_send_reply(ev, 500, NULL, NULL);
        web_answered(r);
}

void web_hang_up(struct web_request *r)
{
        struct evhttp_request *ev = web_give_back(r);

        if (ev)
                cut(r, ev);
        else
                web_answered(r);
}

// The head announces the whole body; half of it follows.
static void send_half(struct web_request *r, struct evhttp_request *ev, const struct answer *a)
{
        char head[256];
        int n = snprintf(head, sizeof head,
                "HTTP/1.1 %d Fault\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", a->status, a->type,
                a->n);

        // A short write makes it less than half, which is as good.
        (void)!send(fd_of(ev), head, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)!send(fd_of(ev), a->body, a->n / 2, MSG_NOSIGNAL | MSG_DONTWAIT);
        cut(r, ev);
}

// ---- byte by byte -----------------------------------------------------------------------------------------------

struct trickle {
        struct web_request *r;
        struct timer *timer;
        int64_t every_ms;
        struct buf body;
        size_t sent;
};

static void trickle_forget(void *arg)
{
        struct trickle *t = arg;

        timer_free(t->timer);
        buf_deinit(&t->body);
        free(t);
}

static void trickle_step(void *arg)
{
        struct trickle *t = arg;
        struct evbuffer *b = evbuffer_new();
        struct evhttp_request *ev;

        if (b && !t->r->closed && t->sent < t->body.n && evbuffer_add(b, t->body.p + t->sent, 1) == 0) {
                t->sent++;
                evhttp_send_reply_chunk(t->r->ev, b);
                evbuffer_free(b);
                timer_arm_in(t->timer, t->every_ms);
                return;
        }
        if (b)
                evbuffer_free(b);
        ev = web_give_back(t->r);
        if (ev)
                evhttp_send_reply_end(ev);
        web_answered(t->r);
}

static bool send_trickle(
        struct web_request *r, const struct answer *a, const char *const *extra, int64_t every_ms)
{
        struct trickle *t = calloc(1, sizeof *t);
        char n[24];

        if (!t)
                return false;
        *t = (struct trickle){.r = r, .every_ms = every_ms, .body = BUF_INIT(a->n + 1)};
        if (buf_append(&t->body, a->body, a->n) < 0 ||
                timer_new(&t->timer, r->cloud->loop, trickle_step, t) < 0) {
                trickle_forget(t);
                return false;
        }
        snprintf(n, sizeof n, "%zu", a->n);
        set_headers(r, r->ev, a, extra);
        evhttp_add_header(evhttp_request_get_output_headers(r->ev), "Content-Length", n);
        evhttp_send_reply_start(r->ev, a->status, NULL);
        web_wait(r, t, trickle_forget);
        timer_arm_in(t->timer, every_ms);
        return true;
}

// ---- the one way out --------------------------------------------------------------------------------------------

static bool struck(struct web_request *r, enum faults_name f)
{
        return r->route && r->route->service && faults_take(r->cloud->faults, f, r->route->service, r->op);
}

void web_reply(struct web_request *r, int status, const char *type, const void *body, size_t n,
        const char *const *extra)
{
        struct answer a = {.status = status, .type = type, .body = body, .n = n};
        struct evhttp_request *ev;
        struct evbuffer *b;
        int64_t every_ms = 0;
        int failed = 0;

        if (r->route && r->route->service) {
                every_ms = faults_value(r->cloud->faults, FAULTS_TRICKLE, r->route->service, r->op, 0);
                if (status >= 400 && r->op) {
                        char name[96];

                        snprintf(name, sizeof name, "%s.error", r->op);
                        cloud_count(r->cloud, name);
                }
        }
        if (struck(r, FAULTS_LOSE)) {
                web_hang_up(r);
                return;
        }
        if (struck(r, FAULTS_EMPTY))
                a.n = 0;
        if (struck(r, FAULTS_GARBAGE))
                a = (struct answer){status, type, "\x7f]} this is no answer <<<&", 25};
        if (every_ms > 0 && !r->closed && send_trickle(r, &a, extra, every_ms))
                return;
        ev = web_give_back(r);
        if (!ev) {
                web_answered(r);
                return;
        }
        if (struck(r, FAULTS_HALF)) {
                send_half(r, ev, &a);
                return;
        }
        set_headers(r, ev, &a, extra);
        b = evbuffer_new();
        if (b && struck(r, FAULTS_HUGE)) {
                char blank[4096];

                memset(blank, ' ', sizeof blank);
                for (size_t i = 0; i < HUGE_PADDING / sizeof blank; i++)
                        failed |= evbuffer_add(b, blank, sizeof blank);
        }
        if (!b || failed || (a.n && evbuffer_add(b, a.body, a.n) < 0))
                evhttp_send_reply(ev, 500, NULL, NULL);
        else
                evhttp_send_reply(ev, status, NULL, b);
        if (b)
                evbuffer_free(b);
        web_answered(r);
}

void web_reply_out_of_memory(struct web_request *r)
{
        web_reply(r, 500, "text/plain", "", 0, NULL);
}

void web_reply_json(struct web_request *r, int status, json_t *body)
{
        char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

        json_decref(body);
        if (!text) {
                web_reply_out_of_memory(r);
                return;
        }
        web_reply(r, status, "application/json", text, strlen(text), NULL);
        explicit_bzero(text, strlen(text));
        free(text);
}

void web_reply_oauth_error(struct web_request *r, int status, const char *error, const char *description)
{
        web_reply_json(r, status, json_pack("{s:s, s:s*}", "error", error, "error_description", description));
}

// ---- failures as each service words them ------------------------------------------------------------------------

static bool is_sts(const struct web_request *r)
{
        return r->route->service && strcmp(r->route->service, SERVICE_STS) == 0;
}

void web_reply_unavailable(struct web_request *r)
{
        if (is_sts(r))
                xml_reply_error(r, 503, "ServiceUnavailable", "Service Unavailable");
        else
                web_reply(r, 503, "text/plain", "", 0, NULL);
}

void web_reply_throttled(struct web_request *r)
{
        static const char *const retry[] = {"Retry-After", "1", NULL};

        if (is_sts(r))
                xml_reply_error(r, 400, "Throttling", "Rate exceeded");
        else
                web_reply(r, 429, "text/plain", "", 0, retry);
}

void web_reply_malformed(struct web_request *r, const char *why)
{
        if (is_sts(r))
                xml_reply_error(r, 400, "MalformedQueryString", why);
        else
                web_reply_oauth_error(r, 400, "invalid_request", why);
}
