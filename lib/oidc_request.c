// SPDX-License-Identifier: Apache-2.0
//
// What we send to a provider. A client secret, where a provider insists on one for a client that can keep
// none, goes into the body (client_secret_post), never into the URL.
#include "oidc.h"

#include "form.h"

static int add_secret(struct buf *out, const char *key, const struct secret *s)
{
        return form_add_n(out, key, secret_str(s), secret_len(s));
}

static int add_client(struct buf *out, const struct oidc_client *c)
{
        form_add(out, "client_id", c->client_id);
        return add_secret(out, "client_secret", c->client_secret);
}

// Device authorization request, RFC 8628 3.1.
int oidc_device_request(struct buf *out, const struct oidc_client *c, const char *scope)
{
        add_client(out, c);
        return form_add(out, "scope", scope);
}

// Polling for the tokens of a device flow, RFC 8628 3.4.
int oidc_device_token_request(struct buf *out, const struct oidc_client *c, const struct secret *device_code)
{
        form_add(out, "grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        add_secret(out, "device_code", device_code);
        return add_client(out, c);
}

// Redeeming an authorization code, RFC 6749 4.1.3 with RFC 7636 4.5.
int oidc_code_token_request(struct buf *out, const struct oidc_client *c, const struct secret *code,
        const char *redirect_uri, const struct secret *pkce_verifier)
{
        form_add(out, "grant_type", "authorization_code");
        add_secret(out, "code", code);
        form_add(out, "redirect_uri", redirect_uri);
        add_secret(out, "code_verifier", pkce_verifier);
        return add_client(out, c);
}

// Refreshing, RFC 6749 6. No scope: the one granted stays.
int oidc_refresh_request(struct buf *out, const struct oidc_client *c, const struct secret *refresh_token)
{
        form_add(out, "grant_type", "refresh_token");
        add_secret(out, "refresh_token", refresh_token);
        return add_client(out, c);
}

// Revoking a refresh token, RFC 7009 2.1.
int oidc_revocation_request(struct buf *out, const struct oidc_client *c, const struct secret *token)
{
        add_secret(out, "token", token);
        form_add(out, "token_type_hint", "refresh_token");
        return add_client(out, c);
}

static bool has_scope(const char *scope, const char *want)
{
        size_t n = strlen(want);

        for (const char *s = scope; (s = strstr(s, want)); s += n)
                if ((s == scope || s[-1] == ' ') && (s[n] == 0 || s[n] == ' '))
                        return true;
        return false;
}

// The authorization request as a URL (RFC 6749 4.1.1, RFC 7636 4.3). -EINVAL where the provider has no
// authorization endpoint.
int oidc_authorization_url(struct buf *out, const struct oidc_metadata *m, const struct oidc_client *c,
        const char *scope, const char *redirect_uri, const char *state, const char *nonce,
        const char *challenge)
{
        cleanup_buf struct buf q = BUF_INIT(out->max);

        if (!m->authorization_endpoint)
                return -EINVAL;
        form_add(&q, "response_type", "code");
        form_add(&q, "client_id", c->client_id);
        form_add(&q, "redirect_uri", redirect_uri);
        form_add(&q, "scope", scope);
        // OIDC Core 11: a provider ignores offline_access unless consent is asked for.
        form_add(&q, "prompt", has_scope(scope, "offline_access") ? "consent" : NULL);
        form_add(&q, "state", state);
        form_add(&q, "nonce", nonce);
        form_add(&q, "code_challenge", challenge);
        form_add(&q, "code_challenge_method", "S256");
        if (buf_error(&q))
                return buf_error(&q);
        buf_append_str(out, m->authorization_endpoint);
        buf_append_char(out, strchr(m->authorization_endpoint, '?') ? '&' : '?');
        return buf_append(out, buf_str(&q), q.n);
}
