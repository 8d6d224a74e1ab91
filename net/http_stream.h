// SPDX-License-Identifier: Apache-2.0
//
// A request of the HTTPS client that passes through: method, target and headers as they are given, nothing added; the body comes and the
// answer goes piece by piece, and either may have to wait for the other end. There is no deadline for the whole of it: that is for
// whoever waits.
#pragma once

#include "http.h"

#include <sys/types.h>

#define HTTP_STREAM_WAIT (-EAGAIN) // go on after http_op_resume()

struct http_stream {
        const char *method, *target; // copied; the target as it stands on the request line
        int64_t body_len;            // of what read() gives; -1: there is no body
        // Up to n bytes of the body. Their number; 0: its end; HTTP_STREAM_WAIT; another -errno ends the request.
        ssize_t (*read)(void *arg, char *p, size_t n);
        int (*rewind)(void *arg); // the body once more from its beginning; NULL: it cannot be
        // The answer's head, "Name: value" lines with their ends. 0, -errno.
        int (*head)(void *arg, int status, const char *lines, size_t n);
        // A piece of its body. 0: taken; HTTP_STREAM_WAIT: to be given once more; another -errno ends the request.
        int (*body)(void *arg, const char *p, size_t n);
        void *arg;
};
// As http_start(); of q form, accept, authorization, body_max and timeout_ms mean nothing. Of the response that done() gets only status
// and sent mean something.
int http_stream_start(struct http_op **ret, struct http *h, const struct http_request *q,
        const struct http_stream *s, http_done_fn done, void *arg) _must_check_;
void http_op_resume(struct http_op *op);
