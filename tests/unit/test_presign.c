// SPDX-License-Identifier: Apache-2.0
//
// Tokens that are presigned requests, and the document kubectl wants: what goes in is checked, what comes out is one reading.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "b64.h"
#include "exec_credential.h"
#include "fault.h"
#include "presign.h"

#include <stdio.h>

#define THEN 1440938160 // 2015-08-30T12:36:00Z

static struct secret *key;
static struct sigv4_credentials cred = {.access_key_id = "AKIDEXAMPLE"};

static int eks(struct buf *out, const char *endpoint, const char *cluster, struct err *err)
{
        return presign_eks_token(out, endpoint, "eu-central-1", cluster, &cred, THEN, err);
}

static void a_cluster(void **state _unused_)
{
        static const char *const endpoints[] = {
                "", "sts.example.com", "https://", "https://sts/path", "https://u@sts/", "https://sts/?q"};
        static const char *const names[] = {"", "a b", "a\tb", "a\r\nb", "a\177"};
        cleanup_buf struct buf out = BUF_INIT(1u << 16), url = BUF_INIT(1u << 16);
        struct err err = ERR_INIT;
        char longer[200];

        assert_int_equal(eks(&out, "https://sts.eu-central-1.amazonaws.com/", "prod", &err), 0);
        assert_ptr_equal(strstr(buf_str(&out), "k8s-aws-v1."), buf_str(&out));
        assert_int_equal(b64url_decode(&url, buf_str(&out) + 11, out.n - 11), 0);
        assert_ptr_equal(strstr(buf_str(&url), "https://sts.eu-central-1.amazonaws.com/"
                                               "?Action=GetCallerIdentity&Version=2011-06-15&"),
                buf_str(&url));
        assert_non_null(strstr(buf_str(&url), "X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Expires=60"));
        for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                err_clear(&err);
                assert_int_equal(eks(&out, endpoints[i], "prod", &err), -EINVAL);
                assert_true(err.text[0]);
        }
        memset(longer, 'a', sizeof longer);
        longer[129] = 0;
        assert_int_equal(eks(&out, "https://sts", longer, &err), -EINVAL);
        longer[128] = 0;
        assert_int_equal(eks(&out, "https://sts", longer, &err), 0);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                assert_int_equal(eks(&out, "https://sts", names[i], &err), -EINVAL);
}

static void a_database(void **state _unused_)
{
        cleanup_buf struct buf out = BUF_INIT(1u << 16);
        struct err err = ERR_INIT;

        assert_int_equal(
                presign_rds_token(&out, "db.example.com", 5432, "a+b&c", "eu-central-1", &cred, THEN, &err),
                0);
        assert_ptr_equal(strstr(buf_str(&out),
                                 "db.example.com:5432/?Action=connect&DBUser=a%2Bb%26c&X-Amz-Algorithm="),
                buf_str(&out));
        assert_non_null(strstr(buf_str(&out), "X-Amz-Expires=900&"));
        assert_int_equal(presign_rds_token(&out, "db/x", 1, "u", "r-1", &cred, THEN, &err), -EINVAL);
        assert_int_equal(presign_rds_token(&out, "db", 0, "u", "r-1", &cred, THEN, &err), -EINVAL);
        assert_int_equal(presign_rds_token(&out, "db", 65536, "u", "r-1", &cred, THEN, &err), -EINVAL);
        assert_int_equal(presign_rds_token(&out, "db", 1, "", "r-1", &cred, THEN, &err), -EINVAL);
        assert_int_equal(presign_rds_token(&out, "db", 1, "u", "no region", &cred, THEN, &err), -EINVAL);
}

static void what_kubectl_speaks(void **state _unused_)
{
        static const char *const bad[] = {"x", "[]", "{}", "{\"apiVersion\":1}", "{\"apiVersion\":\"\"}",
                "{\"apiVersion\":\"client.authentication.k8s.io/v2\"}", "{\"apiVersion\":\"v1\"}",
                "{\"apiVersion\":\"client.authentication.k8s.io/"
                "v1\",\"apiVersion\":\"client.authentication.k8s.io/v1\"}"};
        cleanup_buf struct buf out = BUF_INIT(4096);
        struct err err = ERR_INIT;

        assert_int_equal(exec_credential(&out, "{\"apiVersion\":\"client.authentication.k8s.io/v1\"}", "t",
                                 THEN, &err),
                0);
        assert_string_equal(buf_str(&out),
                "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/"
                "v1\",\"spec\":{},\"status\":{"
                "\"expirationTimestamp\":\"2015-08-30T12:36:00Z\",\"token\":\"t\"}}\n");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                err_clear(&err);
                if (exec_credential(&out, bad[i], "t", THEN, &err) != -EINVAL || !err.text[0])
                        fail_msg("%s", bad[i]);
        }
}

static int both(struct err *err)
{
        cleanup_buf struct buf token = BUF_INIT(1u << 16), out = BUF_INIT(1u << 17);
        int r = eks(&token, "https://sts", "prod", err);

        if (r == 0)
                r = exec_credential(&out, "{\"apiVersion\":\"client.authentication.k8s.io/v1\"}",
                        buf_str(&token), THEN, err);
        return r;
}

static void every_allocation_may_fail(void **state _unused_)
{
        struct err err = ERR_INIT;
        int r = 0;

        FAULT_EACH(500, r = both(&err))
        {
                if (r != 0) // OpenSSL's are not ours
                        assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_cluster),
                cmocka_unit_test(a_database),
                cmocka_unit_test(what_kubectl_speaks),
                cmocka_unit_test(every_allocation_may_fail),
        };
        int r;

        if (secret_new_str(&key, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY") < 0)
                return 1;
        cred.secret_access_key = key;
        r = cmocka_run_group_tests(tests, NULL, NULL);
        secret_free(key);
        return r;
}
