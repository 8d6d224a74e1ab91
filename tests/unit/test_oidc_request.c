// SPDX-License-Identifier: Apache-2.0
//
// What we send to providers, to the byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "oidc.h"

struct fixture {
        struct secret *secret, *value, *verifier;
        struct oidc_client public, confidential;
};

static int setup(void **state)
{
        static struct fixture f;

        if (secret_new_str(&f.secret, "not a secret") || secret_new_str(&f.value, "V+/=&6") ||
                secret_new_str(&f.verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
                return -1;
        f.public = (struct oidc_client){.client_id = "valet key"};
        f.confidential = (struct oidc_client){.client_id = "valetkey", .client_secret = f.secret};
        *state = &f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        secret_free(f->secret);
        secret_free(f->value);
        secret_free(f->verifier);
        return 0;
}

static void bodies(void **state)
{
        struct fixture *f = *state;
        cleanup_buf struct buf b = BUF_INIT(4096);

        assert_int_equal(oidc_device_request(&b, &f->public, "openid a"), 0);
        assert_string_equal(buf_str(&b), "client_id=valet%20key&scope=openid%20a");
        buf_reset(&b);
        assert_int_equal(oidc_device_request(&b, &f->confidential, "openid"), 0);
        assert_string_equal(buf_str(&b), "client_id=valetkey&client_secret=not%20a%20secret&scope=openid");
        buf_reset(&b);
        assert_int_equal(oidc_device_token_request(&b, &f->public, f->value), 0);
        assert_string_equal(buf_str(&b), "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
                                         "&device_code=V%2B%2F%3D%266&client_id=valet%20key");
        buf_reset(&b);
        assert_int_equal(oidc_code_token_request(
                                 &b, &f->public, f->value, "http://127.0.0.1:53217/callback", f->verifier),
                0);
        assert_string_equal(buf_str(&b),
                "grant_type=authorization_code&code=V%2B%2F%3D%266"
                "&redirect_uri=http%3A%2F%2F127.0.0.1%3A53217%2Fcallback"
                "&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&client_id=valet%20key");
        buf_reset(&b);
        assert_int_equal(oidc_refresh_request(&b, &f->confidential, f->value), 0);
        assert_string_equal(buf_str(&b), "grant_type=refresh_token&refresh_token=V%2B%2F%3D%266&client_id="
                                         "valetkey&client_secret=not%20a%20secret");
        buf_reset(&b);
        assert_int_equal(oidc_revocation_request(&b, &f->public, f->value), 0);
        assert_string_equal(
                buf_str(&b), "token=V%2B%2F%3D%266&token_type_hint=refresh_token&client_id=valet%20key");
}

static void authorization_urls(void **state)
{
        struct fixture *f = *state;
        cleanup_buf struct buf b = BUF_INIT(4096);
        char plain[] = "https://a.example/auth", query[] = "https://a.example/auth?tenant=1";
        struct oidc_metadata m = {.authorization_endpoint = plain};

        assert_int_equal(
                oidc_authorization_url(&b, &m, &f->public, "openid", "http://127.0.0.1:1/", "s", "n", "c"),
                0);
        assert_string_equal(buf_str(&b),
                "https://a.example/auth?response_type=code&client_id=valet%20key"
                "&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2F&scope=openid&state=s&nonce=n"
                "&code_challenge=c&code_challenge_method=S256");
        buf_reset(&b);
        m.authorization_endpoint = query;
        assert_int_equal(
                oidc_authorization_url(&b, &m, &f->confidential, "openid offline_access", "r", "s", "n", "c"),
                0);
        assert_string_equal(buf_str(&b),
                "https://a.example/auth?tenant=1&response_type=code&client_id=valetkey&redirect_uri=r"
                "&scope=openid%20offline_access&prompt=consent&state=s&nonce=n&code_challenge=c"
                "&code_challenge_method=S256");
        assert_null(strstr(buf_str(&b), "secret"));
        buf_reset(&b);
        assert_int_equal(
                oidc_authorization_url(&b, &m, &f->public, "not_offline_access", "r", "s", "n", "c"), 0);
        assert_null(strstr(buf_str(&b), "prompt"));
        m.authorization_endpoint = NULL;
        assert_int_equal(oidc_authorization_url(&b, &m, &f->public, "openid", "r", "s", "n", "c"), -EINVAL);
}

static void room_and_memory_run_out(void **state)
{
        struct fixture *f = *state;
        cleanup_buf struct buf small = BUF_INIT(20), b = BUF_INIT(4096);
        char plain[] = "https://a.example/auth";
        struct oidc_metadata m = {.authorization_endpoint = plain};
        int r = 0;

        assert_int_equal(oidc_refresh_request(&small, &f->public, f->value), -EMSGSIZE);
        buf_reset(&small);
        assert_int_equal(
                oidc_authorization_url(&small, &m, &f->public, "openid", "r", "s", "n", "c"), -EMSGSIZE);
        FAULT_EACH(50, (buf_deinit(&b), r = oidc_refresh_request(&b, &f->public, f->value)))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
        FAULT_EACH(50, (buf_deinit(&b),
                               r = oidc_authorization_url(&b, &m, &f->public, "openid", "r", "s", "n", "c")))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bodies),
                cmocka_unit_test(authorization_urls),
                cmocka_unit_test(room_and_memory_run_out),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
