// SPDX-License-Identifier: Apache-2.0
//
// Signing: AWS's documented S3 examples, the canonical pieces one by one, and what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "sigv4_canon.h"
#include "sigv4_world.h"

// The examples of the S3 API reference, "Signature calculations for the authorization header" and
// "Authenticating requests: using query parameters".
static void examples_of_the_s3_reference(void **state)
{
        static const struct {
                const char *method, *path, *query, *body, *signature;
                struct sigv4_header more[2];
                size_t n_more;
                unsigned flags;
                int64_t expires_s;
        } v[] = {
                {"GET", "/test.txt", NULL, "",
                        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                        {{"Range", "bytes=0-9"}}, 1, SIGV4_S3, 0},
                {"PUT", "/test$file.text", NULL, "Welcome to Amazon S3.",
                        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
                        {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                        2, SIGV4_S3, 0},
                {"GET", "/", "lifecycle", "",
                        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", {{0}}, 0,
                        SIGV4_S3, 0},
                {"GET", "/", "max-keys=2&prefix=J", "",
                        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", {{0}}, 0,
                        SIGV4_S3, 0},
                {"GET", "/test.txt", NULL, "",
                        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", {{0}}, 0,
                        SIGV4_UNSIGNED_PAYLOAD, 86400},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                cleanup_world struct world w;

                world_init(&w, NULL);
                w.cred.access_key_id = "AKIAIOSFODNN7EXAMPLE";
                secret_free(w.key);
                assert_int_equal(secret_new_str(&w.key, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), 0);
                w.cred.secret_access_key = w.key;
                w.q.n_headers = 0;
                world_header(&w, "Host", "examplebucket.s3.amazonaws.com");
                for (size_t k = 0; k < v[i].n_more; k++)
                        world_header(&w, v[i].more[k].name, v[i].more[k].value);
                w.q.method = v[i].method;
                w.q.path = v[i].path;
                w.q.query = v[i].query;
                w.q.body = v[i].body;
                w.q.body_len = strlen(v[i].body);
                w.params = (struct sigv4_params){"us-east-1", "s3", 1369353600, v[i].flags, v[i].expires_s};
                world_sign(&w);
                assert_string_equal(w.r.signature, v[i].signature);
                assert_int_equal(
                        sigv4_verify(&w.q, &w.cred, "us-east-1", "s3", 1369353600, v[i].flags, NULL), 0);
        }
}

// ---- the pieces ---------------------------------------------------------------------------------

static void paths(void **state)
{
        static const struct {
                const char *path, *normal, *twice, *s3; // NULL: refused
        } v[] = {
                {"", "/", "/", "/"},
                {"/", "/", "/", "/"},
                {"//", "/", "//", "//"},
                {"/a/b", "/a/b", "/a/b", "/a/b"},
                {"/a/b/", "/a/b/", "/a/b/", "/a/b/"},
                {"/a//b//", "/a/b/", "/a//b//", "/a//b//"},
                {"/a/./b", "/a/b", "/a/./b", "/a/./b"},
                {"/a/../b", "/b", "/a/../b", "/a/../b"},
                {"/a/b/..", "/a", "/a/b/..", "/a/b/.."},
                {"/a/b/../", "/a/", "/a/b/../", "/a/b/../"},
                {"/..", "/", "/..", "/.."},
                {"/../../a", "/a", "/../../a", "/../../a"},
                {"/...", "/...", "/...", "/..."},
                {"/.a/..b", "/.a/..b", "/.a/..b", "/.a/..b"},
                {"/a b", "/a%20b", "/a%20b", "/a%20b"},
                {"/a%20b", "/a%2520b", "/a%2520b", "/a%20b"},
                {"/a%2fb", "/a%252fb", "/a%252fb", "/a%2Fb"},
                {"/a+b", "/a%2Bb", "/a%2Bb", "/a%2Bb"},
                {"/~-._", "/~-._", "/~-._", "/~-._"},
                {"/\xe1\x88\xb4", "/%E1%88%B4", "/%E1%88%B4", "/%E1%88%B4"},
                {"/a\nb", "/a%0Ab", "/a%0Ab", "/a%0Ab"},
                {"/a%zz", "/a%25zz", "/a%25zz", NULL},
                {"/a%2", "/a%252", "/a%252", NULL},
                {"a", NULL, NULL, NULL},
                {"*", NULL, NULL, NULL},
                {"https://host/", NULL, NULL, NULL},
        };
        static const unsigned flags[] = {SIGV4_DEFAULT, SIGV4_DOUBLE_ENCODE, SIGV4_S3};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                const char *const want[] = {v[i].normal, v[i].twice, v[i].s3};

                for (size_t k = 0; k < ARRAY_SIZE(flags); k++) {
                        cleanup_buf struct buf b = BUF_INIT(1000);
                        int r = sigv4_canon_path(&b, v[i].path, flags[k]);

                        assert_int_equal(r, want[k] ? 0 : SIGV4_CANON_E_BAD);
                        if (want[k])
                                assert_string_equal(buf_str(&b), want[k]);
                }
        }
}

static void queries(void **state)
{
        static const struct {
                const char *query, *want; // NULL: refused
        } v[] = {
                {"", ""},
                {NULL, ""},
                {"a", "a="},
                {"a=", "a="},
                {"b=2&a=1", "a=1&b=2"},
                {"a=2&a=1", "a=1&a=2"},
                {"a=10&a=9", "a=10&a=9"},
                {"a-=1&a=2", "a=2&a-=1"}, // by name, not by the text "a-=1" against "a=2"
                {"B=1&a=2&A=3", "A=3&B=1&a=2"},
                {"a=b=c", "a=b%3Dc"},
                {"a=%2f&b=%2F", "a=%2F&b=%2F"},
                {"a=+&b=%20", "a=%2B&b=%20"},
                {"a=%e1%88%b4", "a=%E1%88%B4"},
                {"a=\xe1\x88\xb4", "a=%E1%88%B4"},
                {"a=~-._", "a=~-._"},
                {"%61=1", "a=1"},
                {"a=1&&b=2&", "a=1&b=2"},
                {"=1", "=1"},
                {"a=\x01\n", "a=%01%0A"},
                {"a=%", NULL},
                {"a=%1", NULL},
                {"a=%g0", NULL},
                {"%=1", NULL},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                cleanup_buf struct buf b = BUF_INIT(1000);
                int r = sigv4_canon_query(&b, v[i].query, NULL, 0, NULL, NULL);

                assert_int_equal(r, v[i].want ? 0 : SIGV4_CANON_E_BAD);
                if (v[i].want)
                        assert_string_equal(buf_str(&b), v[i].want);
        }
}

static void canonical_headers(const struct sigv4_header *h, size_t n, const char *only, int want,
        const char *lines, const char *names)
{
        cleanup_buf struct buf l = BUF_INIT(10000), m = BUF_INIT(10000);
        struct sigv4_request q = {.headers = h, .n_headers = n};
        int r = sigv4_canon_headers(&l, &m, &q, NULL, 0, only, NULL);

        assert_int_equal(r, want);
        if (r == 0) {
                assert_string_equal(buf_str(&l), lines);
                assert_string_equal(buf_str(&m), names);
        }
}

static void headers(void **state)
{
        static const struct sigv4_header h[] = {{"X-B", "  two \t words  "}, {"host", "h"}, {"x-b", ""},
                {"X-b", "third"}, {"X-A", "\"a   b\""}, {"Authorization", "x"}, {"User-Agent", "x"},
                {"Expect", "x"}, {"Transfer-Encoding", "x"}, {"X-Amzn-Trace-Id", "x"}, {"Connection", "x"},
                {"X-A-B", "\xc3\xa9"}};

        (void)state;
        canonical_headers(h, ARRAY_SIZE(h), NULL, 0,
                "host:h\nx-a:\"a b\"\nx-a-b:\xc3\xa9\nx-b:two words,,third\n", "host;x-a;x-a-b;x-b");
        canonical_headers(h, ARRAY_SIZE(h), "host", 0, "host:h\n", "host");
        canonical_headers(
                h, ARRAY_SIZE(h), "host;user-agent", 0, "host:h\nuser-agent:x\n", "host;user-agent");
        canonical_headers(h, ARRAY_SIZE(h), "host;nope", SIGV4_CANON_E_ABSENT, NULL, NULL);
        canonical_headers(h, ARRAY_SIZE(h), "a;host", SIGV4_CANON_E_ABSENT, NULL, NULL);
        canonical_headers(h, ARRAY_SIZE(h), "host;x-a-;x-b", SIGV4_CANON_E_ABSENT, NULL, NULL);
        canonical_headers(h, ARRAY_SIZE(h), "host;zz", SIGV4_CANON_E_ABSENT, NULL, NULL);
        canonical_headers(h, 0, "host", SIGV4_CANON_E_ABSENT, NULL, NULL);
        canonical_headers(h, 0, NULL, 0, "", "");
}

static void headers_that_could_be_two_are_refused(void **state)
{
        static const struct sigv4_header bad[] = {{"x", "a\nb"}, {"x", "a\r\nHost: b"}, {"x", "a\rb"},
                {"x", "\x7f"}, {"x", "a\x01"}, {"x\n", "a"}, {"x y", "a"}, {"x:y", "a"}, {"", "a"},
                {"x;y", "a"}, {"x\xc3\xa9", "a"}, {"x,y", "a"}, {NULL, "a"}, {"x", NULL}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                canonical_headers(&bad[i], 1, NULL, SIGV4_CANON_E_BAD, NULL, NULL);
}

// ---- what is not signed -------------------------------------------------------------------------

static int sign_with(const char *name, const char *value)
{
        cleanup_world struct world w;
        struct err err = ERR_INIT;
        int r;

        world_init(&w, NULL);
        world_header(&w, name, value);
        r = world_sign_only(&w, &err);
        assert_true((r == -EINVAL) == (err.text[0] != 0));
        return r;
}

static void requests_that_are_not_signed(void **state)
{
        static const char *const methods[] = {"", "GET\n", "GET /", "G\xc3\xa9T", NULL};

        (void)state;
        assert_int_equal(sign_with("X-My", "ok"), 0);
        assert_int_equal(sign_with("X-Amz-Date", "20150830T123600Z"), -EINVAL);
        assert_int_equal(sign_with("x-amz-security-token", "t"), -EINVAL);
        assert_int_equal(sign_with("X-AMZ-CONTENT-SHA256", "t"), -EINVAL);
        assert_int_equal(sign_with("authorization", "t"), -EINVAL);
        assert_int_equal(sign_with("host", "another"), -EINVAL);
        assert_int_equal(sign_with("x", "a\nb"), -EINVAL);
        for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
                cleanup_world struct world w;

                world_init(&w, NULL);
                w.q.method = methods[i];
                assert_int_equal(world_sign_only(&w, NULL), -EINVAL);
        }
}

static void parameters_that_are_not_signed(void **state)
{
        static const struct {
                const char *key, *region, *service, *token, *query, *path;
                int64_t expires_s;
        } v[] = {
                {"AK/ID", "r", "s", NULL, NULL, "/", 0},
                {"", "r", "s", NULL, NULL, "/", 0},
                {"AKID", "us east", "s", NULL, NULL, "/", 0},
                {"AKID", "", "s", NULL, NULL, "/", 0},
                {"AKID", "r", "s/x", NULL, NULL, "/", 0},
                {"AKID", "r\n", "s", NULL, NULL, "/", 0},
                {"AKID", "r", "s", "to\nken", NULL, "/", 0},
                {"AKID", "r", "s", "to ken", NULL, "/", 0},
                {"AKID", "r", "s", "", NULL, "/", 0},
                {"AKID", "r", "s", NULL, "a=%", "/", 0},
                {"AKID", "r", "s", NULL, NULL, "no-slash", 0},
                {"AKID", "r", "s", NULL, NULL, "/", -1},
                {"AKID", "r", "s", NULL, NULL, "/", 604801},
                {"AKID", "r", "s", NULL, "X-Amz-Date=1", "/", 60},
                {"AKID", "r", "s", NULL, "a=1&X%2DAmz-Signature=1", "/", 60},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                cleanup_world struct world w;
                struct err err = ERR_INIT;

                world_init(&w, v[i].token);
                w.cred.access_key_id = v[i].key;
                w.q.query = v[i].query;
                w.q.path = v[i].path;
                w.params = (struct sigv4_params){
                        v[i].region, v[i].service, WORLD_NOW, SIGV4_DEFAULT, v[i].expires_s};
                assert_int_equal(world_sign_only(&w, &err), -EINVAL);
                assert_non_null(strstr(err.text, "cannot be signed"));
                assert_null(strstr(err.text, "to"
                                             "\nken"));
        }
}

static void sizes_are_bounded(void **state)
{
        cleanup_world struct world w;
        cleanup_buf struct buf many = BUF_INIT(1u << 20);

        (void)state;
        world_init(&w, NULL);
        while (w.q.n_headers <= SIGV4_HEADERS_MAX)
                world_header(&w, "X-Many", "v");
        assert_int_equal(world_sign_only(&w, NULL), -E2BIG);
        sigv4_result_deinit(&w.r);
        w.q.n_headers = 2;
        for (int i = 0; i <= SIGV4_PARAMS_MAX; i++)
                buf_append_str(&many, "a=1&");
        w.q.query = buf_str(&many);
        assert_int_equal(world_sign_only(&w, NULL), -E2BIG);
}

static void the_flags_say_what_is_added(void **state)
{
        cleanup_world struct world w;

        (void)state;
        world_init(&w, "token");
        assert_int_equal(world_sign_only(&w, NULL), 0);
        assert_string_equal(w.r.content_sha256, "");
        assert_string_equal(w.r.amz_date, "20150830T123600Z");
        assert_non_null(strstr(buf_str(&w.r.authorization),
                "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,"));
        sigv4_result_deinit(&w.r);
        w.params.flags |= SIGV4_TOKEN_AFTER_SIGNING | SIGV4_SIGN_BODY;
        assert_int_equal(world_sign_only(&w, NULL), 0);
        assert_non_null(strstr(buf_str(&w.r.authorization),
                "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,"));
        assert_string_equal(
                w.r.content_sha256, "b4b2eab8379f56ae8a4197079d53323c1523a50007a3c9b1cb4dccb185d6e267");
        sigv4_result_deinit(&w.r);
        w.params.flags = SIGV4_UNSIGNED_PAYLOAD;
        assert_int_equal(world_sign_only(&w, NULL), 0);
        assert_string_equal(w.r.content_sha256, "UNSIGNED-PAYLOAD");
}

// ---- memory -------------------------------------------------------------------------------------

static void every_allocation_may_fail(void **state)
{
        (void)state;
        for (int query = 0; query < 2; query++) {
                cleanup_world struct world w;
                unsigned failed = 0;
                int r = 0;

                world_init(&w, "token");
                w.params.expires_s = query ? 60 : 0;
                w.q.query = "b=%32&a=1";
                FAULT_EACH(500, (sigv4_result_deinit(&w.r), r = world_sign_only(&w, NULL)))
                {
                        assert_int_equal(r, -ENOMEM);
                        failed++;
                }
                assert_int_equal(r, 0);
                assert_true(failed >= 15);
        }
}

struct hunt {
        unsigned blocks, dirty;
};

static void watch(const void *p, size_t n, void *arg)
{
        struct hunt *h = arg;

        h->blocks++;
        h->dirty += memmem(p, n, "EXAMPLEKEY", 10) != NULL || memmem(p, n, "session-token-value", 19) != NULL;
}

// Neither the key nor the token is in any block that is freed.
static void nothing_secret_is_freed_unwiped(void **state)
{
        struct hunt h = {0};
        struct world w;

        (void)state;
        world_init(&w, "session-token-value");
        fault_watch_free(watch, &h);
        for (int query = 0; query < 2; query++) {
                w.params.expires_s = query ? 60 : 0;
                assert_int_equal(world_sign_only(&w, NULL), 0);
                sigv4_result_deinit(&w.r);
        }
        world_sign(&w);
        assert_int_equal(world_verify(&w), 0);
        world_deinit(&w);
        fault_watch_free(NULL, NULL);
        assert_true(h.blocks > 20);
        assert_int_equal(h.dirty, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(examples_of_the_s3_reference),
                cmocka_unit_test(paths),
                cmocka_unit_test(queries),
                cmocka_unit_test(headers),
                cmocka_unit_test(headers_that_could_be_two_are_refused),
                cmocka_unit_test(requests_that_are_not_signed),
                cmocka_unit_test(parameters_that_are_not_signed),
                cmocka_unit_test(sizes_are_bounded),
                cmocka_unit_test(the_flags_say_what_is_added),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(nothing_secret_is_freed_unwiped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
