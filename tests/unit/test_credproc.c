// SPDX-License-Identifier: Apache-2.0
//
// The credential_process document, to the byte: what every SDK reads.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "credproc.h"
#include "fault.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

static void fill(struct sts_credentials *c, const char *secret, const char *token)
{
        *c = (struct sts_credentials){.access_key_id = strdup("ASIAIOSFODNN7EXAMPLE")};
        memcpy(c->account_id, "123456789012", 13);
        assert_int_equal(secret_new_str(&c->secret_access_key, secret), 0);
        assert_int_equal(secret_new_str(&c->session_token, token), 0);
}

static void drop(struct sts_credentials *c)
{
        free(c->access_key_id);
        secret_free(c->secret_access_key);
        secret_free(c->session_token);
}

static void one_line_and_exactly_these_members(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(8192);
        struct sts_credentials c;

        (void)state;
        fill(&c, SECRET, "FwoGZXIvYXdzEA//+=");
        assert_int_equal(credproc_write(&b, &c, 1440938160), 0);
        assert_string_equal(buf_str(&b),
                "{\"Version\":1,\"AccessKeyId\":\"ASIAIOSFODNN7EXAMPLE\",\"SecretAccessKey\":\"" SECRET
                "\",\"SessionToken\":\"FwoGZXIvYXdzEA//+=\",\"Expiration\":\"2015-08-30T12:36:00Z\","
                "\"AccountId\":\"123456789012\"}\n");
        buf_reset(&b);
        c.account_id[0] = 0;
        assert_int_equal(credproc_write(&b, &c, 1440938160), 0);
        assert_null(strstr(buf_str(&b), "AccountId"));
        drop(&c);
}

static void escapes_what_json_must(void **state)
{
        static const char odd[] = "\"\\\\/\x01\t\n\x1f\x7f";
        cleanup_buf struct buf b = BUF_INIT(8192);
        struct sts_credentials c;
        json_t *j;

        (void)state;
        fill(&c, odd, "t");
        assert_int_equal(credproc_write(&b, &c, 1), 0);
        assert_ptr_equal(strchr(buf_str(&b), '\n'), buf_str(&b) + b.n - 1); // still one line
        j = json_loads(buf_str(&b), 0, NULL);
        assert_non_null(j);
        assert_string_equal(json_string_value(json_object_get(j, "SecretAccessKey")), odd);
        assert_true(json_is_integer(json_object_get(j, "Version")));
        assert_int_equal(json_object_size(j), 6);
        json_decref(j);
        drop(&c);
}

static void half_a_credential_is_no_document(void **state)
{
        cleanup_buf struct buf b = BUF_INIT(8192);
        struct sts_credentials c;

        (void)state;
        fill(&c, "s", "");
        assert_int_equal(credproc_write(&b, &c, 1), -EINVAL);
        drop(&c);
        fill(&c, "", "t");
        assert_int_equal(credproc_write(&b, &c, 1), -EINVAL);
        drop(&c);
        fill(&c, "s", "t");
        assert_int_equal(credproc_write(&b, &c, 0), -EINVAL);
        c.access_key_id[0] = 0;
        assert_int_equal(credproc_write(&b, &c, 1), -EINVAL);
        free(c.access_key_id);
        c.access_key_id = NULL;
        assert_int_equal(credproc_write(&b, &c, 1), -EINVAL);
        drop(&c);
        fill(&c, "s", "\xc3\xbc");
        assert_int_equal(credproc_write(&b, &c, 1), -EINVAL);
        drop(&c);
        assert_int_equal(buf_error(&b), 0);
}

static void room_may_run_out_at_any_byte(void **state)
{
        cleanup_buf struct buf whole = BUF_INIT(8192);
        struct sts_credentials c;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        fill(&c, SECRET, "token");
        assert_int_equal(credproc_write(&whole, &c, 1440938160), 0);
        for (size_t n = 0; n < whole.n; n++) {
                cleanup_buf struct buf b = BUF_INIT(n);

                assert_int_equal(credproc_write(&b, &c, 1440938160), -EMSGSIZE);
        }
        buf_deinit(&whole);
        FAULT_EACH(50, (buf_deinit(&whole), r = credproc_write(&whole, &c, 1440938160)))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 3);
        drop(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_line_and_exactly_these_members),
                cmocka_unit_test(escapes_what_json_must),
                cmocka_unit_test(half_a_credential_is_no_document),
                cmocka_unit_test(room_may_run_out_at_any_byte),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
