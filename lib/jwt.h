// SPDX-License-Identifier: Apache-2.0
//
// ID-token verification (OpenID Connect Core 3.1.3.7, RFC 7515/7519, RFC 8725). The allow-list of algorithms
// is ours and each key is usable only with the algorithms its type, curve and "alg" allow: the token never
// chooses.
#pragma once

#include <jansson.h>

#include "err.h"
#include "util.h"

#define JWT_TOKEN_MAX     20000 // what STS accepts
#define JWT_SUB_MAX       255   // OIDC Core §2: 255 ASCII characters
#define JWT_JWKS_KEYS_MAX 1024  // usable keys kept of one JWKS
#define JWT_LEEWAY_S      60

enum jwt_result {
        JWT_E_MALFORMED = 1, // not three parts of base64url JSON, duplicate members, too large
        JWT_E_ALGORITHM,     // none, HS*, or anything not on our list
        JWT_E_CRITICAL,      // "crit" names something: we understand none
        JWT_E_NO_KEY, // no key of that kid (or, without kid, not exactly one fitting): fetch the JWKS anew,
                      // once
        JWT_E_SIGNATURE,
        JWT_E_ISSUER,
        JWT_E_AUDIENCE, // aud lacks the client, or azp is another
        JWT_E_EXPIRED,
        JWT_E_NOT_YET, // iat or nbf in the future
        JWT_E_NONCE,
        JWT_E_SUBJECT, // absent, empty, too long, not printable ASCII
};

const char *jwt_result_text(int r); // "the token's signature is wrong"; "" for 0

// A provider's public keys. Junk entries are skipped, symmetric and private ones too; 0 usable keys is an
// error.
struct jwks;
int jwks_parse(
        struct jwks **ret, const void *json, size_t n, struct err *err) _must_check_; // 0, -ENOMEM, -EBADMSG
size_t jwks_count(const struct jwks *k);
struct jwks *jwks_free(struct jwks *k);
DEFINE_CLEANUP(struct jwks *, jwks_free);

struct jwt_expect {
        const char *issuer;    // exact
        const char *client_id; // must be among aud; azp, where present, must equal it; several aud need azp
        const char *nonce;     // NULL: none was sent, and a nonce in the token is ignored
        const char *subject;   // NULL: any
        // An STS accepts every client on a provider's list and reads azp in place of aud: it judges the audience
        // itself, of claims that are verified but for that. client_id is then not looked at.
        bool caller_judges_audience;
        int64_t now_s;
};

struct jwt_claims {
        json_t *all;                       // the whole payload
        const char *iss, *sub, *aud, *azp; // borrowed from all; aud: the first; azp: NULL where absent
        int64_t exp, iat, nbf;             // nbf 0 where absent
};

// Verifies everything. 0 and filled claims; a jwt_result (claims untouched, err in one sentence); -errno.
int jwt_verify(struct jwt_claims *ret, const char *token, size_t n, const struct jwks *keys,
        const struct jwt_expect *expect, struct err *err) _must_check_;
void jwt_claims_deinit(struct jwt_claims *c);
