// SPDX-License-Identifier: Apache-2.0
//
// What the files of the gateway share: gateway.c (who connects), gateway_conn.c (bytes in and out), gateway_request.c (a
// request on its way there), gateway_answer.c (its answer on the way back), gateway_headers.c (which headers pass, and which are signed).
#pragma once

#include "gateway.h"
#include "http_chunks.h"
#include "http_stream.h"
#include "log.h"
#include "sigv4.h"
#include "spool.h"

#define GATEWAY_CONNS_MAX     128u
#define GATEWAY_STRANGERS_MAX 16u
#define GATEWAY_HEAD_MAX      (32u << 10)
#define GATEWAY_IN_MAX        (64u << 10)
#define GATEWAY_OUT_MAX       (256u << 10) // waiting to be sent: then the answer waits, too
#define GATEWAY_STREAM_MIN    (256u << 10) // S3 takes a body unsigned over TLS: none larger is kept here

struct gateway {
        struct loop *loop;
        struct http *http;
        struct gateway_owner owner;
        uint64_t body_max;
        int fd;
        struct watch *watch;
        struct timer *sweep;
        struct gateway_conn *conns;
        unsigned n_conns, n_strangers;
        struct clock_remote clock; // of who answers
        struct log_limit refused;
};

struct gateway_conn {
        struct gateway *gateway;
        struct gateway_conn *next, **link;
        int fd;
        struct watch *watch;
        enum {
                GATEWAY_HEAD,   // reading one
                GATEWAY_BODY,   // keeping a body until it is whole
                GATEWAY_ANSWER, // it is sent on, and answered
                GATEWAY_DRAIN,  // answered and shut: what still comes is thrown away
                GATEWAY_CUT,    // to be ended at once, so that nobody takes what he got for an answer
        } state;
        int64_t since_boot_ms; // of the last byte that went either way
        bool stranger;
        struct err refusal; // stands for any answer; "": welcome
        char in[GATEWAY_IN_MAX];
        size_t in_n;

        // the request
        char *text; // its head
        struct http_head head;
        struct gateway_route route;
        bool streaming; // the body goes on as it comes
        struct http_chunks chunks;
        uint64_t body_left;
        struct spool *spool;
        char sha256[65];
        struct http_op *op;
        bool read_waits, answer_waits; // of op, for the other end

        // the answer
        struct buf out;
        size_t sent;
        bool begun, over; // something of it is out; all of it was given
        bool chunked, no_body, keep_alive;
};

// ---- gateway_conn.c
void gateway_conn_accepted(struct gateway *g, int fd); // taken
struct gateway_conn *gateway_conn_free(struct gateway_conn *c);
void gateway_conns_sweep(struct gateway *g);
// What is in out goes as far as it goes. False: the connection is of no more use.
bool gateway_conn_push(struct gateway_conn *c);
// After something changed: what is waited for, and whether the request is over. The connection may be gone.
void gateway_conn_settle(struct gateway_conn *c);

// ---- gateway_request.c
void gateway_request_begin(struct gateway_conn *c); // head is there
// Takes of the n bytes at p what belongs to the body; how many these are.
size_t gateway_request_body(struct gateway_conn *c, const char *p, size_t n);
void gateway_request_forget(struct gateway_conn *c);

// ---- gateway_answer.c
void gateway_answer_error(struct gateway_conn *c, int status, const char *message);
int gateway_answer_head(void *conn, int status, const char *lines, size_t n);
int gateway_answer_body(void *conn, const char *p, size_t n);
void gateway_answer_done(
        void *conn, enum outcome outcome, struct http_response *response, const struct err *err);

// ---- gateway_headers.c
struct gateway_headers {
        char *lines[HTTP_HEADERS_MAX + 24];                 // "Name: value", for curl; NULL-terminated
        struct sigv4_header to_sign[HTTP_HEADERS_MAX + 24]; // Host, types, everything of AWS's; owned, too
        size_t n_lines, n_to_sign;
};
// Whether a header is about one connection only, or set anew at each.
bool gateway_header_is_hop(const struct http_head *h, const struct http_text *name);
int gateway_headers_collect(struct gateway_headers *ret, const struct http_head *h,
        const struct gateway_route *route) _must_check_;
int gateway_headers_add(struct gateway_headers *h, const char *name, const char *value) _must_check_;
void gateway_headers_deinit(struct gateway_headers *h);
