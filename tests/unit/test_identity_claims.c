// SPDX-License-Identifier: Apache-2.0
//
// Who signed in, as a document: the claims and what STS makes of them, and no byte of the token or its signature.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "b64.h"
#include "fault.h"
#include "identity_claims.h"
#include "json.h"

#include <string.h>

#define NOW       INT64_C(1800000000)
#define SIGNATURE "c2lnbmF0dXJlLXRoYXQtbm9ib2R5LXNlZXM"
#define TAGS      "\"https://aws.amazon.com/tags\""

static struct clock_fake clk;
static struct loop *l;
static struct http *h;
static struct keeper *k;

static void on_granted(struct keeper *keeper, bool same, void *arg)
{
        (void)keeper, (void)same, (void)arg;
}

static void on_ended(struct keeper *keeper, bool sessions_too, void *arg)
{
        (void)keeper, (void)sessions_too, (void)arg;
}

static const struct config_identity conf = {
        .name = (char[]){"corp"}, .issuer = (char[]){"https://a.example"}, .client_id = (char[]){"v"}};

static int setup(void **state)
{
        static const struct keeper_events events = {.granted = on_granted, .ended = on_ended};

        (void)state;
        clock_fake_init(&clk, NOW);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(http_new(&h, l), 0);
        assert_int_equal(keeper_new(&k, l, h, NULL, &conf, &events, NULL), 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        keeper_free(k);
        http_free(h);
        loop_free(l);
        return 0;
}

// Signed in with these claims.
static void sign_in(const char *claims)
{
        struct grant g = {.type = SOURCE_OIDC, .id_token_exp_s = NOW + 300, .signed_in_at_s = NOW};
        cleanup_buf struct buf token = BUF_INIT(65536);

        assert_int_equal(buf_append_str(&token, "eyJhbGciOiJSUzI1NiJ9."), 0);
        assert_int_equal(b64url_encode(&token, claims, strlen(claims)), 0);
        assert_int_equal(buf_append_str(&token, "." SIGNATURE), 0);
        g.identity = strdup("corp");
        g.issuer = strdup("https://a.example");
        g.client_id = strdup("v");
        g.subject = strdup("s1");
        g.display = strdup("alice");
        assert_int_equal(secret_new_str(&g.id_token, buf_str(&token)), 0);
        keeper_put(k, &g);
}

static json_t *document(void)
{
        cleanup_buf struct buf out = BUF_INIT(IDENTITY_CLAIMS_MAX);
        struct err err = ERR_INIT;
        json_error_t e;
        json_t *j;

        assert_int_equal(identity_claims_write(&out, k, &err), 0);
        assert_null(strstr(buf_str(&out), SIGNATURE));
        assert_null(strstr(buf_str(&out), "eyJ"));
        j = json_loads(buf_str(&out), JSON_REJECT_DUPLICATES, &e);
        assert_non_null(j);
        return j;
}

static const char *text(const json_t *j, const char *key)
{
        return json_string_value(json_object_get(j, key));
}

static void what_sts_makes_of_it_stands_beside_the_claims(void **state)
{
        cleanup_json json_t *j = NULL;
        const json_t *tag;

        (void)state;
        sign_in("{\"iss\":\"https://"
                "a.example\",\"aud\":[\"v\",\"w\"],\"azp\":\"v\",\"sub\":\"s1\",\"exp\":1800000300,"
                "\"https://aws.amazon.com/source_identity\":\"alice\"," TAGS
                ":{\"principal_tags\":{\"team\":[\"pay\"]},\"transitive_tag_keys\":[\"team\"]}}");
        j = document();
        assert_string_equal(text(j, "identity"), "corp");
        assert_string_equal(text(j, "iss"), "https://a.example");
        assert_string_equal(text(j, "azp"), "v");
        assert_string_equal(text(j, "source_identity"), "alice");
        assert_int_equal(json_array_size(json_object_get(j, "aud")), 2);
        tag = json_array_get(json_object_get(j, "tags"), 0);
        assert_string_equal(text(tag, "key"), "team");
        assert_string_equal(text(tag, "value"), "pay");
        assert_true(json_is_true(json_object_get(tag, "transitive")));
        assert_true(json_is_null(json_object_get(j, "tags_refused")));
        assert_int_equal(json_integer_value(json_object_get(j, "token_bytes_max")), 20000);
        assert_true(json_integer_value(json_object_get(j, "token_bytes")) > 200);
        assert_int_equal(json_integer_value(json_object_get(j, "expires_at")), NOW + 300);
        assert_string_equal(text(json_object_get(j, "claims"), "sub"), "s1");
}

static void what_is_absent_is_null(void **state)
{
        cleanup_json json_t *j = NULL;

        (void)state;
        sign_in("{\"sub\":\"s1\"}");
        j = document();
        assert_true(json_is_null(json_object_get(j, "azp")));
        assert_true(json_is_null(json_object_get(j, "source_identity")));
        assert_int_equal(json_array_size(json_object_get(j, "tags")), 0);
}

static void tags_that_sts_would_refuse_are_said(void **state)
{
        cleanup_json json_t *j = NULL;

        (void)state;
        sign_in("{\"sub\":\"s1\"," TAGS ":{\"principal_tags\":{\"team\":[\"a\",\"b\"]}}}");
        j = document();
        assert_int_equal(json_array_size(json_object_get(j, "tags")), 0);
        assert_non_null(text(j, "tags_refused"));
}

static void nobody_and_nothing_that_can_be_read(void **state)
{
        cleanup_buf struct buf out = BUF_INIT(IDENTITY_CLAIMS_MAX);
        struct err err = ERR_INIT;

        (void)state;
        assert_int_equal(identity_claims_write(&out, k, &err), -ENOENT);
        assert_non_null(strstr(err.text, "valetkey login corp"));
        sign_in("this is no JSON");
        err_clear(&err);
        assert_int_equal(identity_claims_write(&out, k, &err), -EBADMSG);
        assert_non_null(strstr(err.text, "corp"));
        assert_int_equal(out.n, 0);
}

static void memory_that_runs_out_and_room_that_does(void **state)
{
        cleanup_buf struct buf out = BUF_INIT(IDENTITY_CLAIMS_MAX), small = BUF_INIT(64);
        struct err err = ERR_INIT;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        sign_in("{\"sub\":\"s1\"," TAGS ":{\"principal_tags\":{\"team\":[\"pay\"]}}}");
        assert_int_equal(identity_claims_write(&small, k, &err), -EMSGSIZE);
        FAULT_EACH(500, r = identity_claims_write(&out, k, &err))
        {
                assert_true(r == -ENOMEM);
                buf_deinit(&out);
                out = BUF_INIT(IDENTITY_CLAIMS_MAX);
                err_clear(&err);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 1); // jansson's own memory is not wrapped
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        what_sts_makes_of_it_stands_beside_the_claims, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_absent_is_null, setup, teardown),
                cmocka_unit_test_setup_teardown(tags_that_sts_would_refuse_are_said, setup, teardown),
                cmocka_unit_test_setup_teardown(nobody_and_nothing_that_can_be_read, setup, teardown),
                cmocka_unit_test_setup_teardown(memory_that_runs_out_and_room_that_does, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
