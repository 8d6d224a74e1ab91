// SPDX-License-Identifier: Apache-2.0
//
// Raw requests as they come on stdin, good and hostile; and which service a host's name tells.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "aws_host.h"
#include "fault.h"
#include "http_message.h"

static void good(void **state _unused_)
{
        static const char text[] =
                "POST /a/b?x=1&y HTTP/1.1\r\nHost: h\r\nX-A:  two words \t\r\nContent-Length: 3\r\n\r\na\nb";
        struct http_message m;

        assert_int_equal(http_message_parse(&m, text, sizeof text - 1, NULL), 0);
        assert_string_equal(m.request.method, "POST");
        assert_string_equal(m.target, "/a/b?x=1&y");
        assert_string_equal(m.request.path, "/a/b");
        assert_string_equal(m.request.query, "x=1&y");
        assert_int_equal(m.request.n_headers, 3);
        assert_string_equal(http_message_header(&m, "x-a"), "two words");
        assert_null(http_message_header(&m, "y"));
        assert_int_equal(m.request.body_len, 3);
        assert_memory_equal(m.request.body, "a\nb", 3);
        http_message_deinit(&m);
        assert_int_equal(http_message_parse(&m, "GET / HTTP/1.1\r\n\r\n", 18, NULL), 0);
        assert_null(m.request.query);
        assert_int_equal(m.request.body_len, 0);
        http_message_deinit(&m);
}

static void what_two_readers_could_read_in_two_ways(void **state _unused_)
{
        static const struct {
                const char *text, *says;
        } rows[] = {
                {"", "empty line"},
                {"GET / HTTP/1.1\n\n", "CR LF"},
                {"GET / HTTP/1.1\r\nHost: h\n\r\n", "line 2"},
                {"GET / HTTP/1.1\r\nHost: h\r\n", "empty line"},
                {"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", "bare CR"},
                {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1"},
                {"GET /\r\n\r\n", "METHOD TARGET"},
                {"GET  / HTTP/1.1\r\n\r\n", "METHOD TARGET"},
                {"GET / x HTTP/1.1\r\n\r\n", "METHOD TARGET"},
                {"GET https://h/ HTTP/1.1\r\n\r\n", "begin with /"},
                {"GET /a#b HTTP/1.1\r\n\r\n", "fragment"},
                {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "line 3 of the request: a header that goes on"},
                {"GET / HTTP/1.1\r\nA : b\r\n\r\n", "NAME: VALUE"},
                {"GET / HTTP/1.1\r\n: b\r\n\r\n", "NAME: VALUE"},
                {"GET / HTTP/1.1\r\nAb\r\n\r\n", "NAME: VALUE"},
                {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "pieces"},
                {"GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-length: 0\r\n\r\n", "twice"},
                {"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabc", "3 bytes, and its Content-Length says 2"},
                {"POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", "says +3"},
                {"POST / HTTP/1.1\r\n\r\nabc", "no Content-Length"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct http_message m;
                struct err err = ERR_INIT;

                assert_int_equal(http_message_parse(&m, rows[i].text, strlen(rows[i].text), &err), -EBADMSG);
                if (!strstr(err.text, rows[i].says))
                        fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.text, rows[i].says);
        }
        {
                struct http_message m;

                assert_int_equal(http_message_parse(&m, "GET /\0 HTTP/1.1\r\n\r\n", 19, NULL), -EBADMSG);
        }
}

static void a_hundred_thousand_headers(void **state _unused_)
{
        struct buf b = BUF_INIT(4u << 20);
        struct http_message m;
        struct err err = ERR_INIT;

        buf_append_str(&b, "GET / HTTP/1.1\r\n");
        for (int i = 0; i < 100000; i++)
                buf_printf(&b, "a%d: b\r\n", i);
        buf_append_str(&b, "\r\n");
        assert_int_equal(http_message_parse(&m, b.p, b.n, &err), -EBADMSG);
        assert_string_equal(err.text, "line 258 of the request: more headers than the 256 that are read");
        buf_deinit(&b);
}

static int parse_once(void)
{
        static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        struct http_message m;
        int r = http_message_parse(&m, text, sizeof text - 1, NULL);

        if (r == 0)
                http_message_deinit(&m);
        return r;
}

static void memory_that_runs_out(void **state _unused_)
{
        int r = 0;

        FAULT_EACH(10, r = parse_once())
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
}

static void hosts_tell_service_and_region(void **state _unused_)
{
        static const struct {
                const char *host, *service, *region;
        } rows[] = {
                {"sts.eu-central-1.amazonaws.com", "sts", "eu-central-1"},
                {"STS.EU-CENTRAL-1.amazonaws.com:443", "sts", "eu-central-1"},
                {"sts.amazonaws.com", "sts", "us-east-1"},
                {"iam.amazonaws.com", "iam", "us-east-1"},
                {"s3.amazonaws.com", "s3", "us-east-1"},
                {"bucket.s3.amazonaws.com", "s3", "us-east-1"},
                {"my.bucket.s3.eu-west-1.amazonaws.com", "s3", "eu-west-1"},
                {"s3-eu-west-1.amazonaws.com", "s3", "eu-west-1"},
                {"b.s3.dualstack.eu-west-1.amazonaws.com", "s3", "eu-west-1"},
                {"s3-fips.us-gov-west-1.amazonaws.com", "s3", "us-gov-west-1"},
                {"abc123.execute-api.us-east-2.amazonaws.com", "execute-api", "us-east-2"},
                {"search-x-abc.eu-central-1.es.amazonaws.com", "es", "eu-central-1"},
                {"abc.us-west-2.aoss.amazonaws.com", "aoss", "us-west-2"},
                {"xyz.lambda-url.eu-west-1.on.aws", "lambda", "eu-west-1"},
                {"lambda.eu-west-1.amazonaws.com", "lambda", "eu-west-1"},
                {"sns.cn-north-1.amazonaws.com.cn", "sns", "cn-north-1"},
                {"sqs.eu-west-1.api.aws", "sqs", "eu-west-1"},
                {"sts-fips.us-east-1.amazonaws.com", "sts", "us-east-1"},
                {"api.ecr.eu-west-1.amazonaws.com", "ecr", "eu-west-1"},
                {"email.eu-west-1.amazonaws.com", "ses", "eu-west-1"},
                {"eks.eusc-de-east-1.amazonaws.eu", "eks", "eusc-de-east-1"},
                {"vpce-0a1-b2c3.execute-api.eu-central-1.vpce.amazonaws.com", "execute-api", "eu-central-1"},
                {"bucket.bucket.vpce-0a1-b2c3.s3.eu-west-1.vpce.amazonaws.com", "s3", "eu-west-1"},
                {"a1b2c3-ats.iot.eu-west-1.amazonaws.com", "iotdata", "eu-west-1"},
                {"data.jobs.iot.eu-west-1.amazonaws.com", "iot-jobs-data", "eu-west-1"},
                {"api.ecr-fips.us-east-1.amazonaws.com", "ecr", "us-east-1"},
                {"runtime-fips.sagemaker.us-east-1.amazonaws.com", "sagemaker", "us-east-1"},
                {"portal.sso.eu-west-1.amazonaws.com", "awsssoportal", "eu-west-1"},
                {"iam.us-gov.amazonaws.com", "iam", "us-gov-west-1"},
                {"route53.amazonaws.com.cn", "route53", "cn-northwest-1"},
                {"global.health.amazonaws.com", "health", "us-east-1"},
        };
        static const char *const nothing[] = {"example.com", "", ":443", "amazonaws.com", ".amazonaws.com",
                "127.0.0.1:80", "eu-central-1.amazonaws.com", "x.evil-amazonaws.com", "unknown.amazonaws.com",
                "vpce.amazonaws.com", "x.vpce.vpce.amazonaws.com", "us-gov.amazonaws.com",
                "a..eu-west-1.amazonaws.com", "..amazonaws.com"};
        struct aws_host h;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (aws_host_parse(&h, rows[i].host) != 0)
                        fail_msg("%s is not known", rows[i].host);
                assert_string_equal(h.service, rows[i].service);
                assert_string_equal(h.region, rows[i].region);
        }
        for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
                assert_int_equal(aws_host_parse(&h, nothing[i]), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good),
                cmocka_unit_test(what_two_readers_could_read_in_two_ways),
                cmocka_unit_test(a_hundred_thousand_headers),
                cmocka_unit_test(memory_that_runs_out),
                cmocka_unit_test(hosts_tell_service_and_region),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
