// SPDX-License-Identifier: Apache-2.0
//
// The HTTPS client: libcurl's multi-socket interface on our loop. https only (http for loopback hosts), no
// redirects, no cookies, no netrc, no verbose, connect and total deadlines, and a body cap enforced as the
// bytes arrive.
#pragma once

#include "buf.h"
#include "err.h"
#include "loop.h"
#include "outcome.h"
#include "secret.h"

struct http; // one per process
int http_new(struct http **ret, struct loop *l) _must_check_;
struct http *http_free(struct http *h);
// The network is another: connections from before are not used again.
void http_network_changed(struct http *h);
struct loop *http_loop(const struct http *h); // the one it was made on

struct http_request {
        const char *url;                    // copied
        const char *ca_file;                // NULL: the system's store
        const struct secret *form;          // POST body (x-www-form-urlencoded), copied; NULL: GET
        const char *accept;                 // NULL: none
        const struct secret *authorization; // header value, NULL: none
        const char *const *headers;         // more "Name: value", NULL-terminated, or NULL; copied
        size_t body_max;                    // 0: 1 MiB
        int64_t timeout_ms;                 // total; 0: 20 s
        // Must not reach the server twice (a token that may be used once): on a connection of its own, for
        // curl repeats a request by itself when a kept connection turns out to be dead.
        bool once;
};

struct http_response {
        int status;
        struct buf body;
        char content_type[128];
        int64_t date_s;        // Date header; 0 where absent or unreadable
        int64_t retry_after_s; // -1 where absent
        bool sent;             // some of the request may have reached the server, also when no answer came
};

struct http_op;
// outcome OUTCOME_OK whenever a complete HTTP response came, whatever its status; otherwise
// OUTCOME_UNREACHABLE, OUTCOME_TIMEOUT, OUTCOME_BAD_ANSWER (too large, cut), OUTCOME_MISCONFIGURED (a URL
// that may not be called), OUTCOME_INTERNAL, with err in one sentence that names the host. The response is
// borrowed for the call; without an answer only its `sent` means something.
typedef void (*http_done_fn)(
        void *arg, enum outcome outcome, struct http_response *response, const struct err *err);
int http_start(struct http_op **ret, struct http *h, const struct http_request *q, http_done_fn done,
        void *arg) _must_check_;
struct http_op *http_op_free(struct http_op *op);

// A process-wide set-up for executables: zeroing allocators into libcurl, jansson and libevent, signals of
// the caller's choice blocked first. Call once, before anything else of these libraries.
int net_global_init(void) _must_check_;
