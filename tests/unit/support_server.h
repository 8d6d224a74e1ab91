// SPDX-License-Identifier: Apache-2.0
//
// A raw HTTP server on the test's own loop, which answers what a test scripts: whole, cut, byte by byte,
// reset, or never. It knows just enough HTTP to find the end of a request.
#pragma once

#include "loop.h"

struct server;
struct server_conn;

struct server_request {
        struct server_conn *conn;
        unsigned n; // 1 for the server's first request
        char method[16], path[512];
        const char *head; // request line and headers, NUL-terminated
        const char *body; // NUL-terminated
        size_t body_len;
};

typedef void (*server_handler)(struct server *s, const struct server_request *q, void *arg);

void server_new(struct server **ret, struct loop *l, server_handler handler, void *arg);
struct server *server_free(struct server *s);
const char *server_url(const struct server *s); // "http://127.0.0.1:PORT"
unsigned server_count(const struct server *s);  // requests seen
unsigned server_connections(const struct server *s);

enum server_end {
        SERVER_KEEP,  // the connection stays open
        SERVER_CLOSE, // ends after the last byte
        SERVER_RESET, // RST
};

// A whole answer with Content-Length and a Date of date_s (0: none). extra: more headers, each with CRLF, or
// NULL.
void server_answer(const struct server_request *q, int status, const char *type, const char *extra,
        int64_t date_s, const char *body);
// Bytes as they are.
void server_raw(const struct server_request *q, const void *p, size_t n, enum server_end end);
// One byte every ms milliseconds, then close.
void server_drip(const struct server_request *q, const char *text, int ms);
