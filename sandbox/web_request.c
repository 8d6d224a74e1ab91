// SPDX-License-Identifier: Apache-2.0
//
// One request: its life between evhttp and us, what a handler waits for, its parameters.
#include "web_internal.h"

#include <stdio.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>

#include "form.h"
#include "random.h"

#define REQUESTS_MAX 512

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

static void request_free(struct web_request *r)
{
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
}

// Frees what was answered. Never from inside the answer: whoever answered may still look at the request.
void web_reap(void *arg)
{
        struct web *w = arg;

        for (struct web_request *r = w->requests, *next; r; r = next) {
                next = r->next;
                if (r->answered)
                        request_free(r);
        }
}

void web_answered(struct web_request *r)
{
        r->answered = true;
        timer_arm_in(r->web->reaper, 0);
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
        r->method = evhttp_request_get_command(r->ev) == EVHTTP_REQ_GET ? "GET" : "POST";
        r->body_len = evbuffer_get_length(in);
        r->body = r->body_len ? (const char *)evbuffer_pullup(in, -1) : "";
        if (!r->body)
                return -ENOMEM;
        r->query = strdup(q ? q + 1 : "");
        if (r->query)
                r->path = q ? strndup(uri, (size_t)(q - uri)) : strdup(uri); // last: it stands for all of it
        return r->path ? 0 : -ENOMEM;
}

struct web_request *web_request_new(struct web *w, struct evhttp_request *ev)
{
        struct web_request *r = w->n_requests < REQUESTS_MAX ? calloc(1, sizeof *r) : NULL;

        if (!r)
                return NULL;
        r->web = w;
        r->cloud = w->cloud;
        r->next = w->requests;
        if (r->next)
                r->next->prev = r;
        w->requests = r;
        w->n_requests++;
        take(r, ev);
        (void)read_request(r);
        return r;
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
        return r->answered ? NULL : evhttp_find_header(evhttp_request_get_input_headers(r->ev), name);
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
void web_params_find(struct web_request *r)
{
        const char *type;

        if (strcmp(r->method, "GET") == 0) {
                r->fault = params_read(r, r->query, strlen(r->query));
                return;
        }
        if (web_header(r, "X-Amz-Target"))
                return; // of a service that speaks JSON, and reads it itself
        type = web_header(r, "Content-Type");
        if (r->body_len && (!type || strncasecmp(type, "application/x-www-form-urlencoded", 33) != 0))
                r->fault = "the body must be application/x-www-form-urlencoded";
        else
                r->fault = params_read(r, r->body, r->body_len);
}
