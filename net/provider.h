// SPDX-License-Identifier: Apache-2.0
//
// The OpenID provider as a set of operations: discovery with JWKS, device flow, authorization code flow, refresh, revocation — each
// asynchronous, cancellable, with a deadline, retried only where retrying is right. Every ID token that comes
// out has been verified.
#pragma once

#include "http.h"
#include "jwt.h"
#include "oidc.h"

// What is known of one provider; discovery and JWKS are fetched when first needed, kept for an hour, and the
// JWKS fetched anew (at most once a minute) when a token names an unknown key. Shared by all operations on
// it.
struct provider_options {
        const char *issuer, *client_id;
        const struct secret *client_secret; // NULL
        const char *scopes;                 // NULL: chosen from discovery
        const char *ca_file;                // NULL
};
struct provider;
int provider_new(
        struct provider **ret, struct http *h, const struct provider_options *o) _must_check_; // copies
struct provider *provider_free(struct provider *p);                      // after its operations
const struct oidc_metadata *provider_metadata(const struct provider *p); // NULL before discovery
// Seconds the provider's clock is ahead of ours by its last Date header; 0 when unknown.
int64_t provider_skew_s(const struct provider *p);
bool provider_tells_time(const struct provider *p); // it is known: a Date came

struct provider_result {
        enum outcome outcome;
        struct err err;
        // Take what is needed. After a failed refresh, tokens.refresh_token may be set all the same: it came, and
        // replaces the old one, which may be spent, though what came with it could not be verified just now.
        struct oidc_tokens tokens;
        bool grant_stands; // that failure: it was not the grant's, and the refresh token is worth another try
        struct jwt_claims claims; // of tokens.id_token, verified; all NULL when no id_token came (refresh)
        int64_t obtained_at_s;
};
struct provider_op;
typedef void (*provider_done_fn)(void *arg, struct provider_result *result); // result borrowed for the call
struct provider_op *provider_op_free(struct provider_op *op);
// The old refresh token is spent, and this is the new one: told before anything else is done with what came with it (keys may
// have to be fetched to verify that, and that may take long). Whoever takes it out of tokens keeps it; arg is that of done().
typedef void (*provider_rotated_fn)(void *arg, struct oidc_tokens *tokens);
void provider_op_on_rotated(struct provider_op *op, provider_rotated_fn rotated);
// It goes on, and tells somebody else how it ended; of a new refresh token with the rest.
void provider_op_redirect(struct provider_op *op, provider_done_fn done, void *arg);

// Discovery and JWKS only ("is it there, does it make sense").
int provider_discover_start(
        struct provider_op **ret, struct provider *p, provider_done_fn done, void *arg) _must_check_;

// Device flow (RFC 8628): prompt() once, then polling at the provider's interval (slow_down: +5 s) until
// done().
typedef void (*provider_prompt_fn)(void *arg, const struct oidc_device *device);
int provider_device_start(struct provider_op **ret, struct provider *p, provider_prompt_fn prompt,
        provider_done_fn done, void *arg) _must_check_;

// Authorization code with PKCE (RFC 8252: a browser and a loopback redirect_uri, which somebody listens on). open() once,
// with the URL to show to the person's browser; done() after what came back was redeemed and verified, or ten minutes
// later.
typedef void (*provider_open_fn)(void *arg, const char *url);
int provider_code_start(struct provider_op **ret, struct provider *p, const char *redirect_uri,
        provider_open_fn open, provider_done_fn done, void *arg) _must_check_;
// The query of a request that came to redirect_uri; n bytes without the "?". 0: it is of this flow, and done() follows.
// -EPERM: it is not (whoever sent it does not know the state), and the flow goes on; -EALREADY: a second visit;
// -EBADMSG: broken; -ENOMEM.
int provider_code_answer(struct provider_op *op, const char *query, size_t n) _must_check_;

// Refresh. expect_subject: a new ID token must name it. Outcomes: NEEDS_LOGIN for invalid_grant,
// interaction_required and their kin; UNREACHABLE, TIMEOUT, THROTTLED may be retried by the caller (it is tried
// again here only when nothing can have reached the provider: a refresh token may be good for one use);
// tokens.refresh_token is NULL where the provider did not rotate it (the old one stays good).
int provider_refresh_start(struct provider_op **ret, struct provider *p, const struct secret *refresh_token,
        const char *expect_subject, provider_done_fn done, void *arg) _must_check_;

// Verifies an ID token that somebody else presents, of that subject. The result's claims are set; its tokens hold a copy.
int provider_verify_start(struct provider_op **ret, struct provider *p, const struct secret *id_token,
        const char *expect_subject, provider_done_fn done, void *arg) _must_check_;

// Revocation (RFC 7009), bounded by 2 s. MISCONFIGURED where the provider has no endpoint.
int provider_revoke_start(struct provider_op **ret, struct provider *p, const struct secret *refresh_token,
        provider_done_fn done, void *arg) _must_check_;
