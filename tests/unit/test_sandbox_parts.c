// SPDX-License-Identifier: Apache-2.0
//
// The sandbox's parts by themselves: which fault switch applies, the directory and the tags of a token when
// memory runs out, keys and signatures.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "buf.h"
#include "dir.h"
#include "fault.h"
#include "faults.h"
#include "jwt.h"
#include "keyring.h"
#include "sts_internal.h"

#define ISSUER "127.0.0.1:1/oidc"

// ---- fault switches -------------------------------------------------------------------------------------------------

static struct faults *with(const char *const *set)
{
        struct faults *f = NULL;
        struct err err = ERR_INIT;

        assert_int_equal(faults_new(&f), 0);
        for (; *set; set++)
                if (faults_set(f, *set, &err) < 0)
                        fail_msg("%s: %s", *set, err.text);
        return f;
}

static void switch_without_target_is_for_all(void **state)
{
        struct faults *f = with((const char *const[]){"5xx", NULL});

        (void)state;
        assert_true(faults_take(f, FAULTS_5XX, "sts", "AssumeRole"));
        assert_true(faults_take(f, FAULTS_5XX, "oidc", "jwks"));
        assert_false(faults_take(f, FAULTS_DROP, "oidc", "jwks"));
        faults_free(f);
}

static void counted_switch_strikes_so_often_and_is_gone(void **state)
{
        struct faults *f = with((const char *const[]){"sts.drop=2", NULL});

        (void)state;
        assert_false(faults_take(f, FAULTS_DROP, "oidc", "jwks"));
        assert_true(faults_take(f, FAULTS_DROP, "sts", "AssumeRole"));
        assert_true(faults_take(f, FAULTS_DROP, "sts", "AssumeRole"));
        assert_false(faults_take(f, FAULTS_DROP, "sts", "AssumeRole"));
        assert_int_equal(faults_clear(f, "sts.drop"), -ENOENT);
        faults_free(f);
}

static void narrower_target_goes_first(void **state)
{
        struct faults *f =
                with((const char *const[]){"delay=1", "sts.delay=2", "token.refresh.delay=3", NULL});

        (void)state;
        assert_int_equal(faults_value(f, FAULTS_DELAY, "oidc", "token.refresh", 0), 3);
        assert_int_equal(faults_value(f, FAULTS_DELAY, "sts", "AssumeRole", 0), 2);
        assert_int_equal(faults_value(f, FAULTS_DELAY, "oidc", "jwks", 0), 1);
        assert_int_equal(faults_value(f, FAULTS_TRICKLE, "oidc", "jwks", 7), 7);
        assert_int_equal(faults_clear(f, "delay"), 0);
        assert_int_equal(faults_value(f, FAULTS_DELAY, "oidc", "jwks", 0), 0);
        faults_free(f);
}

static void zero_and_negative_numbers_count(void **state)
{
        struct faults *f = with((const char *const[]){"interval=0", "clock_skew=-5", NULL});

        (void)state;
        assert_int_equal(faults_value(f, FAULTS_INTERVAL, "oidc", "x", 9), 0);
        assert_int_equal(faults_value(f, FAULTS_CLOCK_SKEW, "oidc", "x", 9), -5);
        faults_free(f);
}

// ---- the directory --------------------------------------------------------------------------------------------------

static void example_path(char *dst, size_t n)
{
        const char *top = getenv("VALETKEY_TOP");

        snprintf(dst, n, "%s/sandbox/example", top ? top : ".");
}

static void example_is_whole(void **state)
{
        char path[1024];
        struct dir *d = NULL;
        struct err err = ERR_INIT;

        (void)state;
        example_path(path, sizeof path);
        if (dir_load(&d, path, ISSUER, &err) < 0)
                fail_msg("%s", err.text);
        assert_string_equal(dir_find_user(d, "alice")->sub, "alice-7f3a");
        assert_ptr_equal(dir_find_subject(d, "bob-19c4"), dir_find_user(d, "bob"));
        assert_null(dir_find_user(d, "mallory"));
        assert_string_equal(dir_find_client(d, "valetkey-es")->alg, "ES256");
        assert_non_null(dir_find_provider(d, "123456789012", "http://" ISSUER));
        assert_null(dir_find_provider(d, "999988887777", "http://" ISSUER));
        assert_int_equal(dir_find_role(d, "arn:aws:iam::123456789012:role/dev")->max_duration_s, 43200);
        assert_null(dir_find_role(d, "arn:aws:iam::123456789012:role/de"));
        dir_free(d);
}

static int load(const char *path)
{
        struct dir *d = NULL;
        int r = dir_load(&d, path, ISSUER, NULL);

        dir_free(d);
        return r;
}

static void directory_survives_memory_that_runs_out(void **state)
{
        char path[1024];
        int r = 0;

        (void)state;
        example_path(path, sizeof path);
        FAULT_EACH(2000, r = load(path))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(load(path), 0);
}

// ---- tags of a token ------------------------------------------------------------------------------------------------

static int read_tags(const json_t *claims)
{
        struct sts_tags t = {0};
        int r = sts_tags_of_token(&t, claims, NULL);

        if (r == 0) {
                assert_int_equal(t.n, 2);
                assert_string_equal(sts_tags_find(&t, "TEAM")->value, "blue");
                assert_true(sts_tags_find(&t, "team")->transitive);
                assert_false(sts_tags_find(&t, "cost")->transitive);
        }
        sts_tags_deinit(&t);
        return r;
}

static void tags_survive_memory_that_runs_out(void **state)
{
        json_t *claims = json_pack("{s:{s:{s:[s]}, s:[s]}, s:s}", "https://aws.amazon.com/tags",
                "principal_tags", "team", "blue", "transitive_tag_keys", "team",
                "https://aws.amazon.com/tags/principal_tags/cost", "4711");
        int r = 0;

        (void)state;
        FAULT_EACH(50, r = read_tags(claims))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(read_tags(claims), 0);
        json_decref(claims);
}

// ---- keys -----------------------------------------------------------------------------------------------------------

static int verify(const struct keyring *k, const struct buf *token)
{
        struct jwt_expect expect = {.issuer = "https://i", .client_id = "c", .now_s = 1000};
        struct jwt_claims claims = {0};
        struct jwks *keys = NULL;
        json_t *doc = NULL;
        char *text;
        int r;

        assert_int_equal(keyring_jwks(k, 0, &doc), 0);
        text = json_dumps(doc, 0);
        assert_int_equal(jwks_parse(&keys, text, strlen(text), NULL), 0);
        r = jwt_verify(&claims, buf_str(token), token->n, keys, &expect, NULL);
        jwt_claims_deinit(&claims);
        jwks_free(keys);
        json_decref(doc);
        free(text);
        return r;
}

static void tokens_of_rotated_keys_verify_until_forgotten(void **state)
{
        static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256", "ES256"};
        json_t *claims = json_pack("{s:s, s:s, s:s, s:i, s:i}", "iss", "https://i", "aud", "c", "sub", "s",
                "iat", 990, "exp", 1100);
        struct keyring *k = NULL;

        (void)state;
        assert_int_equal(keyring_new(&k), 0);
        for (size_t i = 0; i < ARRAY_SIZE(algs); i++) {
                cleanup_buf struct buf good = BUF_INIT(8192), broken = BUF_INIT(8192),
                                       strange = BUF_INIT(8192), none = BUF_INIT(8192);

                assert_int_equal(keyring_sign(k, algs[i], claims, 0, &good), 0);
                assert_int_equal(keyring_sign(k, algs[i], claims, KEYRING_BREAK_SIGNATURE, &broken), 0);
                assert_int_equal(keyring_sign(k, algs[i], claims, KEYRING_UNPUBLISHED, &strange), 0);
                assert_int_equal(keyring_sign(k, algs[i], claims, KEYRING_NONE, &none), 0);
                assert_int_equal(verify(k, &good), 0);
                assert_int_equal(verify(k, &broken), JWT_E_SIGNATURE);
                assert_int_equal(verify(k, &strange), JWT_E_SIGNATURE);
                assert_int_not_equal(verify(k, &none), 0);
                assert_int_equal(keyring_rotate(k, /* forget= */ false), 0);
                assert_int_equal(verify(k, &good), 0);
                assert_int_equal(keyring_rotate(k, /* forget= */ true), 0);
                assert_int_equal(verify(k, &good), JWT_E_NO_KEY);
        }
        keyring_free(k);
        json_decref(claims);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(switch_without_target_is_for_all),
                cmocka_unit_test(counted_switch_strikes_so_often_and_is_gone),
                cmocka_unit_test(narrower_target_goes_first),
                cmocka_unit_test(zero_and_negative_numbers_count),
                cmocka_unit_test(example_is_whole),
                cmocka_unit_test(directory_survives_memory_that_runs_out),
                cmocka_unit_test(tags_survive_memory_that_runs_out),
                cmocka_unit_test(tokens_of_rotated_keys_verify_until_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
