// SPDX-License-Identifier: Apache-2.0
//
// Form encoding and the URL rules: what is sent is what the other side decodes, and nothing is called that
// two readers could take for two hosts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "form.h"

static void encodes_all_but_the_unreserved(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(4096);

        (void)state;
        assert_int_equal(form_encode(&b, "AZaz09-._~", 10), 0);
        assert_string_equal(buf_str(&b), "AZaz09-._~");
        buf_reset(&b);
        assert_int_equal(form_encode(&b, " +&=%/\0\xff", 8), 0);
        assert_string_equal(buf_str(&b), "%20%2B%26%3D%25%2F%00%FF");
}

static void adds_pairs(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(64);

        (void)state;
        assert_int_equal(form_add(&b, "a", "1"), 0);
        assert_int_equal(form_add(&b, "absent", NULL), 0);
        assert_int_equal(form_add(&b, "b c", ""), 0);
        assert_int_equal(form_add_n(&b, "d", "x\0y", 3), 0);
        assert_string_equal(buf_str(&b), "a=1&b%20c=&d=x%00y");
        for (int i = 0; i < 20; i++)
                form_add(&b, "much", "more");
        assert_int_equal(buf_error(&b), -EMSGSIZE);
}

static int collect(const char *key, const char *value, size_t n, void *arg)
{
        struct buf *out = arg;

        assert_int_equal(strlen(value), n);
        buf_printf(out, "[%s|%s]", key, value);
        return strcmp(key, "stop") == 0 ? 42 : 0;
}

static int walk(const char *s, struct buf *out)
{
        buf_reset(out);
        return form_walk(s, strlen(s), collect, out);
}

static void walks_pairs(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(4096);

        (void)state;
        assert_int_equal(walk("a=b+c&&d&=e&f=%3d%3D=", &b), 0);
        assert_string_equal(buf_str(&b), "[a|b c][d|][|e][f|===]");
        assert_int_equal(walk("", &b), 0);
        assert_int_equal(walk("a=1&stop=&b=2", &b), 42);
        assert_string_equal(buf_str(&b), "[a|1][stop|]");
}

static void refuses_broken_escapes_and_nul(void **state)
{
        static const char *const bad[] = {
                "a=%", "a=%4", "a=%4&b=1", "a=%zz", "a=%0", "%=a", "a=%00", "%00=a", "a=1&b=%-1"};
        cleanup_buf struct buf b = BUF_INIT(4096);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(walk(bad[i], &b), -EBADMSG);
        assert_int_equal(form_walk("a=x\0y", 5, collect, &b), -EBADMSG);
}

static void every_allocation_of_a_walk_may_fail(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(4096);
        unsigned failed = 0;
        int r = 0;

        (void)state;
        buf_append_str(&b, "room that is there before the faults begin, so that collecting needs none");
        FAULT_EACH(50, r = walk("key=value&k=v", &b))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 2);
}

static void what_is_encoded_decodes_to_itself(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(4096), out = BUF_INIT(4096);
        char all[256];

        (void)state;
        for (int c = 1; c < 256; c++)
                all[c - 1] = (char)c;
        all[255] = 0;
        form_add(&b, "k", all);
        assert_int_equal(form_walk(buf_str(&b), b.n, collect, &out), 0);
        buf_reset(&b);
        buf_printf(&b, "[k|%s]", all);
        assert_string_equal(buf_str(&out), buf_str(&b));
}

static void splits_urls(void **state)
{
        struct url u;

        (void)state;
        assert_int_equal(url_parse(&u, "HTTPS://Login.Example.COM:8443/a/b?c#d", NULL), 0);
        assert_string_equal(u.scheme, "https");
        assert_string_equal(u.host, "login.example.com");
        assert_int_equal(u.port, 8443);
        assert_string_equal(u.path, "/a/b?c#d");
        assert_false(u.ipv6);
        assert_int_equal(url_parse(&u, "http://[2001:DB8::1]", NULL), 0);
        assert_string_equal(u.host, "2001:DB8::1");
        assert_true(u.ipv6);
        assert_int_equal(u.port, 80);
        assert_string_equal(u.path, "");
        assert_int_equal(url_parse(&u, "https://a?b@c", NULL), 0); // the @ is in the query
        assert_string_equal(u.path, "?b@c");
        assert_int_equal(u.port, 443);
}

static void refuses_urls_that_could_be_misread(void **state)
{
        static const char *const bad[] = {"", "https:", "https://", "https:///p", "ftp://a/", "//a",
                "a.example", "https://user@host/", "https://user:pw@host/", "https://a b/", "https://a/\tb",
                "https://a/\n", "https://a\\@b/", "https://a/\\b", "https://\xc3\xbc.example/",
                "https://a%2eb/", "https://a:/", "https://a:0/", "https://a:65536/", "https://a:123456/",
                "https://a:8x/", "https://a:-1/", "https://[::1/", "https://[]/", "https://[::1]x/",
                "https://[fe80::1%25eth0]/", "https://[1.2.3.4]/", "https://.a/", "https://a..b/",
                "https://a/\"", "https://a/<", "https://a/\x7f", "https://:80/"};
        struct url u = {.port = 7};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                if (url_parse(&u, bad[i], &err) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
                assert_true(err.text[0]);
                assert_int_equal(u.port, 7);
        }
}

static void bounds_urls(void **state)
{
        char s[3000];
        struct url u;

        (void)state;
        memset(s, 'a', sizeof s);
        memcpy(s, "https://", 8);
        s[8 + 255] = 0;
        assert_int_equal(url_parse(&u, s, NULL), 0);
        assert_int_equal(strlen(u.host), 255);
        s[8 + 255] = 'a';
        s[8 + 256] = 0;
        assert_int_equal(url_parse(&u, s, NULL), -EBADMSG);
        memset(s + 8, 'a', sizeof s - 8);
        s[9] = '/';
        s[2048] = 0;
        assert_int_equal(url_parse(&u, s, NULL), 0);
        s[2048] = 'a';
        s[2049] = 0;
        assert_int_equal(url_parse(&u, s, NULL), -EBADMSG);
}

static void calls_http_on_loopback_only(void **state)
{
        static const char *const yes[] = {"https://example.com", "https://10.0.0.1/", "http://127.0.0.1:80/x",
                "http://127.255.0.9", "http://[::1]:9/", "http://localhost/", "http://LOCALHOST"};
        static const char *const no[] = {"http://example.com", "http://128.0.0.1", "http://127.1",
                "http://0x7f.0.0.1", "http://2130706433", "http://127.0.0.1.example.com",
                "http://localhost.example.com", "http://localhost.", "http://[::]", "http://[::2]",
                "http://[::ffff:127.0.0.1]", "http://0.0.0.0", "http://0177.0.0.1"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
                assert_int_equal(url_check_callable(yes[i], NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
                struct err err = ERR_INIT;

                if (url_check_callable(no[i], &err) != -EPERM)
                        fail_msg("taken: %s", no[i]);
                assert_non_null(strstr(err.text, "loopback"));
                assert_false(url_is_loopback(no[i]));
        }
        assert_int_equal(url_check_callable("gopher://127.0.0.1/", NULL), -EBADMSG);
        assert_true(url_is_loopback("https://127.0.0.1/"));
        assert_false(url_is_loopback("https://example.com/"));
        assert_false(url_is_loopback("127.0.0.1"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(encodes_all_but_the_unreserved),
                cmocka_unit_test(adds_pairs),
                cmocka_unit_test(walks_pairs),
                cmocka_unit_test(refuses_broken_escapes_and_nul),
                cmocka_unit_test(every_allocation_of_a_walk_may_fail),
                cmocka_unit_test(what_is_encoded_decodes_to_itself),
                cmocka_unit_test(splits_urls),
                cmocka_unit_test(refuses_urls_that_could_be_misread),
                cmocka_unit_test(bounds_urls),
                cmocka_unit_test(calls_http_on_loopback_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
