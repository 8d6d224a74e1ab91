// SPDX-License-Identifier: Apache-2.0
//
// The provider's state and what its files share: device codes, authorization codes, grants. Every table is
// bounded; entries that are over make room.
#pragma once

#include "dir.h"
#include "faults.h"
#include "op.h"
#include "web.h"

#define OP_DEVICES_MAX 256
#define OP_CODES_MAX   256
#define OP_GRANTS_MAX  1024
#define OP_NAME_MAX    256 // client ids, scopes, nonces

enum device_state {
        DEVICE_FREE,
        DEVICE_PENDING,
        DEVICE_ALLOWED,
        DEVICE_DENIED,
};
struct device {
        enum device_state state;
        char code[65], user_code[10]; // "BCDF-GHJK"
        char client_id[OP_NAME_MAX], scope[OP_NAME_MAX], user[OP_NAME_MAX];
        int64_t expires_at_s, interval_s, polled_at_ms;
};

struct code {
        char code[65]; // "": free
        char client_id[OP_NAME_MAX], scope[OP_NAME_MAX], user[OP_NAME_MAX], nonce[OP_NAME_MAX], challenge[64];
        char *redirect_uri;
        int64_t expires_at_s;
        char grant_id[17]; // used: the grant it became, to end it when the code comes again (RFC 6749 §4.1.2)
};

// One sign-in and everything issued for it: a family of refresh tokens of which the last one is good.
struct grant {
        char id[17]; // "": free
        char client_id[OP_NAME_MAX], scope[OP_NAME_MAX], user[OP_NAME_MAX], nonce[OP_NAME_MAX];
        uint64_t seq; // of the good refresh token
        int64_t created_s, used_s;
};

struct op {
        unsigned char key[32]; // authenticates our refresh and access tokens and the forms' tokens
        struct device devices[OP_DEVICES_MAX];
        struct code codes[OP_CODES_MAX];
        struct grant grants[OP_GRANTS_MAX];
};

// 32 hex digits that only this sandbox can make of a text.
void op_seal(const struct op *op, const char *text, char ret[33]);
bool op_sealed(const struct op *op, const char *text, const char *seal); // constant time

int64_t op_now_s(const struct web_request *r);
// Copies s into dst (OP_NAME_MAX); false when it is too long or holds control characters.
bool op_copy(char dst[OP_NAME_MAX], const char *s);
// Is word one of the space-separated ones in list?
bool op_has_scope(const char *list, const char *word);
// NULL: the scope is fine; otherwise what is wrong with it.
const char *op_scope_check(const char *scope);

// The client of a request to the token, device or revocation endpoint; NULL: answered with invalid_client.
const struct dir_client *op_client_auth(struct web_request *r);

// device flow
struct device *op_device_by_user_code(struct op *op, const char *user_code, int64_t now_s);
void op_device_grant(struct web_request *r, const struct dir_client *client);
// authorization code
void op_code_grant(struct web_request *r, const struct dir_client *client);
// grants
struct grant *op_grant_new(struct op *op, const char *client_id, const char *scope, const char *user,
        const char *nonce,
        int64_t now_s); // NULL: out of random bytes
struct grant *op_grant_find(struct op *op, const char *id, size_t n);
void op_refresh_grant(struct web_request *r, const struct dir_client *client);

enum issue_flags {
        ISSUE_REFRESH = 1 << 0,    // this answers a refresh
        ISSUE_KEEP_TOKEN = 1 << 1, // the refresh token stays as it is
};
// The answer of the token endpoint for a grant.
void op_issue(struct web_request *r, struct grant *g, unsigned flags);

// The claims a scope opens; NULL when memory runs out.
json_t *op_user_claims(const struct dir_user *u, const char *scope);
void op_log_refused(const struct web_request *r, const char *client_id, const char *error);
