// SPDX-License-Identifier: Apache-2.0
//
// Which host a session's credentials go to, what goes there, and what of the answer is believed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "console.h"
#include "fault.h"

static void goes_to(const char *partition, const char *region, const char *endpoint, const char *home)
{
        cleanup_buf struct buf a = BUF_INIT(512), b = BUF_INIT(512);

        assert_int_equal(console_endpoint(&a, partition, region), endpoint ? 0 : -ENOENT);
        assert_int_equal(console_home(&b, partition, region), home ? 0 : -ENOENT);
        assert_string_equal(buf_str(&a), endpoint ? endpoint : "");
        assert_string_equal(buf_str(&b), home ? home : "");
}

static void hosts(void **state _unused_)
{
        goes_to("aws", "us-east-1", "https://signin.aws.amazon.com/federation",
                "https://console.aws.amazon.com/console/home?region=us-east-1");
        goes_to("aws", "eu-central-1", "https://eu-central-1.signin.aws.amazon.com/federation",
                "https://console.aws.amazon.com/console/home?region=eu-central-1");
        goes_to("aws", NULL, "https://signin.aws.amazon.com/federation", "https://console.aws.amazon.com/");
        goes_to("aws-us-gov", "us-gov-east-1", "https://us-gov-east-1.signin.amazonaws-us-gov.com/federation",
                "https://console.amazonaws-us-gov.com/console/home?region=us-gov-east-1");
        goes_to("aws-cn", "cn-north-1", "https://signin.amazonaws.cn/federation",
                "https://console.amazonaws.cn/console/home?region=cn-north-1");
        goes_to("aws-eusc", "eusc-de-east-1", "https://eusc-de-east-1.signin.amazonaws-eusc.eu/federation",
                "https://console.amazonaws-eusc.eu/console/home?region=eusc-de-east-1");
        // A region of another partition, or what is none, never becomes part of a host.
        goes_to("aws-cn", "us-east-1", "https://signin.amazonaws.cn/federation",
                "https://console.amazonaws.cn/");
        goes_to("aws", "evil.example/", "https://signin.aws.amazon.com/federation",
                "https://console.aws.amazon.com/");
        goes_to("aws-iso", "us-iso-east-1", NULL, NULL);
        goes_to("", NULL, NULL, NULL);
}

static void urls(void **state _unused_)
{
        cleanup_buf struct buf b = BUF_INIT(4096);
        cleanup_secret struct secret *key = NULL, *token = NULL;

        assert_int_equal(secret_new_str(&key, "a/b+c"), 0);
        assert_int_equal(secret_new_str(&token, "t=&\"x"), 0);
        assert_int_equal(
                console_token_url(&b, "https://signin.aws.amazon.com/federation", "ASIA", key, token), 0);
        assert_string_equal(buf_str(&b),
                "https://signin.aws.amazon.com/"
                "federation?Action=getSigninToken&Session=%7B%22sessionId%22%3A%22ASIA"
                "%22%2C%22sessionKey%22%3A%22a%2Fb%2Bc%22%2C%22sessionToken%22%3A%22t%3D%26%5C%22x%22%7D");
        buf_reset(&b);
        assert_int_equal(
                console_login_url(&b, "http://127.0.0.1:1/f?a=b", "https://x.example/?y=z&w", token), 0);
        assert_string_equal(buf_str(&b),
                "http://127.0.0.1:1/"
                "f?a=b&Action=login&Issuer=valetkey&Destination=https%3A%2F%2Fx.example%2F%3Fy%3Dz"
                "%26w&SigninToken=t%3D%26%22x");
}

static void answers(void **state _unused_)
{
        static const char *const bad[] = {"", "{}", "[]", "<html>", "{\"SigninToken\":\"\"}",
                "{\"SigninToken\":1}", "{\"SigninToken\":\"a\",\"SigninToken\":\"b\"}",
                "{\"SigninToken\":\"a\\u0000b\"}"};
        static const char good[] = "{\"SigninToken\":\"abc\",\"new\":[]}";
        struct secret *s = NULL;
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                if (console_token_parse(&s, bad[i], strlen(bad[i]), &err) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
                assert_true(err.text[0]);
        }
        FAULT_EACH(200, r = console_token_parse(&s, good, strlen(good), NULL))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_string_equal(secret_str(s), "abc");
        secret_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hosts),
                cmocka_unit_test(urls),
                cmocka_unit_test(answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
