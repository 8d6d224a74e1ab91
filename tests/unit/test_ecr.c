// SPDX-License-Identifier: Apache-2.0
//
// Names of registries, and their answers: Amazon's own in full, everything that only looks like it refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ecr.h"
#include "fault.h"

static void names(void **state)
{
        static const struct {
                const char *server, *account, *region, *endpoint;
        } rows[] = {
                {"123456789012.dkr.ecr.eu-central-1.amazonaws.com", "123456789012", "eu-central-1",
                        "https://api.ecr.eu-central-1.amazonaws.com"},
                {"https://123456789012.DKR.ecr.us-gov-west-1.amazonaws.com:443/v2/x?y", "123456789012",
                        "us-gov-west-1", "https://api.ecr.us-gov-west-1.amazonaws.com"},
                {"123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "123456789012", "us-east-1",
                        "https://ecr-fips.us-east-1.amazonaws.com"},
                {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "123456789012", "cn-north-1",
                        "https://api.ecr.cn-north-1.amazonaws.com.cn"},
                {"123456789012.dkr-ecr.eu-west-1.on.aws", "123456789012", "eu-west-1",
                        "https://api.ecr.eu-west-1.amazonaws.com"},
                {"public.ecr.aws", "", "us-east-1", "https://api.ecr-public.us-east-1.amazonaws.com"},
        };
        static const char *const bad[] = {"", "https://", "docker.io", "dkr.ecr.eu-west-1.amazonaws.com",
                "123456789012.dkr.ecr.amazonaws.com", "123456789012.dkr.ecr..amazonaws.com",
                "123456789012.dkr.ecr.eu-west-1", "123456789012.dkr.ecr.eu-west-1.",
                "1234567890123.dkr.ecr.eu-west-1.amazonaws.com",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil",
                "123456789012.dkr-ecr.eu-west-1.amazonaws.com",
                "http://123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "123456789012xdkr.ecr.eu-west-1.amazonaws.com"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct ecr_registry r;

                if (ecr_registry_parse(&r, rows[i].server) != 0)
                        fail_msg("%s", rows[i].server);
                assert_string_equal(r.account, rows[i].account);
                assert_string_equal(r.region, rows[i].region);
                assert_string_equal(r.endpoint, rows[i].endpoint);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct ecr_registry r;

                if (ecr_registry_parse(&r, bad[i]) != -ENOENT)
                        fail_msg("%s", bad[i]);
        }
}

static int answer(struct secret **ret, const char *text)
{
        struct err err = ERR_INIT;
        int r = ecr_answer_parse(ret, text, strlen(text), &err);

        assert_true(r == 0 || r == -ENOMEM || err.text[0]);
        return r;
}

static void answers(void **state)
{
        static const char *const bad[] = {"", "{}", "[]", "{\"authorizationData\":[]}",
                "{\"authorizationData\":[{}]}", "{\"authorizationData\":[{\"authorizationToken\":1}]}",
                "{\"authorizationData\":[{\"authorizationToken\":\"\"}]}",
                "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOg==\"}]}",     // AWS:
                "{\"authorizationData\":[{\"authorizationToken\":\"UlVTOnBhc3M=\"}]}", // RUS:pass
                "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOnAAc3M=\"}]}", // AWS:p NUL ss
                "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOnBhc3M\"}]}"};
        static const char good[] =
                "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOnBhOnM=\",\"expiresAt\":1.7E9}]}";
        struct secret *s = NULL;
        int r = 0;

        (void)state;
        assert_int_equal(answer(&s, good), 0);
        assert_string_equal(secret_str(s), "pa:s");
        s = secret_free(s);
        assert_int_equal(answer(&s, "{\"authorizationData\":{\"authorizationToken\":\"QVdTOnBhOnM=\"}}"), 0);
        s = secret_free(s);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (answer(&s, bad[i]) != -EBADMSG)
                        fail_msg("%s", bad[i]);
        FAULT_EACH(100, r = answer(&s, good))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(s);
        }
        assert_int_equal(r, 0);
        secret_free(s);
}

static void errors(void **state)
{
        char text[200];
        static const char one[] =
                "{\"__type\":\"com.amazon#AccessDeniedException\",\"Message\":\"no\\u001b[2J\"}";

        (void)state;
        ecr_error_text(text, sizeof text, one, sizeof one - 1);
        assert_ptr_equal(strstr(text, "AccessDeniedException: no"), text);
        assert_null(strchr(text, 27));
        assert_string_equal(
                ecr_error_text(text, sizeof text, "<html>", 6), "an error that is none of Amazon's");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names),
                cmocka_unit_test(answers),
                cmocka_unit_test(errors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
