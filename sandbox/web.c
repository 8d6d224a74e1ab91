// SPDX-License-Identifier: Apache-2.0
//
// How a request travels: on_request() finds its route and reads its parameters; the faults that come before
// any work (5xx, throttle, drop, delay) strike; the route's handler does the work; web_answer.c sends the
// answer, and the faults of answers strike there. What a handler waits for hangs on the request and goes with
// it.
#include "web_internal.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <event2/http.h>

#include "faults.h"
#include "log.h"

// ---- faults that come before the work ---------------------------------------------------------------------------

static bool struck(struct web_request *r, enum faults_name f)
{
        return r->route->service && faults_take(r->cloud->faults, f, r->route->service, r->op);
}

static void run(struct web_request *r)
{
        if (struck(r, FAULTS_DROP))
                web_hang_up(r);
        else if (struck(r, FAULTS_5XX))
                web_reply_unavailable(r);
        else if (struck(r, FAULTS_THROTTLE))
                web_reply_throttled(r);
        else if (r->fault)
                web_reply_malformed(r, r->fault);
        else
                r->route->handle(r);
}

static void timer_forget(void *arg)
{
        timer_free(arg);
}

static void delay_over(void *arg)
{
        struct web_request *r = arg;

        web_wait(r, NULL, NULL);
        run(r);
}

static void run_late(struct web_request *r)
{
        int64_t ms = r->route->service
                             ? faults_value(r->cloud->faults, FAULTS_DELAY, r->route->service, r->op, 0)
                             : 0;
        struct timer *t;

        if (ms == 0) {
                run(r);
                return;
        }
        if (timer_new(&t, r->cloud->loop, delay_over, r) < 0) {
                web_reply_out_of_memory(r);
                return;
        }
        web_wait(r, t, timer_forget);
        timer_arm_in(t, ms);
}

// ---- routing ----------------------------------------------------------------------------------------------------

// A page elsewhere may send a browser here (DNS rebinding, a form on a web site). Only our own names are
// served, and control never listens to a page.
static bool host_is_ours(const struct web_request *r)
{
        const char *host = web_header(r, "Host");
        char want[2][32];

        snprintf(want[0], sizeof want[0], "127.0.0.1:%u", web_port(r->web));
        snprintf(want[1], sizeof want[1], "localhost:%u", web_port(r->web));
        return host && (strcmp(host, want[0]) == 0 || strcmp(host, want[1]) == 0 ||
                               strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0);
}

static const struct web_route *route_find(
        const struct web *w, const char *method, const char *path, bool *ret_path_known)
{
        *ret_path_known = false;
        for (const struct web_route *t = w->routes; t->method; t++) {
                if (strcmp(t->path, path) != 0)
                        continue;
                *ret_path_known = true;
                if (strcmp(t->method, method) == 0)
                        return t;
        }
        return NULL;
}

static void on_request(struct evhttp_request *ev, void *arg)
{
        struct web *w = arg;
        struct web_request *r = web_request_new(w, ev);
        bool path_known;

        if (!r) {
                evhttp_send_reply(ev, 503, NULL, NULL);
                return;
        }
        if (!r->path) {
                web_reply_out_of_memory(r);
                return;
        }
        r->route = route_find(w, r->method, r->path, &path_known);
        if (!r->route || !host_is_ours(r) || (!r->route->service && web_header(r, "Origin"))) {
                int status = !host_is_ours(r) ? 421 : r->route ? 403 : path_known ? 405 : 404;

                log_event(LOG_E_WARNING, "http.refused", "status=%d method=%s", status, r->method);
                web_reply(r, status, "text/plain", "", 0, NULL);
                return;
        }
        web_params_find(r);
        r->op = r->route->name ? r->route->name(r) : r->route->op;
        if (r->route->service)
                cloud_count(r->cloud, r->op);
        run_late(r);
}

// ---- the server -------------------------------------------------------------------------------------------------

static int port_of(struct evhttp_bound_socket *s, uint16_t *ret)
{
        struct sockaddr_in a = {0};
        socklen_t n = sizeof a;

        if (getsockname(evhttp_bound_socket_get_fd(s), (struct sockaddr *)&a, &n) < 0)
                return -errno;
        *ret = ntohs(a.sin_port);
        return 0;
}

int web_new(struct web **ret, struct cloud *c, uint16_t port, const struct web_route *routes, struct err *err)
{
        struct evhttp_bound_socket *s;
        struct web *w = calloc(1, sizeof *w);
        int r = -ENOMEM;

        if (!w)
                return -ENOMEM;
        w->cloud = c;
        w->routes = routes;
        w->http = evhttp_new(loop_base(c->loop));
        if (!w->http || (r = timer_new(&w->reaper, c->loop, web_reap, w)) < 0)
                goto fail;
        r = -ENOMEM;
        evhttp_set_allowed_methods(w->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
        evhttp_set_max_headers_size(w->http, 32 << 10);
        evhttp_set_max_body_size(w->http, WEB_BODY_MAX);
        evhttp_set_timeout(w->http, 60);
        evhttp_set_default_content_type(w->http, NULL);
        evhttp_set_gencb(w->http, on_request, w);
        errno = 0;
        s = evhttp_bind_socket_with_handle(w->http, "127.0.0.1", port);
        if (!s) {
                r = errno ? -errno : -EADDRINUSE;
                err_set(err, "cannot listen on 127.0.0.1:%u: %s", port, strerror(-r));
                goto fail;
        }
        r = port_of(s, &w->port);
        if (r < 0)
                goto fail;
        *ret = w;
        return 0;
fail:
        web_free(w);
        return r;
}

struct web *web_free(struct web *w)
{
        if (!w)
                return NULL;
        while (w->requests) {
                // Connections are about to go, and what was given back goes with them.
                if (!w->requests->answered)
                        (void)web_give_back(w->requests);
                w->requests->answered = true;
                web_reap(w);
        }
        if (w->http)
                evhttp_free(w->http);
        timer_free(w->reaper);
        free(w);
        return NULL;
}

uint16_t web_port(const struct web *w)
{
        return w->port;
}
