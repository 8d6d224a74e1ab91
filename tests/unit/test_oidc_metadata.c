// SPDX-License-Identifier: Apache-2.0
//
// Discovery: the documents of real providers, and the ones that would lead tokens astray.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "data.h"
#include "fault.h"
#include "oidc.h"

#define ISSUER "https://login.example.com"

static int parse(struct oidc_metadata *m, const char *issuer, const char *json, struct err *err)
{
        return oidc_metadata_parse(m, issuer, json, strlen(json), err);
}

static void discovery_urls(void **state)
{
        static const struct {
                const char *issuer, *url;
        } good[] = {
                {ISSUER, ISSUER "/.well-known/openid-configuration"},
                {ISSUER "/", ISSUER "/.well-known/openid-configuration"},
                {ISSUER "/realms/x", ISSUER "/realms/x/.well-known/openid-configuration"},
                {ISSUER "/realms/x/", ISSUER "/realms/x/.well-known/openid-configuration"},
                {"http://127.0.0.1:4593/api/oidc",
                        "http://127.0.0.1:4593/api/oidc/.well-known/openid-configuration"},
        };
        static const char *const bad[] = {
                "", "http://login.example.com", ISSUER "?x=y", ISSUER "/#", "login.example.com"};
        char *url = NULL;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_int_equal(oidc_discovery_url(good[i].issuer, &url), 0);
                assert_string_equal(url, good[i].url);
                free(url);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(oidc_discovery_url(bad[i], &url), -EINVAL);
}

static void oidc_provider(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct oidc_metadata m;
        char *scope;

        (void)state;
        data_read(&b, "oidc/oidc-provider-discovery.json");
        assert_int_equal(oidc_metadata_parse(&m, "http://127.0.0.1:39080", buf_str(&b), b.n, NULL), 0);
        assert_string_equal(m.issuer, "http://127.0.0.1:39080");
        assert_string_equal(m.token_endpoint, "http://127.0.0.1:39080/token");
        assert_string_equal(m.jwks_uri, "http://127.0.0.1:39080/jwks");
        assert_string_equal(m.device_authorization_endpoint, "http://127.0.0.1:39080/device/auth");
        assert_string_equal(m.authorization_endpoint, "http://127.0.0.1:39080/auth");
        assert_string_equal(m.revocation_endpoint, "http://127.0.0.1:39080/token/revocation");
        assert_string_equal(m.userinfo_endpoint, "http://127.0.0.1:39080/me");
        assert_true(m.pkce_s256);
        assert_true(m.iss_parameter);
        assert_int_equal(oidc_choose_scope(&m, NULL, &scope), 0);
        assert_string_equal(scope, "openid profile email offline_access");
        free(scope);
        oidc_metadata_deinit(&m);
        oidc_metadata_deinit(&m);
}

static void glewlwyd(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct oidc_metadata m;
        char *scope;

        (void)state;
        data_read(&b, "oidc/glewlwyd-discovery.json");
        assert_int_equal(
                oidc_metadata_parse(&m, "http://127.0.0.1:34593/api/oidc", buf_str(&b), b.n, NULL), 0);
        assert_string_equal(
                m.device_authorization_endpoint, "http://127.0.0.1:34593/api/oidc/device_authorization");
        assert_true(m.pkce_s256);
        assert_false(m.iss_parameter);
        assert_int_equal(oidc_choose_scope(&m, NULL, &scope), 0);
        assert_string_equal(scope, "openid");
        free(scope);
        oidc_metadata_deinit(&m);
}

static void the_issuer_must_be_the_very_one(void **state)
{
        static const char *const others[] = {ISSUER "/", "https://LOGIN.example.com", ISSUER ":443",
                ISSUER ".evil.example", "http://login.example.com", "https://login.example.co", ""};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                struct oidc_metadata m;
                struct err err = ERR_INIT;
                char json[512];

                snprintf(json, sizeof json,
                        "{\"issuer\":\"%s\",\"token_endpoint\":\"" ISSUER "/t\",\"jwks_uri\":\"" ISSUER
                        "/k\"}",
                        others[i]);
                assert_int_equal(parse(&m, ISSUER, json, &err), -EBADMSG);
                assert_non_null(strstr(err.text, "issuer"));
        }
}

#define GOOD "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" ISSUER "/k\",\"token_endpoint\":\"" ISSUER "/t\""

static void endpoints_must_be_callable(void **state)
{
        static const char *const bad[] = {
                "\"device_authorization_endpoint\":\"http://login.example.com/d\"",
                "\"device_authorization_endpoint\":\"http://127.0.0.1:631/d\"",
                "\"revocation_endpoint\":\"https://127.0.0.1/r\"",
                "\"revocation_endpoint\":\"https://localhost:8443/r\"",
                "\"userinfo_endpoint\":\"https://[::1]/u\"",
                "\"userinfo_endpoint\":\"file:///etc/passwd\"",
                "\"authorization_endpoint\":\"javascript:alert(1)\"",
                "\"authorization_endpoint\":\"https://a@b/\"",
                "\"authorization_endpoint\":\"https://a/\\u001b[2J\"",
                "\"authorization_endpoint\":\"https://a/#f\"",
                "\"authorization_endpoint\":7",
                "\"authorization_endpoint\":\"\"",
                "\"scopes_supported\":\"openid\"",
                "\"authorization_response_iss_parameter_supported\":\"yes\"",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct oidc_metadata m;
                struct err err = ERR_INIT;
                char json[1024];

                snprintf(json, sizeof json, GOOD ",%s}", bad[i]);
                if (parse(&m, ISSUER, json, &err) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
                assert_true(err.text[0]);
                assert_null(strchr(err.text, '\x1b'));
        }
}

static void what_is_required_is_required(void **state)
{
        static const char *const bad[] = {"", "{", "[]", "null", "7", "<html>", "{}",
                "{\"issuer\":\"" ISSUER "\"}",
                "{\"issuer\":7,\"jwks_uri\":\"" ISSUER "/k\",\"token_endpoint\":\"" ISSUER "/t\"}",
                "{\"jwks_uri\":\"" ISSUER "/k\",\"token_endpoint\":\"" ISSUER "/t\"}",
                "{\"issuer\":\"" ISSUER "\",\"token_endpoint\":\"" ISSUER "/t\"}",
                "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":null,\"token_endpoint\":\"" ISSUER "/t\"}",
                GOOD ",\"issuer\":\"" ISSUER "\"}", GOOD "} x"};
        struct oidc_metadata m = {.pkce_s256 = true};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                if (parse(&m, ISSUER, bad[i], &err) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
                assert_true(err.text[0]);
        }
        assert_true(m.pkce_s256); // untouched by failures
        assert_int_equal(parse(&m, ISSUER, GOOD "}", NULL), 0);
        assert_null(m.device_authorization_endpoint);
        assert_null(m.scopes_supported);
        assert_false(m.pkce_s256);
        oidc_metadata_deinit(&m);
}

static void half_a_document_is_none(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct oidc_metadata m;

        (void)state;
        data_read(&b, "oidc/oidc-provider-discovery.json");
        for (size_t n = 0; n < b.n; n++)
                assert_int_equal(
                        oidc_metadata_parse(&m, "http://127.0.0.1:39080", buf_str(&b), n, NULL), -EBADMSG);
}

static void scopes(void **state)
{
        struct oidc_metadata m;
        char *scope = NULL;

        (void)state;
        assert_int_equal(parse(&m, ISSUER, GOOD "}", NULL), 0);
        assert_int_equal(oidc_choose_scope(&m, NULL, &scope), 0);
        assert_string_equal(scope, "openid offline_access");
        free(scope);
        assert_int_equal(oidc_choose_scope(&m, "  a  openid b:c ", &scope), 0);
        assert_string_equal(scope, "openid a b:c");
        free(scope);
        assert_int_equal(oidc_choose_scope(&m, "", &scope), 0);
        assert_string_equal(scope, "openid");
        free(scope);
        assert_int_equal(oidc_choose_scope(&m, "a\tb", &scope), -EINVAL);
        assert_int_equal(oidc_choose_scope(&m, "a\"b", &scope), -EINVAL);
        oidc_metadata_deinit(&m);
        // Junk among the offered ones is passed over, and a prefix is not the scope.
        assert_int_equal(
                parse(&m, ISSUER, GOOD ",\"scopes_supported\":[7,\"\",\"a b\",null,\"groups\",\"emails\"]}",
                        NULL),
                0);
        assert_int_equal(oidc_choose_scope(&m, NULL, &scope), 0);
        assert_string_equal(scope, "openid groups");
        free(scope);
        oidc_metadata_deinit(&m);
}

static void every_allocation_may_fail(void **state)
{
        static const char *const json =
                GOOD ",\"scopes_supported\":[\"a\",\"b\"],\"revocation_endpoint\":\"" ISSUER "/r\"}";
        struct oidc_metadata m;
        char *s = NULL;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(50, r = parse(&m, ISSUER, json, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_int_equal(failed, 7);
        FAULT_EACH(50, r = oidc_choose_scope(&m, NULL, &s))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
        free(s);
        FAULT_EACH(50, r = oidc_discovery_url(ISSUER, &s))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
        free(s);
        oidc_metadata_deinit(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(discovery_urls),
                cmocka_unit_test(oidc_provider),
                cmocka_unit_test(glewlwyd),
                cmocka_unit_test(the_issuer_must_be_the_very_one),
                cmocka_unit_test(endpoints_must_be_callable),
                cmocka_unit_test(what_is_required_is_required),
                cmocka_unit_test(half_a_document_is_none),
                cmocka_unit_test(scopes),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
