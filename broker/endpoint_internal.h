// SPDX-License-Identifier: Apache-2.0
//
// What the files of the endpoint share: endpoint.c (the port), endpoint_conn.c (bytes in and out), endpoint_request.c (what
// may be asked at all), endpoint_imds.c and endpoint_container.c (what is answered).
#pragma once

#include "endpoint.h"
#include "handout.h"
#include "http_head.h"
#include "log.h"
#include "loop.h"
#include "peer_caller.h"

#define ENDPOINT_CONNS_MAX     1024u
#define ENDPOINT_CALLER_MAX    512u  // connections of one app, one unit
#define ENDPOINT_STRANGERS_MAX 64u   // of those who get nothing, until they have been told so
#define ENDPOINT_BODY_MAX      1024u // read and thrown away: nothing here takes a body
#define ENDPOINT_HANDOUT_MS    800   // an SDK gives up after 1000
#define ENDPOINT_TARGET_MAX    2048u
#define ENDPOINT_DOCUMENT_MAX  10000u // what aws-c-auth reads
#define ENDPOINT_RETRY_AFTER_S "1"

struct endpoint_conn {
        struct endpoint *endpoint;
        struct endpoint_conn *next, **link;
        int fd;
        struct watch *watch;
        enum endpoint_conn_state {
                ENDPOINT_READING,  // for a request
                ENDPOINT_WAITING,  // for a role
                ENDPOINT_WRITING,  // the answer does not go out as fast as it was made
                ENDPOINT_DRAINING, // answered and shut: what the other end still sends is thrown away
        } state;
        int64_t since_boot_ms; // in this state; READING: since the first byte of the request, or the end of the last
        struct caller caller;
        struct err refusal; // stands for any answer; "": welcome
        bool asked;         // had an answer already
        bool stranger;      // counted as such
        bool unread;        // there may be bytes of this request that nobody looks at
        bool keep_alive;    // after the answer that is being made
        size_t skip;        // bytes of a body that still come
        char *in;           // the part of a request that is there
        size_t in_n;
        struct buf out; // the part of an answer that is not sent
        size_t sent;
        struct handout *handout;
        const struct endpoint_route *route; // of the request that waits
};

struct endpoint {
        struct broker *broker;
        const struct config_endpoint *config;
        char *token_path;
        struct secret *token;
        struct peer_owner *owners;
        int fd; // listening; -1
        struct watch *watch;
        struct timer *sweep, *pause, *again;
        int busy_fd; // a kept port that cannot be listened on yet; -1
        bool paused, own;
        char url[40];
        uint16_t port;
        struct endpoint_conn *conns;
        unsigned n_conns, n_strangers;
        struct buf answer; // being made; empty between two
        struct log_limit refused, strangers, broken, full;
        struct endpoint_port *asking;
        void (*listening)(void *arg);
        void *arg;
};

// ---- endpoint_conn.c
void endpoint_conn_accepted(struct endpoint *e, int fd); // taken
struct endpoint_conn *endpoint_conn_free(struct endpoint_conn *c);
void endpoint_conns_sweep(struct endpoint *e);
void endpoint_conns_close_idle(struct endpoint *e);

// ---- endpoint_answer.c: an answer is begun, gets headers, and is ended; nothing is sent before that.
// extra: "Name: value\r\n…" or "".
void endpoint_answer(
        struct endpoint_conn *c, int status, const char *type, const char *extra, const void *body, size_t n);
// {"code": …, "message": …} in both spellings that SDKs read.
void endpoint_answer_error(struct endpoint_conn *c, int status, const char *code, const char *message);
void endpoint_answer_outcome(struct endpoint_conn *c, enum outcome o, const char *message);

// ---- endpoint_request.c
struct endpoint_request {
        const struct http_head *head;
        const char *name; // what stands behind a route's prefix, decoded; ""
};
struct endpoint_route {
        const char *method, *path;
        bool prefix;       // something follows the path
        const char *door;  // for the log
        bool by_token;     // of the container endpoint: wants its token; otherwise IMDS: a session token
        const char *extra; // headers of the answer
        // Answers, or begins to.
        void (*handle)(struct endpoint_conn *c, const struct endpoint_route *route,
                const struct endpoint_request *q);
        // Writes what is handed out. 0, -errno.
        int (*document)(struct buf *out, const struct role_answer *a);
};
void endpoint_request(struct endpoint_conn *c, const struct http_head *head);
// Hands a role out, now or later. role NULL: the default.
void endpoint_hand_out(
        struct endpoint_conn *c, const struct endpoint_route *route, const char *role, bool by_name);

// ---- endpoint_imds.c, endpoint_container.c: NULL-terminated by their method
extern const struct endpoint_route endpoint_imds_routes[];
extern const struct endpoint_route endpoint_container_routes[];
bool endpoint_imds_allows(struct endpoint_conn *c, const struct http_head *head);      // else it has answered
bool endpoint_container_allows(struct endpoint_conn *c, const struct http_head *head); // the same

// ---- endpoint_port.c: where the port comes from
struct endpoint_port;
// Asks valetkeyd. done exactly once, never from inside: fd is taken by it, or -1 with the reason; "" where nobody is there.
int endpoint_port_ask(struct endpoint_port **ret, struct loop *l, const char *claim_path, uid_t server_uid,
        void (*done)(void *arg, int fd, const char *reason), void *arg) _must_check_;
struct endpoint_port *endpoint_port_free(struct endpoint_port *p);
int endpoint_port_bind(int *ret) _must_check_; // one of our own
