// SPDX-License-Identifier: Apache-2.0
//
// Every answer of a provider, each read as each kind. What is taken keeps the promises of oidc.h: URLs are
// callable, texts shown to a person are printable, numbers are bounded, and an error answer is always whole.
#include "form.h"
#include "oidc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                abort();
}

static void must_be_callable(const char *url)
{
        must(!url || url_check_callable(url, NULL) == 0);
}

static void must_be_printable(const char *s)
{
        for (; s && *s; s++)
                must(*s >= ' ' && *s <= '~');
}

static void metadata(const uint8_t *data, size_t size)
{
        static const char *const issuers[] = {
                "https://login.example.com", "http://127.0.0.1:39080", "http://127.0.0.1:34593/api/oidc"};

        for (size_t i = 0; i < ARRAY_SIZE(issuers); i++) {
                struct oidc_metadata m;
                char *scope = NULL;

                if (oidc_metadata_parse(&m, issuers[i], data, size, NULL) < 0)
                        continue;
                must(strcmp(m.issuer, issuers[i]) == 0 && m.token_endpoint && m.jwks_uri);
                must_be_callable(m.token_endpoint);
                must_be_callable(m.jwks_uri);
                must_be_callable(m.authorization_endpoint);
                must_be_callable(m.device_authorization_endpoint);
                must_be_callable(m.revocation_endpoint);
                must_be_callable(m.userinfo_endpoint);
                must(i > 0 || !url_is_loopback(m.token_endpoint));
                must(oidc_choose_scope(&m, NULL, &scope) == 0);
                must(strncmp(scope, "openid", 6) == 0);
                must_be_printable(scope);
                free(scope);
                oidc_metadata_deinit(&m);
        }
}

static void device(const uint8_t *data, size_t size)
{
        struct oidc_device d;

        if (oidc_device_parse(&d, data, size, NULL) < 0)
                return;
        must(d.user_code[0] && secret_len(d.device_code) > 0);
        must_be_printable(d.user_code);
        must_be_printable(secret_str(d.device_code));
        must_be_callable(d.verification_uri);
        must_be_callable(d.verification_uri_complete);
        must(d.interval_s >= 1 && d.interval_s <= 300 && d.expires_in_s >= 1 && d.expires_in_s <= 3600);
        oidc_device_deinit(&d);
}

static void tokens(const uint8_t *data, size_t size)
{
        struct oidc_tokens t;

        if (oidc_tokens_parse(&t, data, size, NULL) < 0)
                return;
        must(t.access_token || t.id_token);
        must_be_printable(secret_str(t.access_token));
        must_be_printable(secret_str(t.id_token));
        must_be_printable(secret_str(t.refresh_token));
        must_be_printable(t.scope);
        must(t.expires_in_s >= 0 && t.refresh_expires_in_s >= 0);
        oidc_tokens_deinit(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct oidc_error_answer e;

        metadata(data, size);
        device(data, size);
        tokens(data, size);
        oidc_error_parse(&e, data, size);
        must(e.code >= OIDC_E_OTHER && e.code <= OIDC_E_UNREADABLE);
        must(strnlen(e.error, sizeof e.error) < sizeof e.error);
        must(strnlen(e.description, sizeof e.description) < sizeof e.description);
        must(!strpbrk(e.error, "\033\n\r") && !strpbrk(e.description, "\033\n\r"));
        return 0;
}
