// SPDX-License-Identifier: Apache-2.0
//
// libcurl on the loop. curl tells which sockets it waits for (on_curl_socket) and when it wants to be called
// again (on_curl_timer); we tell it what happened (curl_multi_socket_action) and then collect what has
// finished. done() runs from there, outside of any curl function, so it may start and free operations.
#include "http.h"

#include "http_internal.h"

#include <event2/event.h>
#include <malloc.h>

#define GRACE_MS 500
#define TRIM_MS  1000

struct http_socket {
        struct http *http;
        struct watch *watch;
        curl_socket_t fd;
};

void http_network_changed(struct http *h)
{
        const struct clock *c = loop_clock(h->loop);

        h->changed_boot_ms = c->boot_ms(c);
}

// What many transfers at once took lies about in the heap, in pages between what is kept: the system gets it back.
static void on_trim(void *arg _unused_)
{
        malloc_trim(0);
}

static void finish(struct http_op *op, enum outcome outcome, const struct err *err)
{
        http_op_release(op);
        timer_disarm(op->post);
        if (!timer_is_armed(op->http->trim))
                timer_arm_in(op->http->trim, TRIM_MS);
        op->done(op->arg, outcome, &op->response, err); // may free op
}

static void collect(struct http *h)
{
        CURLMsg *m;
        int left;

        while ((m = curl_multi_info_read(h->multi, &left))) {
                struct err err = ERR_INIT;
                struct http_op *op = NULL;
                enum outcome outcome;
                CURLcode code = m->data.result;

                if (m->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &op);
                outcome = http_op_outcome(op, code, &err);
                finish(op, outcome, &err);
        }
}

static void action(struct http *h, curl_socket_t fd, int what)
{
        int running;

        // Not CURLM_OK: the state of one transfer, which its own message tells, or a socket unknown by now.
        (void)curl_multi_socket_action(h->multi, fd, what, &running);
        collect(h);
}

static void on_ready(unsigned ready, void *arg)
{
        const struct http_socket *s = arg;

        action(s->http, s->fd, ready & WATCH_WRITE ? CURL_CSELECT_OUT : CURL_CSELECT_IN); // s may be gone
}

static void on_time(evutil_socket_t fd _unused_, short what _unused_, void *arg)
{
        action(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi _unused_, long ms, void *arg)
{
        struct http *h = arg;
        struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

        if (ms < 0)
                event_del(h->timer);
        else if (event_add(h->timer, &tv) < 0)
                event_active(h->timer, EV_TIMEOUT, 1); // no memory for a wait: look again at once
        return 0;
}

// Without memory for the watch this transfer ends; a failure returned to curl would end all of them.
static void no_watch(CURL *easy)
{
        struct http_op *op = NULL;

        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &op);
        if (!op)
                return;
        op->post_outcome = OUTCOME_INTERNAL;
        err_clear(&op->err);
        err_set(&op->err, "out of memory while waiting for %s", op->host);
        timer_arm_in(op->post, 0);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
        struct http *h = arg;
        struct http_socket *s = socket;
        unsigned mask = (what & CURL_POLL_IN ? WATCH_READ : 0u) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0u);

        if (what == CURL_POLL_REMOVE) {
                if (s)
                        watch_free(s->watch);
                free(s);
                curl_multi_assign(h->multi, fd, NULL); // an error where curl has forgotten the socket already
                return 0;
        }
        if (s) {
                watch_set(s->watch, mask);
                return 0;
        }
        s = calloc(1, sizeof *s);
        if (!s) {
                no_watch(easy);
                return 0;
        }
        *s = (struct http_socket){.http = h, .fd = fd};
        if (watch_new(&s->watch, h->loop, fd, mask, on_ready, s) < 0) {
                free(s);
                no_watch(easy);
                return 0;
        }
        curl_multi_assign(h->multi, fd, s);
        return 0;
}

struct loop *http_loop(const struct http *h)
{
        return h->loop;
}

// ret: freed by http_free, before the loop. 0 or -ENOMEM.
int http_new(struct http **ret, struct loop *l)
{
        struct http *h = calloc(1, sizeof *h);
        int r;

        if (!h)
                return -ENOMEM;
        h->loop = l;
        h->multi = curl_multi_init();
        h->timer = event_new(loop_base(l), -1, 0, on_time, h);
        if (!h->multi || !h->timer || curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) ||
                curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) ||
                curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) ||
                curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) ||
                curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 8L)) {
                http_free(h);
                return -ENOMEM;
        }
        r = timer_new(&h->trim, l, on_trim, h);
        if (r < 0) {
                http_free(h);
                return err_trace(r);
        }
        *ret = h;
        return 0;
}

// After its operations, and not from inside a done().
struct http *http_free(struct http *h)
{
        if (!h)
                return NULL;
        if (h->multi)
                curl_multi_cleanup(h->multi);
        if (h->timer)
                event_free(h->timer);
        timer_free(h->trim);
        free(h);
        return NULL;
}

static void on_post(void *arg)
{
        struct http_op *op = arg;
        struct err err = op->err;

        finish(op, op->post_outcome, &err);
}

// curl's own deadline stands still in suspend, and a curl that ran out of memory may forget a transfer: so ours
// stands behind it.
// Everything of q is copied. A request that must not be sent (its URL) comes back through done().
static int start(struct http_op **ret, struct http *h, const struct http_request *q,
        const struct http_stream *stream, http_done_fn done, void *arg)
{
        struct http_op *op = calloc(1, sizeof *op);
        int r;

        if (!op)
                return -ENOMEM;
        op->http = h;
        if (stream)
                op->stream = *stream;
        op->done = done;
        op->arg = arg;
        r = timer_new(&op->post, h->loop, on_post, op);
        if (r == 0)
                r = http_op_setup(op, q);
        if (r == 0) {
                CURLMcode code = curl_multi_add_handle(h->multi, op->easy);

                op->added = code == CURLM_OK;
                r = code == CURLM_OK ? 0 : code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
        }
        if (r < 0) {
                http_op_free(op);
                return err_trace(r);
        }
        if (r > 0 || op->timeout_ms > 0)
                timer_arm_in(op->post, r > 0 ? 0 : op->timeout_ms + GRACE_MS);
        *ret = op;
        return 0;
}

int http_start(
        struct http_op **ret, struct http *h, const struct http_request *q, http_done_fn done, void *arg)
{
        return start(ret, h, q, NULL, done, arg);
}

int http_stream_start(struct http_op **ret, struct http *h, const struct http_request *q,
        const struct http_stream *s, http_done_fn done, void *arg)
{
        return start(ret, h, q, s, done, arg);
}

struct http_op *http_op_free(struct http_op *op)
{
        if (!op)
                return NULL;
        http_op_release(op);
        timer_free(op->post);
        buf_deinit(&op->response.body);
        free(op);
        return NULL;
}
