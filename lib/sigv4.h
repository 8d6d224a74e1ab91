// SPDX-License-Identifier: Apache-2.0
//
// AWS Signature Version 4 (IAM user guide, "Create a signed AWS API request"): signing in header and query
// form, and verification. Each intermediate step can be looked at. Bytes in, bytes out.
#pragma once

#include "buf.h"
#include "err.h"
#include "secret.h"

// What S3 takes in the digest's place for a body whose checksum comes behind it.
#define SIGV4_TRAILER "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

struct sigv4_header {
        const char *name, *value; // borrowed
};

struct sigv4_request {
        const char *method;
        const char *path;                   // as on the request line, before "?"; "" reads as "/"
        const char *query;                  // raw, without "?"; NULL or "" for none
        const struct sigv4_header *headers; // Host must be among them
        size_t n_headers;
        const void *body;
        size_t body_len;
        const char *
                body_sha256; // for signing, of a body that is not at hand: its digest in hex; NULL: body is it
};

struct sigv4_credentials {
        const char *access_key_id;
        const struct secret *secret_access_key;
        const struct secret *session_token; // may be NULL
};

enum sigv4_flags {
        SIGV4_NORMALIZE_PATH = 1 << 0, // resolve "." and ".."; off for S3
        SIGV4_DOUBLE_ENCODE = 1 << 1,  // everything but S3
        SIGV4_SIGN_BODY = 1 << 2,      // add x-amz-content-sha256
        SIGV4_UNSIGNED_PAYLOAD = 1 << 3,
        SIGV4_TOKEN_AFTER_SIGNING = 1 << 4, // session token added but not signed (some services)
        SIGV4_LENGTH_UNSIGNED = 1 << 5,     // Content-Length is not signed (aoss refuses it otherwise)
};
#define SIGV4_DEFAULT (SIGV4_NORMALIZE_PATH | SIGV4_DOUBLE_ENCODE)
#define SIGV4_S3      SIGV4_SIGN_BODY

struct sigv4_params {
        const char *region, *service;
        int64_t time_s;
        unsigned flags;
        int64_t expires_s; // query form: X-Amz-Expires; 0 selects the header form
};

// What signing made. All owned; release with sigv4_result_deinit().
struct sigv4_result {
        struct buf canonical_request, string_to_sign;
        char signature[65];
        struct buf authorization; // header form: value of Authorization
        char amz_date[17];        // header form: X-Amz-Date to send
        char content_sha256[65];  // header form with SIGN_BODY; else ""
        struct buf signed_query;  // query form: the whole query, ready to send
};
#define SIGV4_RESULT_INIT                                                                                    \
        {                                                                                                    \
                .canonical_request = BUF_INIT(1u << 22), .string_to_sign = BUF_INIT(4096),                   \
                .authorization = BUF_INIT(1u << 20), .signed_query = BUF_INIT(1u << 22)                      \
        }

int sigv4_sign(struct sigv4_result *ret, const struct sigv4_request *req,
        const struct sigv4_credentials *cred, const struct sigv4_params *params,
        struct err *err) _must_check_;
void sigv4_result_deinit(struct sigv4_result *r);

enum sigv4_verify_result {
        SIGV4_E_MISSING = 1, // no signature on the request
        SIGV4_E_INCOMPLETE,  // something is missing from Authorization or the query
        SIGV4_E_SCOPE,       // date, region, service or terminator differ from what was expected
        SIGV4_E_SKEW,        // signed too far from now
        SIGV4_E_EXPIRED,     // presigned, and its time is over
        SIGV4_E_TOKEN,       // session token absent, or not the one that belongs to the key
        SIGV4_E_SIGNATURE,   // does not match
};

// What a verifier reads first: whose key it claims to be.
struct sigv4_claim {
        char access_key_id[129];
        char date[9], region[65], service[65];
        int64_t time_s;
        bool presigned;
        bool has_token;
};
int sigv4_read_claim(struct sigv4_claim *ret, const struct sigv4_request *req, struct err *err) _must_check_;
// expect_region/service NULL: whatever the scope says. now_s ± 5 minutes.
int sigv4_verify(const struct sigv4_request *req, const struct sigv4_credentials *cred,
        const char *expect_region, const char *expect_service, int64_t now_s, unsigned flags,
        struct err *err) _must_check_;
// The same, leaving in steps (SIGV4_RESULT_INIT; to be released) what was computed on the way: canonical request, string to
// sign and the signature the request should have. What was not come to is empty.
int sigv4_verify_steps(struct sigv4_result *steps, const struct sigv4_request *req,
        const struct sigv4_credentials *cred, int64_t now_s, unsigned flags, struct err *err) _must_check_;
