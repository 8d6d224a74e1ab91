// SPDX-License-Identifier: Apache-2.0
//
// OpenID Connect and OAuth messages: discovery (OIDC Discovery 1.0, RFC 8414), device authorization (RFC
// 8628), token requests and answers (RFC 6749 §4.1, §5, §6), revocation (RFC 7009). Bytes in, structs out;
// net/ does the sending.
#pragma once

#include "buf.h"
#include "err.h"
#include "secret.h"

struct oidc_metadata {
        char *issuer;
        char *authorization_endpoint; // NULL where not offered
        char *token_endpoint;
        char *jwks_uri;
        char *device_authorization_endpoint; // NULL where not offered
        char *revocation_endpoint;           // NULL where not offered
        char *userinfo_endpoint;             // NULL where not offered
        char **scopes_supported;             // NULL-terminated; NULL where not said
        bool pkce_s256;                      // code_challenge_methods_supported has S256
        bool iss_parameter;                  // authorization_response_iss_parameter_supported (RFC 9207)
};

// issuer + "/.well-known/openid-configuration" (a path of the issuer stays; a trailing slash does not
// double).
// 0, -EINVAL (not callable, or with a query or fragment), -ENOMEM.
int oidc_discovery_url(const char *issuer, char **ret) _must_check_;
// The document's issuer must equal the given one to the byte, every endpoint must be callable
// (url_check_callable), and none on this machine unless the issuer is. 0, -ENOMEM, -EBADMSG.
int oidc_metadata_parse(struct oidc_metadata *ret, const char *issuer, const void *json, size_t n,
        struct err *err) _must_check_;
void oidc_metadata_deinit(struct oidc_metadata *m);
// What to ask for: wanted (space-separated) or, when NULL, those of "openid profile email offline_access
// groups" that the provider lists ("openid offline_access" where it lists nothing). Always has openid.
// 0, -EINVAL (an illegal scope), -EMSGSIZE, -ENOMEM.
int oidc_choose_scope(const struct oidc_metadata *m, const char *wanted, char **ret) _must_check_;

struct oidc_device {
        struct secret *device_code;
        char *user_code, *verification_uri, *verification_uri_complete; // the last may be NULL
        int64_t expires_in_s, interval_s; // interval 5 where absent (RFC 8628 §3.2); both bounded
};
// User code and URIs are refused when they hold anything a terminal interprets. 0, -ENOMEM, -EBADMSG.
int oidc_device_parse(struct oidc_device *ret, const void *json, size_t n, struct err *err) _must_check_;
void oidc_device_deinit(struct oidc_device *d);

struct oidc_tokens {
        struct secret *id_token, *access_token, *refresh_token; // each NULL where absent
        char *scope;                                            // NULL where absent
        int64_t expires_in_s;                                   // of the access token; 0 where not said
        int64_t refresh_expires_in_s;                           // non-standard (Keycloak); 0 where not said
};
// token_type must be Bearer in any case of letters. 0, -ENOMEM, -EBADMSG.
int oidc_tokens_parse(struct oidc_tokens *ret, const void *json, size_t n, struct err *err) _must_check_;
void oidc_tokens_deinit(struct oidc_tokens *t);

enum oidc_error {
        OIDC_E_OTHER = 1, // a code we have no rule for
        OIDC_E_AUTHORIZATION_PENDING,
        OIDC_E_SLOW_DOWN,
        OIDC_E_ACCESS_DENIED,
        OIDC_E_EXPIRED_TOKEN,
        OIDC_E_INVALID_GRANT,
        OIDC_E_INVALID_CLIENT, // also unauthorized_client
        OIDC_E_INVALID_SCOPE,
        OIDC_E_INTERACTION_REQUIRED, // also login_required, consent_required
        OIDC_E_TEMPORARILY_UNAVAILABLE,
        OIDC_E_UNREADABLE, // no OAuth error in the body (empty, HTML, cut)
};
struct oidc_error_answer {
        enum oidc_error code;
        char error[64];            // as sent, sanitised
        char description[ERR_MAX]; // sanitised; "" where absent
};
// Never fails: what cannot be read is OIDC_E_UNREADABLE.
void oidc_error_parse(struct oidc_error_answer *ret, const void *json, size_t n);

// Request bodies (application/x-www-form-urlencoded). client_secret may be NULL.
struct oidc_client {
        const char *client_id;
        const struct secret *client_secret; // NULL for public clients
};
// All return the error of the buffer.
int oidc_device_request(struct buf *out, const struct oidc_client *c, const char *scope);
int oidc_device_token_request(struct buf *out, const struct oidc_client *c, const struct secret *device_code);
int oidc_code_token_request(struct buf *out, const struct oidc_client *c, const struct secret *code,
        const char *redirect_uri, const struct secret *pkce_verifier);
int oidc_refresh_request(struct buf *out, const struct oidc_client *c, const struct secret *refresh_token);
int oidc_revocation_request(struct buf *out, const struct oidc_client *c, const struct secret *token);
// The URL to open in a browser (authorization code + PKCE S256).
int oidc_authorization_url(struct buf *out, const struct oidc_metadata *m, const struct oidc_client *c,
        const char *scope, const char *redirect_uri, const char *state, const char *nonce,
        const char *challenge);
