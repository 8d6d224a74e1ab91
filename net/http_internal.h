// SPDX-License-Identifier: Apache-2.0
//
// What the files of the HTTPS client share: http.c (the multi handle on the loop), http_op.c (one request's
// options and answer), http_stream.c (one that passes through).
#pragma once

#include "http.h"
#include "http_stream.h"

#include <curl/curl.h>

struct http {
        struct loop *loop;
        CURLM *multi;
        int64_t changed_boot_ms; // when the network last changed; 0: never did
        struct event *timer;     // curl reckons with CLOCK_MONOTONIC, so its timer is libevent's
        struct timer *trim;
};

enum http_stop {
        HTTP_STOP_NONE,
        HTTP_STOP_BODY,   // over the cap
        HTTP_STOP_HEADER, // too many bytes of them
        HTTP_STOP_MEMORY,
        HTTP_STOP_SWITCH, // to another protocol
        HTTP_STOP_STREAM, // whoever gives the body or takes the answer does not go on
};

struct http_op {
        struct http *http;
        CURL *easy;
        struct curl_slist *headers;
        struct secret *form;
        char host[300]; // for sentences: host, and port where it is not the scheme's own
        char curl_error[CURL_ERROR_SIZE];
        size_t header_bytes, body_max;
        int64_t timeout_ms;
        enum http_stop stop;
        struct http_response response;
        struct http_stream stream; // method NULL: the answer is collected
        http_done_fn done;
        void *arg;
        // For an end that does not come from curl: refused before the start, out of memory on the way, or
        // a deadline that curl missed.
        struct timer *post;
        enum outcome post_outcome;
        struct err err;
        bool head_complete;
        bool added; // to the multi handle
};

// Fills op from q: 0, -ENOMEM; or 1 with op->post_outcome and op->err when it must not be sent.
int http_op_setup(struct http_op *op, const struct http_request *q);
// The options of a request that passes through, over those of every other. False: out of memory.
bool http_stream_set(struct http_op *op);
// The outcome of a finished transfer; err is filled where it is not OK. Before http_op_release.
enum outcome http_op_outcome(struct http_op *op, CURLcode code, struct err *err);
// Frees what the transfer needed, its request body and headers first of all.
void http_op_release(struct http_op *op);
