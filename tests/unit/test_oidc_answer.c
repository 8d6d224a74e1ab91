// SPDX-License-Identifier: Apache-2.0
//
// Device, token and error answers: of real providers, and hostile ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "data.h"
#include "fault.h"
#include "oidc.h"

static int device(struct oidc_device *d, const char *json, struct err *err)
{
        return oidc_device_parse(d, json, strlen(json), err);
}

static int tokens(struct oidc_tokens *t, const char *json, struct err *err)
{
        return oidc_tokens_parse(t, json, strlen(json), err);
}

static void devices_of_real_providers(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct oidc_device d;

        (void)state;
        data_read(&b, "oidc/oidc-provider-device.json");
        assert_int_equal(oidc_device_parse(&d, buf_str(&b), b.n, NULL), 0);
        assert_string_equal(d.user_code, "CQNW-DVGT");
        assert_string_equal(d.verification_uri, "http://127.0.0.1:39080/device");
        assert_string_equal(d.verification_uri_complete, "http://127.0.0.1:39080/device?user_code=CQNW-DVGT");
        assert_string_equal(secret_str(d.device_code), "e5K-Kiqj4bGZBMnrZoNMopP-d0diAUc_g7F6SI1trud");
        assert_int_equal(d.expires_in_s, 600);
        assert_int_equal(d.interval_s, 5); // it sends none
        oidc_device_deinit(&d);
        data_read(&b, "oidc/glewlwyd-device.json");
        assert_int_equal(oidc_device_parse(&d, buf_str(&b), b.n, NULL), 0);
        assert_int_equal(d.interval_s, 1);
        assert_string_equal(
                d.verification_uri_complete, "http://127.0.0.1:34593/api/oidc/device?code=0HXK-GQJO");
        oidc_device_deinit(&d);
        oidc_device_deinit(&d);
}

#define DEVICE(members) "{\"device_code\":\"dc\",\"user_code\":\"AB-CD\",\"expires_in\":600," members "}"
#define URI             "\"verification_uri\":\"https://a.example/d\""

static void devices_of_others(void **state)
{
        struct oidc_device d;

        (void)state;
        // Google names the address after a draft of the RFC; Entra's first version wrote numbers as strings.
        assert_int_equal(
                device(&d,
                        DEVICE("\"verification_url\":\"https://www.google.com/device\",\"interval\":\"5\""),
                        NULL),
                0);
        assert_string_equal(d.verification_uri, "https://www.google.com/device");
        assert_null(d.verification_uri_complete);
        assert_int_equal(d.interval_s, 5);
        oidc_device_deinit(&d);
        assert_int_equal(device(&d, DEVICE(URI ",\"interval\":0"), NULL), 0);
        assert_int_equal(d.interval_s, 1); // polling without a pause is nobody's wish
        oidc_device_deinit(&d);
        assert_int_equal(
                device(&d, "{\"device_code\":\"dc\",\"user_code\":\"12 34\",\"expires_in\":86400," URI "}",
                        NULL),
                0);
        assert_int_equal(d.expires_in_s, 3600);
        assert_string_equal(d.user_code, "12 34");
        oidc_device_deinit(&d);
}

static void devices_that_are_refused(void **state)
{
        static const char *const bad[] = {
                "",
                "{}",
                "[]",
                "\"x\"",
                "<!DOCTYPE html>",
                "{\"error\":\"invalid_client\"}",
                "{\"user_code\":\"A\",\"expires_in\":600," URI "}", // no device code
                "{\"device_code\":\"\",\"user_code\":\"A\",\"expires_in\":600," URI "}",
                "{\"device_code\":\"a b\",\"user_code\":\"A\",\"expires_in\":600," URI "}",
                "{\"device_code\":\"d\",\"expires_in\":600," URI "}", // no user code
                "{\"device_code\":\"d\",\"user_code\":\"\",\"expires_in\":600," URI "}",
                "{\"device_code\":\"d\",\"user_code\":\"\\u001b[2J\",\"expires_in\":600," URI "}",
                "{\"device_code\":\"d\",\"user_code\":\"A\\nB\",\"expires_in\":600," URI "}",
                "{\"device_code\":\"d\",\"user_code\":\"\\u202eA\",\"expires_in\":600," URI "}",
                "{\"device_code\":\"d\",\"user_code\":\"A\\u0000B\",\"expires_in\":600," URI "}",
                "{\"device_code\":\"d\",\"user_code\":7,\"expires_in\":600," URI "}",
                "{\"device_code\":\"d\",\"user_code\":"
                "\"01234567890123456789012345678901234567890123456789012345678901234\",\"expires_in\":"
                "600," URI "}",
                "{\"device_code\":\"d\",\"user_code\":\"A\",\"expires_in\":600}", // no address
                DEVICE("\"verification_uri\":\"http://a.example/d\""),
                DEVICE("\"verification_uri\":\"javascript:alert(1)\""),
                DEVICE("\"verification_uri\":\"https://a.example/\\u001b]8;;\""),
                DEVICE("\"verification_uri\":\"https://a.example/ok then visit evil\""),
                DEVICE(URI ",\"verification_uri_complete\":\"http://evil.example/\""),
                DEVICE(URI ",\"verification_uri_complete\":7"),
                "{\"device_code\":\"d\",\"user_code\":\"A\"," URI "}", // no life time
                "{\"device_code\":\"d\",\"user_code\":\"A\",\"expires_in\":0," URI "}",
                "{\"device_code\":\"d\",\"user_code\":\"A\",\"expires_in\":-5," URI "}",
                "{\"device_code\":\"d\",\"user_code\":\"A\",\"expires_in\":\"1e3\"," URI "}",
                "{\"device_code\":\"d\",\"user_code\":\"A\",\"expires_in\":true," URI "}",
                DEVICE(URI ",\"interval\":-1"),
                DEVICE(URI ",\"interval\":301"),
                DEVICE(URI ",\"interval\":[]"),
                DEVICE(URI ",\"interval\":\"\""),
        };
        struct oidc_device d = {.interval_s = 77};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                if (device(&d, bad[i], &err) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
                assert_true(err.text[0]);
        }
        assert_int_equal(d.interval_s, 77);
}

static void tokens_of_real_providers(void **state)
{
        static const struct {
                const char *file;
                bool id_token;
                const char *scope;
        } answers[] = {
                {"oidc/oidc-provider-tokens.json", true, "openid offline_access profile email"},
                {"oidc/oidc-provider-refresh.json", true, "openid offline_access profile email"},
                {"oidc/glewlwyd-tokens.json", true, "openid"},
                {"oidc/glewlwyd-refresh.json", false, "openid"},
        };
        cleanup_buf struct buf b = BUF_INIT(1 << 16);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                struct oidc_tokens t;

                data_read(&b, answers[i].file);
                assert_int_equal(oidc_tokens_parse(&t, buf_str(&b), b.n, NULL), 0);
                assert_int_equal(t.id_token != NULL, answers[i].id_token);
                assert_non_null(t.access_token);
                assert_non_null(t.refresh_token);
                assert_non_null(
                        memmem(buf_str(&b), b.n, secret_str(t.refresh_token), secret_len(t.refresh_token)));
                assert_string_equal(t.scope, answers[i].scope);
                assert_int_equal(t.expires_in_s, 3600);
                assert_int_equal(t.refresh_expires_in_s, 0);
                oidc_tokens_deinit(&t);
                oidc_tokens_deinit(&t);
        }
}

static void tokens_with_odd_numbers(void **state)
{
        struct oidc_tokens t;

        (void)state;
        assert_int_equal(tokens(&t,
                                 "{\"token_type\":\"BEARER\",\"access_token\":\"a\",\"expires_in\":\"3599\","
                                 "\"refresh_expires_in\":0,\"scope\":\"\"}",
                                 NULL),
                0);
        assert_int_equal(t.expires_in_s, 3599);
        assert_null(t.scope);
        oidc_tokens_deinit(&t);
        assert_int_equal(tokens(&t,
                                 "{\"token_type\":\"Bearer\",\"id_token\":\"i\",\"expires_in\":99999999999,"
                                 "\"refresh_expires_in\":1800.0}",
                                 NULL),
                0);
        assert_int_equal(t.expires_in_s, INT32_MAX);
        assert_int_equal(t.refresh_expires_in_s, 1800);
        assert_null(t.access_token);
        oidc_tokens_deinit(&t);
}

static void tokens_that_are_refused(void **state)
{
        static const char *const bad[] = {"", "{}", "[]", "{\"access_token\":\"a\"}",
                "{\"token_type\":\"Bearer\"}", "{\"token_type\":\"Bearer\",\"refresh_token\":\"r\"}",
                "{\"token_type\":\"DPoP\",\"access_token\":\"a\"}",
                "{\"token_type\":7,\"access_token\":\"a\"}",
                "{\"token_type\":\"Bearer\",\"access_token\":\"\"}",
                "{\"token_type\":\"Bearer\",\"access_token\":\"a\\r\\nX: y\"}",
                "{\"token_type\":\"Bearer\",\"access_token\":\"\\u00fc\"}",
                "{\"token_type\":\"Bearer\",\"access_token\":{}}",
                "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"id_token\":\"x y\"}",
                "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":-1}",
                "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"refresh_expires_in\":\"soon\"}",
                "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"scope\":\"a\\nb\"}",
                "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"scope\":[\"a\"]}",
                "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"access_token\":\"b\"}"};
        struct oidc_tokens t = {.expires_in_s = 77};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                if (tokens(&t, bad[i], &err) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
                assert_true(err.text[0]);
        }
        assert_int_equal(t.expires_in_s, 77);
}

static void a_token_has_a_bound(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct err err = ERR_INIT;
        struct oidc_tokens t;

        (void)state;
        for (int n = 20000; n <= 20001; n++) {
                char *at;

                buf_reset(&b);
                buf_append_str(&b, "{\"token_type\":\"Bearer\",\"id_token\":\"");
                at = buf_extend(&b, (size_t)n);
                memset(at, 'x', (size_t)n);
                buf_append_str(&b, "\"}");
                if (n == 20000) {
                        assert_int_equal(oidc_tokens_parse(&t, buf_str(&b), b.n, NULL), 0);
                        assert_int_equal(secret_len(t.id_token), 20000);
                        oidc_tokens_deinit(&t);
                } else {
                        assert_int_equal(oidc_tokens_parse(&t, buf_str(&b), b.n, &err), -EBADMSG);
                        assert_non_null(strstr(err.text, "id_token"));
                }
        }
}

static void half_an_answer_is_none(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(1 << 16);
        struct oidc_tokens t;
        struct oidc_device d;

        (void)state;
        data_read(&b, "oidc/oidc-provider-tokens.json");
        for (size_t n = 0; n < b.n; n++)
                assert_int_equal(oidc_tokens_parse(&t, buf_str(&b), n, NULL), -EBADMSG);
        data_read(&b, "oidc/glewlwyd-device.json");
        for (size_t n = 0; n < b.n; n++)
                assert_int_equal(oidc_device_parse(&d, buf_str(&b), n, NULL), -EBADMSG);
}

static void errors_of_real_providers(void **state)
{
        static const struct {
                const char *file;
                enum oidc_error code;
                const char *description;
        } answers[] = {
                {"oidc/oidc-provider-pending.json", OIDC_E_AUTHORIZATION_PENDING,
                        "authorization request is still pending as the end-user hasn't yet completed the "
                        "user interaction steps"},
                {"oidc/oidc-provider-denied.json", OIDC_E_ACCESS_DENIED, "End-User denied"},
                {"oidc/oidc-provider-reuse.json", OIDC_E_INVALID_GRANT, "grant request is invalid"},
                {"oidc/glewlwyd-pending.json", OIDC_E_AUTHORIZATION_PENDING, ""},
                {"oidc/glewlwyd-slow-down.json", OIDC_E_SLOW_DOWN, ""},
                {"oidc/glewlwyd-reuse", OIDC_E_UNREADABLE, ""},
        };
        cleanup_buf struct buf b = BUF_INIT(1 << 16);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                struct oidc_error_answer e;

                data_read(&b, answers[i].file);
                oidc_error_parse(&e, buf_str(&b), b.n);
                assert_int_equal(e.code, answers[i].code);
                assert_string_equal(e.description, answers[i].description);
        }
}

static void error_codes(void **state)
{
        static const struct {
                const char *json;
                enum oidc_error code;
        } answers[] = {
                {"{\"error\":\"expired_token\"}", OIDC_E_EXPIRED_TOKEN},
                {"{\"error\":\"invalid_client\"}", OIDC_E_INVALID_CLIENT},
                {"{\"error\":\"unauthorized_client\"}", OIDC_E_INVALID_CLIENT},
                {"{\"error\":\"invalid_scope\"}", OIDC_E_INVALID_SCOPE},
                {"{\"error\":\"login_required\"}", OIDC_E_INTERACTION_REQUIRED},
                {"{\"error\":\"interaction_required\"}", OIDC_E_INTERACTION_REQUIRED},
                {"{\"error\":\"temporarily_unavailable\"}", OIDC_E_TEMPORARILY_UNAVAILABLE},
                {"{\"error\":\"authorization_declined\"}", OIDC_E_ACCESS_DENIED},
                {"{\"error\":\"Invalid_Grant\"}", OIDC_E_OTHER},
                {"{\"error\":\"something_new\"}", OIDC_E_OTHER},
                {"{\"error\":\"\"}", OIDC_E_UNREADABLE},
                {"{\"error\":{\"code\":401}}", OIDC_E_UNREADABLE},
                {"{\"error\":\"invalid_grant\"", OIDC_E_UNREADABLE},
                {"[\"error\"]", OIDC_E_UNREADABLE},
                {"<html>502</html>", OIDC_E_UNREADABLE},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                struct oidc_error_answer e;

                oidc_error_parse(&e, answers[i].json, strlen(answers[i].json));
                if (e.code != answers[i].code)
                        fail_msg("%s read as %d", answers[i].json, e.code);
        }
}

static void error_texts_cannot_command_a_terminal(void **state)
{
        static const char json[] =
                "{\"error\":\"a\\u001b[2Jb\",\"error_description\":\"line\\none\\u009b\\u202e\"}";
        struct oidc_error_answer e;

        (void)state;
        oidc_error_parse(&e, json, sizeof json - 1);
        assert_int_equal(e.code, OIDC_E_OTHER);
        assert_string_equal(e.error, "a?[2Jb");
        assert_string_equal(e.description, "line?one??");
}

static void every_allocation_may_fail(void **state)
{
        static const char *const dev = DEVICE(URI ",\"verification_uri_complete\":\"https://a.example/d?c\"");
        static const char *const tok = "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"id_token\":\"i\","
                                       "\"refresh_token\":\"r\",\"scope\":\"s\"}";
        struct oidc_device d;
        struct oidc_tokens t;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(50, r = device(&d, dev, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        oidc_device_deinit(&d);
        FAULT_EACH(50, r = tokens(&t, tok, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        oidc_tokens_deinit(&t);
        assert_int_equal(failed, 8);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(devices_of_real_providers),
                cmocka_unit_test(devices_of_others),
                cmocka_unit_test(devices_that_are_refused),
                cmocka_unit_test(tokens_of_real_providers),
                cmocka_unit_test(tokens_with_odd_numbers),
                cmocka_unit_test(tokens_that_are_refused),
                cmocka_unit_test(a_token_has_a_bound),
                cmocka_unit_test(half_an_answer_is_none),
                cmocka_unit_test(errors_of_real_providers),
                cmocka_unit_test(error_codes),
                cmocka_unit_test(error_texts_cannot_command_a_terminal),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
