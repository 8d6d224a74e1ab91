// SPDX-License-Identifier: Apache-2.0
//
// A body in chunks (RFC 9112 §7.1), read piece by piece as it comes, strictly: lines end with CR LF, a size is hexadecimal
// digits and nothing else but extensions, which mean nothing here. Trailers are read and forgotten.
#pragma once

#include "http_head.h"

#define HTTP_CHUNKS_LINE_MAX    1024u // of a size with its extensions
#define HTTP_CHUNKS_TRAILER_MAX 8192u

struct http_chunks { // starts as {0}
        enum {
                HTTP_CHUNKS_SIZE,
                HTTP_CHUNKS_EXTENSION,
                HTTP_CHUNKS_SIZE_LF,
                HTTP_CHUNKS_DATA,
                HTTP_CHUNKS_DATA_CR,
                HTTP_CHUNKS_DATA_LF,
                HTTP_CHUNKS_TRAILER,
                HTTP_CHUNKS_END,
        } state;
        uint64_t left;
        unsigned digits, line;
};
// Looks at the n bytes at p and says how many of them it took; *ret_data is what of the body was among these, "" for none.
// 0; -EBADMSG. At the end state is HTTP_CHUNKS_END, and no more is taken.
int http_chunks_read(struct http_chunks *c, const char *p, size_t n, size_t *ret_used,
        struct http_text *ret_data) _must_check_;
