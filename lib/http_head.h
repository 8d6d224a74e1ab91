// SPDX-License-Identifier: Apache-2.0
//
// The head of an HTTP/1.x request, read strictly: what two readers could take for two things is refused (bare line
// feeds, folded lines, blanks before a colon, a transfer coding, two lengths). Nothing is copied: what was found points
// into the bytes that were given.
#pragma once

#include "util.h"

#define HTTP_HEAD_MAX    8192u // request line and headers
#define HTTP_HEADERS_MAX 64u

struct http_text {
        const char *p;
        size_t n;
};

struct http_head {
        struct http_text method, target;
        bool http10;     // by a client that does not know chunks
        bool keep_alive; // HTTP/1.1, and no "Connection: close"
        bool chunked;    // how long the body is shows only when it has come
        size_t body_len;
        size_t n_headers;
        struct {
                struct http_text name, value;
        } headers[HTTP_HEADERS_MAX];
};

enum http_head_result {
        HTTP_HEAD_E_MORE = 1,  // not all of it is there yet
        HTTP_HEAD_E_BAD,       // not a request
        HTTP_HEAD_E_TOO_LARGE, // more than HTTP_HEAD_MAX bytes or HTTP_HEADERS_MAX headers
        HTTP_HEAD_E_VERSION,   // another HTTP than 1.0 and 1.1
};

// n bytes from the start of a request. 0: *ret is filled, and the head has *ret_n bytes; else enum http_head_result.
int http_head_parse(struct http_head *ret, const char *p, size_t n, size_t *ret_n) _must_check_;

// For a server that passes requests on: its own limit, and bodies in chunks (Transfer-Encoding) are taken.
int http_head_parse_any(
        struct http_head *ret, const char *p, size_t n, size_t max, size_t *ret_n) _must_check_;

// How often that header is there (names in any case); *ret is the value of the first.
unsigned http_head_find(const struct http_head *h, const char *name, struct http_text *ret);
bool http_text_is(const struct http_text *t, const char *s);
bool http_text_is_nocase(const struct http_text *t, const char *s);

// Whether a list of words with commas between (Connection, Transfer-Encoding) has that word.
bool http_text_has_word(const struct http_text *t, const char *word);

// Decodes the %-escapes of a path. False for a broken escape, for bytes that are no visible ASCII, decoded or not, and for
// what does not fit.
bool http_path_decode(char *dst, size_t size, const struct http_text *path);
