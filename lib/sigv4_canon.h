// SPDX-License-Identifier: Apache-2.0
//
// The steps of Signature Version 4 that signing and verifying share: the canonical pieces, the string to
// sign, and the keyed digest. Used by sigv4.c and sigv4_verify.c only.
#pragma once

#include "sigv4.h"

#define SIGV4_HEADERS_MAX 256
#define SIGV4_PARAMS_MAX  4096
#define SIGV4_QUERY_MAX   (1u << 22)
#define SIGV4_ALGORITHM   "AWS4-HMAC-SHA256"
#define SIGV4_TERMINATOR  "aws4_request"
#define SIGV4_UNSIGNED    "UNSIGNED-PAYLOAD"

enum sigv4_canon_result {
        SIGV4_CANON_E_BAD = 1,  // what was given cannot stand on a request line or in a header
        SIGV4_CANON_E_ABSENT,   // a header that should be signed is not there
        SIGV4_CANON_E_UNSIGNED, // an x-amz-* header is there but not signed
};

// ASCII, whatever the locale.
int sigv4_name_cmp(const char *a, const char *b, size_t n_max);
bool sigv4_is_name(const char *a, const char *b);

// Region, service, key id: 1 to max characters that mean nothing to a scope, a header or a terminal.
bool sigv4_word_ok(const char *s, size_t max);

// Appends s with its percent-escapes resolved. 0, SIGV4_CANON_E_BAD, -errno.
int sigv4_unescape(struct buf *out, const char *s, size_t n);

// The canonical path. 0, SIGV4_CANON_E_BAD, -errno.
int sigv4_canon_path(struct buf *out, const char *path, unsigned flags);

// The canonical query of query (raw) together with extra (name and value as they are, not encoded), without
// the parameters called drop or drop2 (either may be NULL). 0, SIGV4_CANON_E_BAD, -E2BIG, -errno.
int sigv4_canon_query(struct buf *out, const char *query, const struct sigv4_header *extra, size_t n_extra,
        const char *drop, const char *drop2);

// Canonical header lines and the list of their names. only: exactly these (lower case, ascending, separated
// by
// ";"); NULL: every header except those that proxies may change. n headers and then n_extra more. 0, an
// outcome, -E2BIG, -errno. unsigned_name: with only, an x-amz-* header that is allowed to lack from it; without, one more
// that is left out. NULL: none.
int sigv4_canon_headers(struct buf *lines, struct buf *names, const struct sigv4_request *req,
        const struct sigv4_header *extra, size_t n_extra, const char *only, const char *unsigned_name);

// Joins the pieces; query, lines and names as made above. 0, SIGV4_CANON_E_BAD, -errno.
int sigv4_canon_request(struct buf *out, const struct sigv4_request *req, const struct buf *query,
        const struct buf *lines, const struct buf *names, const char *payload, unsigned flags);

// Lower-case hex of SHA-256.
int sigv4_sha256_hex(char ret[65], const void *p, size_t n);
// scope: "20150830/us-east-1/service/aws4_request".
int sigv4_string_to_sign(
        struct buf *out, const char *amz_date, const char *scope, const struct buf *canonical);
int sigv4_signature(char ret[65], const struct secret *key, const char *date, const char *region,
        const char *service, const struct buf *string_to_sign);
