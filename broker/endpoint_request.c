// SPDX-License-Identifier: Apache-2.0
//
// What may be asked at all. A web page can have its visitor's browser connect to this port (a form, a name that suddenly
// resolves to 127.0.0.1), and the browser runs as the right user: so only our own names count as Host, and whatever looks like a
// browser or a proxy is refused. None of that is more than a layer: the kernel's word about the socket, and a header that no page
// can set, stand behind it.
#include "endpoint_internal.h"

#include "http_local.h"

#include <stdio.h>

// Strangers have a limit of their own: what this user's programs do wrong must not hide them.
static void log_refusal(struct endpoint_conn *c, const char *why)
{
        struct log_limit *limit = c->stranger ? &c->endpoint->strangers : &c->endpoint->refused;

        if (log_limit_allows(limit, "caller.refused", loop_clock(broker_loop(c->endpoint->broker))))
                log_event(LOG_E_WARNING, "caller.refused", "uid=%d door=endpoint app=%s reason=%s",
                        (int)c->caller.uid, c->caller.app[0] ? c->caller.app : "-", why);
}

static void refuse(struct endpoint_conn *c, const char *why)
{
        log_refusal(c, why);
        endpoint_answer_error(c, 403, "AccessDenied", why);
}

// This port's own names; and the addresses of those whom this service is taken for, where valetkey-imds(8) sends their callers here,
// each for its own.
static bool is_own_host(const struct endpoint *e, const struct http_text *host, bool imds)
{
        return http_local_is_host(host, e->port) ||
               http_local_names(host, imds ? "169.254.169.254" : "169.254.170.2", 80);
}

// True: go on. Otherwise it has been answered.
static bool allows(struct endpoint_conn *c, const struct http_head *h, bool imds)
{
        const char *foreign = http_local_foreign(h);
        struct http_text host = {0};
        unsigned hosts = http_head_find(h, "Host", &host);
        char why[160];

        if (c->refusal.text[0]) {
                refuse(c, c->refusal.text);
                return false;
        }
        if (hosts != 1) {
                endpoint_answer_error(c, 400, "InvalidRequest", "a request has one header Host");
                return false;
        }
        if (!is_own_host(c->endpoint, &host, imds)) {
                snprintf(why, sizeof why, "the header Host names another server; this one is %s",
                        c->endpoint->url);
                refuse(c, why);
                return false;
        }
        if (foreign) {
                snprintf(
                        why, sizeof why, "requests of browsers and proxies are refused (header %s)", foreign);
                refuse(c, why);
                return false;
        }
        return true;
}

// Whether path (decoded) is the route's; *ret_name is what follows a prefix.
static bool matches(const struct endpoint_route *r, const char *path, const char **ret_name)
{
        size_t n = strlen(r->path);

        *ret_name = "";
        if (strncmp(path, r->path, n) != 0)
                return false;
        if (r->prefix) {
                *ret_name = path + n;
                return path[n] != 0;
        }
        return !path[n] || strcmp(path + n, "/") == 0;
}

static const struct endpoint_route *find_route(const struct endpoint_route *routes,
        const struct http_text *method, const char *path, const char **ret_name, bool *ret_known)
{
        for (const struct endpoint_route *r = routes; r->method; r++) {
                if (!matches(r, path, ret_name))
                        continue;
                *ret_known = true;
                if (http_text_is(method, r->method))
                        return r;
        }
        return NULL;
}

static bool begins_with(const char *path, const char *folder)
{
        size_t n = strlen(folder);

        return strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/');
}

void endpoint_request(struct endpoint_conn *c, const struct http_head *h)
{
        const struct endpoint_route *route;
        struct endpoint_request q = {.head = h};
        char decoded[ENDPOINT_TARGET_MAX], *path = decoded;
        bool readable, imds, known = false;

        readable = http_path_decode(decoded, sizeof decoded, &h->target);
        // Some SDKs put "http://127.0.0.1:PORT/" and "/latest/…" together as they are.
        while (readable && path[0] == '/' && path[1] == '/')
                path++;
        imds = readable && begins_with(path, "/latest");
        if (!allows(c, h, imds))
                return;
        if (!readable) {
                endpoint_answer_error(c, 400, "InvalidRequest", "the path makes no sense");
                return;
        }
        route = find_route(
                imds ? endpoint_imds_routes : endpoint_container_routes, &h->method, path, &q.name, &known);
        if (!route && (known || (!http_text_is(&h->method, "GET") && !http_text_is(&h->method, "PUT")))) {
                endpoint_answer_error(c, 405, "MethodNotAllowed", "this is asked with another method");
                return;
        }
        if (!imds && !begins_with(path, "/credentials")) {
                endpoint_answer_error(
                        c, 404, "NotFound", "there is nothing at this path; see valetkey-endpoint(7)");
                return;
        }
        // Who has no token does not hear what there is.
        if (!(imds ? endpoint_imds_allows(c, h) : endpoint_container_allows(c, h)))
                return;
        if (route)
                route->handle(c, route, &q);
        else
                endpoint_answer_error(
                        c, 404, "NotFound", "there is nothing at this path; see valetkey-endpoint(7)");
}
