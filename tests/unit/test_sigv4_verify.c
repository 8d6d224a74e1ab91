// SPDX-License-Identifier: Apache-2.0
//
// The verifier: requests we signed are accepted, and every way of tampering with them is refused as what it
// is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "sigv4_world.h"

#define TOKEN "IQoJb3JpZ2luX2VjEXAMPLE//+=="

static void signed_world(struct world *w, const char *token, int64_t expires_s)
{
        world_init(w, token);
        w->params.expires_s = expires_s;
        w->q.query = "Version=2011-06-15";
        world_sign(w);
}

static void what_was_signed_is_accepted(void **state)
{
        static const unsigned flags[] = {SIGV4_DEFAULT, SIGV4_DEFAULT | SIGV4_SIGN_BODY, SIGV4_S3,
                SIGV4_UNSIGNED_PAYLOAD, SIGV4_DEFAULT | SIGV4_TOKEN_AFTER_SIGNING};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                for (int form = 0; form < 4; form++) {
                        cleanup_world struct world w;

                        world_init(&w, form & 1 ? TOKEN : NULL);
                        w.params.flags = flags[i];
                        w.params.expires_s = form & 2 ? 60 : 0;
                        w.q.path = "/a%20b/../c";
                        w.q.query = "b=2&a=1";
                        world_header(&w, "X-Amz-Meta", " one ");
                        world_header(&w, "x-amz-meta", "two");
                        world_header(&w, "User-Agent", "changes");
                        world_sign(&w);
                        assert_int_equal(world_verify(&w), 0);
                        world_replace(&w, "User-Agent", "changed");
                        world_header(&w, "X-Forwarded-For", "a proxy");
                        assert_int_equal(world_verify(&w), 0);
                }
        }
}

static void what_was_signed_cannot_be_changed(void **state)
{
        (void)state;
        for (int form = 0; form < 2; form++) {
                static const char other_query[] = "Version=2011-06-16";

                for (int change = 0; change < 8; change++) {
                        cleanup_world struct world w;
                        cleanup_free char *query = NULL;
                        int want = SIGV4_E_SIGNATURE;

                        signed_world(&w, NULL, form ? 60 : 0);
                        query = strdup(w.q.query);
                        w.q.query = query;
                        assert_int_equal(world_verify(&w), 0);
                        switch (change) {
                        case 0:
                                w.q.method = "GET";
                                break;
                        case 1:
                                w.q.path = "/x";
                                break;
                        case 2:
                                memcpy(query, other_query, strlen(other_query));
                                break;
                        case 3:
                                world_replace(&w, "Host", "sts.eu-central-1.amazonaws.com");
                                break;
                        case 4:
                                world_replace(&w, "Content-Type", "text/plain");
                                break;
                        case 5:
                                w.q.body = "Action=GetCallerIdentitx";
                                break;
                        case 6:
                                world_remove(&w, "Content-Type");
                                break;
                        case 7:
                                world_header(&w, "Content-Type", "another");
                                break;
                        }
                        assert_int_equal(world_verify(&w), want);
                }
        }
}

static void another_key_signs_another_signature(void **state)
{
        cleanup_world struct world w;

        (void)state;
        signed_world(&w, NULL, 0);
        secret_free(w.key);
        assert_int_equal(secret_new_str(&w.key, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEz"), 0);
        w.cred.secret_access_key = w.key;
        assert_int_equal(world_verify(&w), SIGV4_E_SIGNATURE);
}

// The caller looked the key up by its id; if he took another, nothing fits.
static void the_key_id_must_be_the_one(void **state)
{
        cleanup_world struct world w;

        (void)state;
        signed_world(&w, NULL, 0);
        w.cred.access_key_id = "AKIDANOTHER";
        assert_int_equal(world_verify(&w), SIGV4_E_SIGNATURE);
}

static void scope(void **state)
{
        cleanup_world struct world w;

        (void)state;
        signed_world(&w, NULL, 0);
        assert_int_equal(sigv4_verify(&w.q, &w.cred, "eu-west-1", "sts", WORLD_NOW, SIGV4_DEFAULT, NULL),
                SIGV4_E_SCOPE);
        assert_int_equal(sigv4_verify(&w.q, &w.cred, "us-east-1", "s3", WORLD_NOW, SIGV4_DEFAULT, NULL),
                SIGV4_E_SCOPE);
        assert_int_equal(sigv4_verify(&w.q, &w.cred, NULL, NULL, WORLD_NOW, SIGV4_DEFAULT, NULL), 0);
        world_replace(&w, "X-Amz-Date", "20150831T123600Z");
        assert_int_equal(sigv4_verify(&w.q, &w.cred, NULL, NULL, WORLD_NOW + 86400, SIGV4_DEFAULT, NULL),
                SIGV4_E_SCOPE);
}

static void times_of_the_header_form(void **state)
{
        static const struct {
                int64_t ahead;
                int want;
        } v[] = {{0, 0}, {300, 0}, {-300, 0}, {301, SIGV4_E_SKEW}, {-301, SIGV4_E_SKEW},
                {86400, SIGV4_E_SKEW}};
        cleanup_world struct world w;

        (void)state;
        signed_world(&w, NULL, 0);
        for (size_t i = 0; i < ARRAY_SIZE(v); i++)
                assert_int_equal(world_verify_at(&w, WORLD_NOW + v[i].ahead, NULL), v[i].want);
}

static void times_of_the_query_form(void **state)
{
        static const struct {
                int64_t expires_s, ahead;
                int want;
        } v[] = {{60, 0, 0}, {60, 60, 0}, {60, 61, SIGV4_E_EXPIRED}, {60, -300, 0}, {60, -301, SIGV4_E_SKEW},
                {604800, 604800, 0}, {604800, 604801, SIGV4_E_EXPIRED}, {1, 2, SIGV4_E_EXPIRED}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                cleanup_world struct world w;

                signed_world(&w, NULL, v[i].expires_s);
                assert_int_equal(world_verify_at(&w, WORLD_NOW + v[i].ahead, NULL), v[i].want);
        }
}

static void the_date_header_serves_too(void **state)
{
        cleanup_world struct world w;
        char authorization[512];

        (void)state;
        // X-Amz-Date is signed under that name, so a Date header alone cannot stand for it…
        signed_world(&w, NULL, 0);
        world_remove(&w, "X-Amz-Date");
        world_header(&w, "Date", "Sun, 30 Aug 2015 12:36:00 GMT");
        assert_int_equal(world_verify(&w), SIGV4_E_SIGNATURE);
        // …but a request without it has a date (its signature is another one)
        snprintf(authorization, sizeof authorization,
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request, "
                "SignedHeaders=date;host, "
                "Signature=%064d",
                0);
        world_replace(&w, "Authorization", authorization);
        assert_int_equal(world_verify(&w), SIGV4_E_SIGNATURE);
        world_replace(&w, "Date", "yesterday");
        assert_int_equal(world_verify(&w), SIGV4_E_INCOMPLETE);
}

static void tokens(void **state)
{
        (void)state;
        for (int form = 0; form < 2; form++) {
                cleanup_world struct world with, without;
                struct secret *other = NULL;

                signed_world(&with, TOKEN, form ? 60 : 0);
                signed_world(&without, NULL, form ? 60 : 0);
                assert_int_equal(secret_new_str(&other, "IQoJb3JpZ2luX2VjEXAMPLE//+=-"), 0);
                // a token where the key has none; none where it has one; another one
                with.cred.session_token = NULL;
                assert_int_equal(world_verify(&with), SIGV4_E_TOKEN);
                with.cred.session_token = other;
                assert_int_equal(world_verify(&with), SIGV4_E_TOKEN);
                without.cred.session_token = other;
                assert_int_equal(world_verify(&without), SIGV4_E_TOKEN);
                with.cred.session_token = with.token;
                assert_int_equal(world_verify(&with), 0);
                if (!form) {
                        world_header(&with, "x-amz-security-token", TOKEN);
                        assert_int_equal(world_verify(&with), SIGV4_E_INCOMPLETE);
                        world_remove(&with, "x-amz-security-token");
                        world_header(&with, "x-amz-security-token", "");
                        assert_int_equal(world_verify(&with), SIGV4_E_TOKEN);
                }
                secret_free(other);
        }
}

static void an_unsigned_amz_header_is_refused(void **state)
{
        (void)state;
        for (int form = 0; form < 2; form++) {
                cleanup_world struct world w;

                signed_world(&w, NULL, form ? 60 : 0);
                world_header(&w, "X-Amz-Target", "something else");
                assert_int_equal(world_verify(&w), SIGV4_E_INCOMPLETE);
        }
}

static void the_payload_header_must_be_true(void **state)
{
        cleanup_world struct world w;
        struct err err = ERR_INIT;

        (void)state;
        world_init(&w, NULL);
        w.params.flags = SIGV4_S3;
        world_sign(&w);
        assert_int_equal(world_verify(&w), 0);
        w.q.body = "Action=GetCallerIdentitx";
        assert_int_equal(world_verify_at(&w, WORLD_NOW, &err), SIGV4_E_SIGNATURE);
        assert_non_null(strstr(err.text, "x-amz-content-sha256"));
        sigv4_result_deinit(&w.r);
        world_remove(&w, "X-Amz-Date");
        world_remove(&w, "Authorization");
        world_remove(&w, "X-Amz-Content-Sha256");
        // an unsigned payload only where the service takes one
        w.params.flags = SIGV4_UNSIGNED_PAYLOAD;
        world_sign(&w);
        assert_int_equal(world_verify(&w), 0);
        w.params.flags = SIGV4_S3;
        assert_int_equal(world_verify(&w), SIGV4_E_SIGNATURE);
}

// ---- Authorization ------------------------------------------------------------------------------

#define CREDENTIAL "Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request"
#define NAMES      "SignedHeaders=content-type;host;x-amz-date"
#define SIG        "Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HMAC       "AWS4-HMAC-SHA256 "

static void forms_of_authorization(void **state)
{
        static const struct {
                const char *value;
                int want;
        } v[] = {
                {HMAC CREDENTIAL ", " NAMES ", " SIG, SIGV4_E_SIGNATURE}, // well-formed
                {HMAC SIG "," NAMES "," CREDENTIAL, SIGV4_E_SIGNATURE}, {"", SIGV4_E_MISSING},
                {"Bearer x", SIGV4_E_MISSING}, {"AWS AKID:sig", SIGV4_E_MISSING},
                {"AWS4-HMAC-SHA256", SIGV4_E_INCOMPLETE}, {HMAC, SIGV4_E_INCOMPLETE},
                {"AWS4-HMAC-SHA512 " CREDENTIAL ", " NAMES ", " SIG, SIGV4_E_INCOMPLETE},
                {"AWS4-ECDSA-P256-SHA256 " CREDENTIAL ", " NAMES ", " SIG, SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", " NAMES, SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", " SIG, SIGV4_E_INCOMPLETE}, {HMAC NAMES ", " SIG, SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", " NAMES ", " SIG ", " SIG, SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", " CREDENTIAL ", " NAMES ", " SIG, SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", " NAMES ", " SIG ", Extra=1", SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", " NAMES ", Signature=", SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", " NAMES ", Signature=0123", SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", " NAMES ", " SIG "0", SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", " NAMES ", " SIG "z", SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL
                        ", " NAMES
                        ", Signature=0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
                        SIGV4_E_INCOMPLETE},
                {HMAC "Credential=AKIDEXAMPLE, " NAMES ", " SIG, SIGV4_E_INCOMPLETE},
                {HMAC "Credential=/20150830/us-east-1/sts/aws4_request, " NAMES ", " SIG, SIGV4_E_INCOMPLETE},
                {HMAC "Credential=A/B/20150830/us-east-1/sts/aws4_request, " NAMES ", " SIG,
                        SIGV4_E_INCOMPLETE},
                {HMAC "Credential=AKID/20150830/us-east-1//aws4_request, " NAMES ", " SIG,
                        SIGV4_E_INCOMPLETE},
                {HMAC "Credential=AKID/20150830/us-east-1/sts/, " NAMES ", " SIG, SIGV4_E_INCOMPLETE},
                {HMAC "Credential=AKID/20150830/us-east-1/sts/aws5_request, " NAMES ", " SIG, SIGV4_E_SCOPE},
                {HMAC "Credential=AKID/2015083/us-east-1/sts/aws4_request, " NAMES ", " SIG, SIGV4_E_SCOPE},
                {HMAC "Credential=AKID/201508300/us-east-1/sts/aws4_request, " NAMES ", " SIG,
                        SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", SignedHeaders=content-type;x-amz-date, " SIG,
                        SIGV4_E_INCOMPLETE}, // no host
                {HMAC CREDENTIAL ", SignedHeaders=host;content-type;x-amz-date, " SIG, SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", SignedHeaders=content-type;host;host;x-amz-date, " SIG,
                        SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", SignedHeaders=content-type;Host;x-amz-date, " SIG, SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", SignedHeaders=content-type;;host;x-amz-date, " SIG, SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", SignedHeaders=content-type;host;x-amz-date;, " SIG, SIGV4_E_INCOMPLETE},
                {HMAC CREDENTIAL ", SignedHeaders=content-type;host, " SIG,
                        SIGV4_E_INCOMPLETE}, // x-amz-date unsigned
                {HMAC CREDENTIAL ", SignedHeaders=content-type;host;x-amz-date;zz, " SIG,
                        SIGV4_E_SIGNATURE}, // absent
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                cleanup_world struct world w;

                signed_world(&w, NULL, 0);
                world_replace(&w, "Authorization", v[i].value);
                assert_int_equal(world_verify(&w), v[i].want);
        }
}

static void headers_said_twice_are_refused(void **state)
{
        static const char *const names[] = {"Authorization", "X-Amz-Date", "Host", "X-Amz-Security-Token"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                cleanup_world struct world w;

                signed_world(&w, TOKEN, 0);
                world_header(&w, names[i], "x");
                assert_int_equal(world_verify(&w), SIGV4_E_INCOMPLETE);
        }
}

static void a_header_with_a_line_end_is_refused(void **state)
{
        cleanup_world struct world w;

        (void)state;
        signed_world(&w, NULL, 0);
        world_header(&w, "X-Other", "a\r\nb");
        assert_int_equal(world_verify(&w), SIGV4_E_INCOMPLETE);
}

// ---- presigned ----------------------------------------------------------------------------------

// The signed query with one thing replaced (to NULL: appended).
static int query_with(const char *from, const char *to)
{
        cleanup_world struct world w;
        cleanup_buf struct buf q = BUF_INIT(10000);
        const char *at;

        signed_world(&w, TOKEN, 60);
        at = from ? strstr(w.q.query, from) : w.q.query + strlen(w.q.query);
        assert_non_null(at);
        buf_append(&q, w.q.query, (size_t)(at - w.q.query));
        buf_append_str(&q, to);
        buf_append_str(&q, at + (from ? strlen(from) : 0));
        w.q.query = buf_str(&q);
        return world_verify(&w);
}

static void forms_of_the_query(void **state)
{
        (void)state;
        assert_int_equal(query_with("Version", "Version"), 0);
        assert_int_equal(query_with("X-Amz-Expires=60", "X-Amz-Expires=61"), SIGV4_E_SIGNATURE);
        assert_int_equal(query_with("X-Amz-Expires=60", "X-Amz-Expires=604801"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Expires=60", "X-Amz-Expires=0"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Expires=60", "X-Amz-Expires=-1"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Expires=60", "X-Amz-Expires=1e3"), SIGV4_E_INCOMPLETE);
        assert_int_equal(
                query_with("X-Amz-Expires=60", "X-Amz-Expires=18446744073709551616"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Expires=60", "X-Amz-Expires="), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Expires=60", "Expires=60"), SIGV4_E_INCOMPLETE);
        assert_int_equal(
                query_with("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=none"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Date=2015", "X-Amz-Date=2016"), SIGV4_E_SCOPE);
        assert_int_equal(
                query_with("X-Amz-Date=20150830T123600Z", "X-Amz-Date=yesterday"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Credential=", "X-Amz-Credential=%00"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Credential=", "X-Amz-Credential=%zz"), SIGV4_E_INCOMPLETE);
        assert_int_equal(
                query_with("X-Amz-SignedHeaders=content-type%3Bhost", "X-Amz-SignedHeaders=content-type"),
                SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with("X-Amz-Signature=", "X-Amz-Signature=x"), SIGV4_E_INCOMPLETE);
        // a second one, whatever it looks like
        assert_int_equal(query_with(NULL, "&X-Amz-Signature=0"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with(NULL, "&X-Amz-Signature"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with(NULL, "&X%2DAmz-Signature=0"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with(NULL, "&X-Amz-Expires=999"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with(NULL, "&X-Amz-Algorithm=AWS4-HMAC-SHA256"), SIGV4_E_INCOMPLETE);
        assert_int_equal(query_with(NULL, "&Action=AssumeRole"), SIGV4_E_SIGNATURE);
        assert_int_equal(query_with("Version", "&Version"), 0); // an empty pair is none
}

static void two_signatures_are_one_too_many(void **state)
{
        cleanup_world struct world w;

        (void)state;
        signed_world(&w, NULL, 60);
        world_header(&w, "Authorization", HMAC CREDENTIAL ", " NAMES ", " SIG);
        assert_int_equal(world_verify(&w), SIGV4_E_INCOMPLETE);
}

static void the_claim_is_read_before_the_key_is_known(void **state)
{
        struct sigv4_claim c;

        (void)state;
        for (int form = 0; form < 2; form++) {
                cleanup_world struct world w;

                signed_world(&w, form ? TOKEN : NULL, form ? 60 : 0);
                memset(&c, 0, sizeof c);
                assert_int_equal(sigv4_read_claim(&c, &w.q, NULL), 0);
                assert_string_equal(c.access_key_id, "AKIDEXAMPLE");
                assert_string_equal(c.date, "20150830");
                assert_string_equal(c.region, "us-east-1");
                assert_string_equal(c.service, "sts");
                assert_true(c.time_s == WORLD_NOW);
                assert_int_equal(c.presigned, form);
                assert_int_equal(c.has_token, form);
                c.region[0] = '!';
                w.q.n_headers = 0;
                w.q.query = NULL;
                assert_int_equal(sigv4_read_claim(&c, &w.q, NULL), SIGV4_E_MISSING);
                assert_int_equal(c.region[0], '!'); // untouched
        }
}

static void every_allocation_may_fail(void **state)
{
        (void)state;
        for (int form = 0; form < 2; form++) {
                cleanup_world struct world w;
                unsigned failed = 0;
                int r = 0;

                signed_world(&w, TOKEN, form ? 60 : 0);
                FAULT_EACH(500, r = world_verify_at(&w, WORLD_NOW, NULL))
                {
                        assert_int_equal(r, -ENOMEM);
                        failed++;
                }
                assert_int_equal(r, 0);
                assert_true(failed >= 15);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_signed_is_accepted),
                cmocka_unit_test(what_was_signed_cannot_be_changed),
                cmocka_unit_test(another_key_signs_another_signature),
                cmocka_unit_test(the_key_id_must_be_the_one),
                cmocka_unit_test(scope),
                cmocka_unit_test(times_of_the_header_form),
                cmocka_unit_test(times_of_the_query_form),
                cmocka_unit_test(the_date_header_serves_too),
                cmocka_unit_test(tokens),
                cmocka_unit_test(an_unsigned_amz_header_is_refused),
                cmocka_unit_test(the_payload_header_must_be_true),
                cmocka_unit_test(forms_of_authorization),
                cmocka_unit_test(headers_said_twice_are_refused),
                cmocka_unit_test(a_header_with_a_line_end_is_refused),
                cmocka_unit_test(forms_of_the_query),
                cmocka_unit_test(two_signatures_are_one_too_many),
                cmocka_unit_test(the_claim_is_read_before_the_key_is_known),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
