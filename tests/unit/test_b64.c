// SPDX-License-Identifier: Apache-2.0
//
// base64url, random bytes, and the PKCE pair made of both.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "b64.h"
#include "fault.h"
#include "pkce.h"
#include "random.h"

#include <openssl/evp.h>

static void decode_is(const char *text, int want, const char *bytes, size_t n)
{
        cleanup_buf struct buf b = BUF_INIT(4096);

        assert_int_equal(b64url_decode(&b, text, strlen(text)), want);
        assert_int_equal(b.n, n);
        if (n)
                assert_memory_equal(b.p, bytes, n);
}

static void vectors_of_rfc4648(void **state)
{
        static const struct {
                const char *bytes, *text;
        } v[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"},
                {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xef\xfe", "_-_-"}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                cleanup_buf struct buf b = BUF_INIT(4096);

                assert_int_equal(b64url_encode(&b, v[i].bytes, strlen(v[i].bytes)), 0);
                assert_string_equal(buf_str(&b), v[i].text);
                decode_is(v[i].text, 0, v[i].bytes, strlen(v[i].bytes));
        }
}

static void the_other_alphabet(void **state)
{
        static const struct {
                const char *bytes, *text;
        } v[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"},
                {"\xff\xef\xfe", "/+/+"}};
        static const char *const bad[] = {"Zg",
                "Zg=", "Zg===", "Z===", "====", "Zm9v=", "Zh==", "Zm9=", "_-_-", "Zm9v\n", "Zm 9",
                "Z=g=", "=Zm9"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                cleanup_buf struct buf b = BUF_INIT(100), back = BUF_INIT(100);

                assert_int_equal(b64_encode(&b, v[i].bytes, strlen(v[i].bytes)), 0);
                assert_string_equal(buf_str(&b), v[i].text);
                assert_int_equal(b64_decode(&back, buf_str(&b), b.n), 0);
                assert_string_equal(buf_str(&back), v[i].bytes);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                cleanup_buf struct buf b = BUF_INIT(100);

                if (b64_decode(&b, bad[i], strlen(bad[i])) != -EBADMSG)
                        fail_msg("%s", bad[i]);
        }
}

static void nothing_but_the_canonical_text_is_read(void **state)
{
        static const char *const bad[] = {"Zg==", "Zg=", "Z", "Zm9vY", "Zm9v\n", "Zm 9v", "Zm+v", "Zm/v",
                "Zh", "Zm9", "Z\x80", "Zm9v.", " Zm9v", "Zm9vYmF=", "===="};
        char nul[] = {'Z', 0, '9', 'v'};
        struct buf b = BUF_INIT(100);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                decode_is(bad[i], -EBADMSG, "", 0);
        assert_int_equal(b64url_decode(&b, nul, sizeof nul), -EBADMSG);
        buf_deinit(&b);
}

// What was decoded before a fault is cleared, and the buffer keeps what it had.
static void a_bad_text_leaves_the_buffer_as_it_was(void **state)
{
        struct buf b = BUF_INIT(100);

        (void)state;
        assert_int_equal(buf_append_str(&b, "head"), 0);
        assert_int_equal(b64url_decode(&b, "c2VjcmV0!AAA", 12), -EBADMSG);
        assert_int_equal(b.n, 4);
        for (size_t i = 4; i < 4 + 9; i++)
                assert_int_equal(b.p[i], 0);
        assert_int_equal(b64url_decode(&b, "Zm9v", 4), 0);
        assert_string_equal(buf_str(&b), "headfoo");
        buf_deinit(&b);
}

// Against OpenSSL's own base64, every length up to 100.
static void agrees_with_openssl(void **state)
{
        unsigned char raw[100], text[200];

        (void)state;
        assert_int_equal(random_bytes(raw, sizeof raw), 0);
        for (int n = 0; n <= (int)sizeof raw; n++) {
                cleanup_buf struct buf e = BUF_INIT(4096), d = BUF_INIT(4096);
                int len = EVP_EncodeBlock(text, raw, n);

                while (len > 0 && text[len - 1] == '=')
                        len--;
                for (int i = 0; i < len; i++)
                        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
                assert_int_equal(b64url_encode(&e, raw, (size_t)n), 0);
                assert_int_equal(e.n, len);
                assert_memory_equal(buf_str(&e), text, (size_t)len);
                assert_int_equal(b64url_decode(&d, buf_str(&e), e.n), 0);
                assert_int_equal(d.n, n);
                assert_memory_equal(buf_str(&d), raw, (size_t)n);
        }
}

static void buffers_end(void **state)
{
        struct buf b = BUF_INIT(5);

        (void)state;
        assert_int_equal(b64url_encode(&b, "foob", 4), -EMSGSIZE);
        buf_reset(&b);
        assert_int_equal(b64url_decode(&b, "Zm9vYmFy", 8), -EMSGSIZE);
        buf_deinit(&b);
}

static void hex_digits(void **state)
{
        char a[2 * 16 + 1], b[2 * 16 + 1], one[3], none[1] = {'x'};

        (void)state;
        assert_int_equal(random_hex(a, 16), 0);
        assert_int_equal(random_hex(b, 16), 0);
        assert_int_equal(strlen(a), 32);
        assert_int_equal(strspn(a, "0123456789abcdef"), 32);
        assert_string_not_equal(a, b);
        assert_int_equal(random_hex(one, 1), 0);
        assert_int_equal(strlen(one), 2);
        assert_int_equal(random_hex(none, 0), 0);
        assert_string_equal(none, "");
}

static void pkce_of_rfc7636(void **state)
{
        char challenge[PKCE_CHALLENGE_LEN + 1];
        cleanup_secret struct secret *v = NULL;

        (void)state;
        assert_int_equal(secret_new_str(&v, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), 0);
        assert_int_equal(pkce_challenge(challenge, v), 0);
        assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void pkce_verifiers_are_new_and_legal(void **state)
{
        cleanup_secret struct secret *a = NULL, *b = NULL, *brief = NULL;
        char challenge[PKCE_CHALLENGE_LEN + 1];

        (void)state;
        assert_int_equal(pkce_new_verifier(&a), 0);
        assert_int_equal(pkce_new_verifier(&b), 0);
        assert_int_equal(secret_len(a), 43);
        assert_int_equal(
                strspn(secret_str(a), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                43);
        assert_false(secret_eq(a, b));
        assert_int_equal(pkce_challenge(challenge, a), 0);
        assert_int_equal(secret_new_str(&brief, "short"), 0);
        assert_int_equal(pkce_challenge(challenge, brief), -EINVAL);
        assert_int_equal(pkce_challenge(challenge, NULL), -EINVAL);
}

static void every_allocation_may_fail(void **state)
{
        struct secret *v = NULL;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(50, r = pkce_new_verifier(&v))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(v);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 2);
        secret_free(v);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(vectors_of_rfc4648),
                cmocka_unit_test(the_other_alphabet),
                cmocka_unit_test(nothing_but_the_canonical_text_is_read),
                cmocka_unit_test(a_bad_text_leaves_the_buffer_as_it_was),
                cmocka_unit_test(agrees_with_openssl),
                cmocka_unit_test(buffers_end),
                cmocka_unit_test(hex_digits),
                cmocka_unit_test(pkce_of_rfc7636),
                cmocka_unit_test(pkce_verifiers_are_new_and_legal),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
