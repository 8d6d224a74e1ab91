// SPDX-License-Identifier: Apache-2.0
//
// The loopback HTTP server: libevent's evhttp on 127.0.0.1, a table of routes, strict parameters, and the
// faults that any answer can suffer. A handler answers its request exactly once, at once or later.
#pragma once

#include "buf.h"
#include "cloud.h"

#define WEB_PARAMS_MAX 256
#define WEB_BODY_MAX   (96u << 10) // STS forms: a token of 20,000 characters and fifty tags, percent-encoded

struct evhttp_request;
struct web_request;

struct web_param {
        char *key, *value;
        size_t value_len;
};

struct web_route {
        const char *method, *path;
        const char *service; // SERVICE_OIDC, SERVICE_STS; NULL: control, never faulty
        const char *op;      // the name it is counted by, or
        const char *(*name)(const struct web_request *r); // one that depends on the parameters
        void (*handle)(struct web_request *r);
};

struct web_request {
        struct web *web;
        struct cloud *cloud;
        struct evhttp_request *ev;
        const struct web_route *route;
        const char *op;
        char id[37]; // a UUID
        struct web_param params[WEB_PARAMS_MAX];
        size_t n_params;
        const char *fault; // why the parameters could not be read; NULL: they could
        // The raw request, for signatures.
        const char *method;
        char *path, *query; // as on the request line
        const char *body;
        size_t body_len;
        bool closed; // the client went away
        bool answered; // what evhttp had of it (headers, body) is gone; parameters stay until the loop comes round
        void *pending; // what a handler that answers later waits for, see web_wait()
        void (*pending_forget)(void *pending);
        struct web_request *prev, *next;
};

// Binds 127.0.0.1:port (0: any). routes end with a NULL method and outlive the server.
int web_new(struct web **ret, struct cloud *c, uint16_t port, const struct web_route *routes,
        struct err *err) _must_check_;
struct web *web_free(struct web *w);
uint16_t web_port(const struct web *w);

// A parameter's value; NULL when absent. (A value with a NUL inside makes the request malformed.)
const char *web_param(const struct web_request *r, const char *key);
const char *web_header(const struct web_request *r, const char *name);
// The value of one cookie into dst; false when absent or longer.
bool web_cookie(const struct web_request *r, const char *name, char *dst, size_t n);

// A handler that answers later hangs what it waits for on the request; forget(what) is called when the request
// goes first, or when something else (NULL) takes its place.
void web_wait(struct web_request *r, void *what, void (*forget)(void *what));

// The answers. extra: "Name: value" pairs as {name, value, …, NULL} or NULL. One ends the request.
void web_reply(struct web_request *r, int status, const char *type, const void *body, size_t n,
        const char *const *extra);
void web_reply_json(struct web_request *r, int status, json_t *body); // takes body; NULL: out of memory
void web_reply_oauth_error(struct web_request *r, int status, const char *error, const char *description);
void web_reply_out_of_memory(struct web_request *r);
