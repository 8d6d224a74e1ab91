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
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include "faults.h"
#include "form.h"
#include "log.h"
#include "random.h"

#define REQUESTS_MAX 512

// ---- one request ----------------------------------------------------------------------------------------------

static void params_clear(struct web_request *r)
{
        for (size_t i = 0; i < r->n_params; i++) {
                explicit_bzero(r->params[i].value, r->params[i].value_len);
                free(r->params[i].key);
                free(r->params[i].value);
        }
        r->n_params = 0;
}

void web_wait(struct web_request *r, void *what, void (*forget)(void *what))
{
        if (r->pending)
                r->pending_forget(r->pending);
        r->pending = what;
        r->pending_forget = forget;
}

struct web_request *web_request_free(struct web_request *r)
{
        if (!r)
                return NULL;
        web_wait(r, NULL, NULL);
        if (r->prev)
                r->prev->next = r->next;
        else
                r->web->requests = r->next;
        if (r->next)
                r->next->prev = r->prev;
        r->web->n_requests--;
        params_clear(r);
        free(r->path);
        free(r->query);
        free(r);
        return NULL;
}

// The client is gone. What the handler still does happens all the same; its answer goes nowhere.
static void on_close(struct evhttp_connection *c, void *arg)
{
        struct web_request *r = arg;

        (void)c;
        r->closed = true;
}

// evhttp frees a request together with its connection, a handler may still be at it: so the request is ours
// (evhttp_request_own) until it is given back to be answered, or freed because nobody is left to answer.
static void take(struct web_request *r, struct evhttp_request *ev)
{
        r->ev = ev;
        evhttp_request_own(ev);
        evhttp_connection_set_closecb(evhttp_request_get_connection(ev), on_close, r);
}

struct evhttp_request *web_give_back(struct web_request *r)
{
        struct evhttp_request *ev = TAKE_PTR(r->ev);
        struct evhttp_connection *c = r->closed ? NULL : evhttp_request_get_connection(ev);

        if (!c) {
                evhttp_request_free(ev);
                return NULL;
        }
        evhttp_connection_set_closecb(c, NULL, NULL);
        ev->flags &= ~EVHTTP_USER_OWNED;
        return ev;
}

const char *web_param(const struct web_request *r, const char *key)
{
        for (size_t i = 0; i < r->n_params; i++)
                if (strcmp(r->params[i].key, key) == 0)
                        return r->params[i].value;
        return NULL;
}

const char *web_header(const struct web_request *r, const char *name)
{
        return evhttp_find_header(evhttp_request_get_input_headers(r->ev), name);
}

bool web_cookie(const struct web_request *r, const char *name, char *dst, size_t n)
{
        const char *p = web_header(r, "Cookie");
        size_t name_n = strlen(name);

        while (p && *p) {
                size_t len;

                p += strspn(p, " ;");
                len = strcspn(p, ";");
                if (len > name_n && strncmp(p, name, name_n) == 0 && p[name_n] == '=') {
                        if (len - name_n - 1 >= n)
                                return false;
                        memcpy(dst, p + name_n + 1, len - name_n - 1);
                        dst[len - name_n - 1] = 0;
                        return true;
                }
                p += len;
        }
        return false;
}

static int param_add(const char *key, const char *value, size_t value_len, void *arg)
{
        struct web_request *r = arg;
        struct web_param *p = &r->params[r->n_params];

        if (r->n_params == WEB_PARAMS_MAX)
                return -E2BIG;
        if (web_param(r, key))
                return -EEXIST;
        p->key = strdup(key);
        p->value = malloc(value_len + 1);
        if (!p->key || !p->value) {
                free(p->key);
                free(p->value);
                return -ENOMEM;
        }
        memcpy(p->value, value, value_len);
        p->value[value_len] = 0;
        p->value_len = value_len;
        r->n_params++;
        return 0;
}

static const char *params_read(struct web_request *r, const char *s, size_t n)
{
        int k = form_walk(s, n, param_add, r);

        if (k == -EEXIST)
                return "a parameter stands there twice";
        if (k == -E2BIG)
                return "too many parameters";
        if (k < 0)
                return k == -ENOMEM ? "out of memory" : "the parameters are not well-formed";
        return NULL;
}

// GET has its parameters in the query, POST in a form. A POST's query is not looked at (RFC 6749 §2.3.1),
// except that STS takes a signature there.
static void params_find(struct web_request *r)
{
        const char *type;

        if (strcmp(r->method, "GET") == 0) {
                r->fault = params_read(r, r->query, strlen(r->query));
                return;
        }
        type = web_header(r, "Content-Type");
        if (r->body_len && (!type || strncasecmp(type, "application/x-www-form-urlencoded", 33) != 0))
                r->fault = "the body must be application/x-www-form-urlencoded";
        else
                r->fault = params_read(r, r->body, r->body_len);
}

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

static int read_request(struct web_request *r)
{
        const char *uri = evhttp_request_get_uri(r->ev), *q = strchr(uri, '?');
        struct evbuffer *in = evhttp_request_get_input_buffer(r->ev);
        unsigned char u[16];
        int k = random_bytes(u, sizeof u);

        if (k < 0)
                return k;
        snprintf(r->id, sizeof r->id,
                "%02x%02x%02x%02x-%02x%02x-4%01x%02x-a%01x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
                u[3], u[4], u[5], u[6] & 15, u[7], u[8] & 15, u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
        r->path = q ? strndup(uri, (size_t)(q - uri)) : strdup(uri);
        r->query = strdup(q ? q + 1 : "");
        if (!r->path || !r->query)
                return -ENOMEM;
        r->method = evhttp_request_get_command(r->ev) == EVHTTP_REQ_GET ? "GET" : "POST";
        r->body_len = evbuffer_get_length(in);
        r->body = r->body_len ? (const char *)evbuffer_pullup(in, -1) : "";
        return r->body ? 0 : -ENOMEM;
}

static void on_request(struct evhttp_request *ev, void *arg)
{
        struct web *w = arg;
        struct web_request *r;
        bool path_known;

        r = w->n_requests < REQUESTS_MAX ? calloc(1, sizeof *r) : NULL;
        if (!r) {
                evhttp_send_reply(ev, 503, "Service Unavailable", NULL);
                return;
        }
        r->web = w;
        r->cloud = w->cloud;
        r->next = w->requests;
        if (r->next)
                r->next->prev = r;
        w->requests = r;
        w->n_requests++;
        take(r, ev);
        if (read_request(r) < 0) {
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
        params_find(r);
        r->op = r->route->name ? r->route->name(r) : r->route->op;
        if (r->route->service)
                cloud_count(r->cloud, r->op);
        run_late(r);
}

// ---- the server -------------------------------------------------------------------------------------------------

static int port_of(struct evhttp_bound_socket *s, uint16_t *ret)
{
        struct sockaddr_in a;
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
        if (!w->http)
                goto fail;
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
                (void)web_give_back(w->requests);
                web_request_free(w->requests);
        }
        if (w->http)
                evhttp_free(w->http);
        free(w);
        return NULL;
}

uint16_t web_port(const struct web *w)
{
        return w->port;
}
