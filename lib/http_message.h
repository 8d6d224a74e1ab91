// SPDX-License-Identifier: Apache-2.0
//
// A raw HTTP/1.1 request, read as strictly as somebody must who is to sign it: what two readers could take for two
// things is refused (RFC 9112: bare LF, folded headers, a body of unsaid or chunked length), for the signature is over one.
#pragma once

#include "sigv4.h"

#define HTTP_MESSAGE_HEADERS_MAX 256u
#define HTTP_MESSAGE_MAX         (16u << 20)

struct http_message {
        struct sigv4_request request; // points into text and headers
        const char *target;           // as on the request line
        struct sigv4_header *headers;
        char *text; // a copy, cut up
        size_t n_text;
};
// 0; -EBADMSG with err, which names the line; -ENOMEM.
int http_message_parse(struct http_message *ret, const void *p, size_t n, struct err *err) _must_check_;
void http_message_deinit(struct http_message *m);
// The value of a header, borrowed; NULL where it is absent.
const char *http_message_header(const struct http_message *m, const char *name);
