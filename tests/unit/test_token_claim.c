// SPDX-License-Identifier: Apache-2.0
//
// Claims as text and as lists of roles, and the templates they are put into. Whatever a provider or a person may have
// put into a token is taken whole or refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "b64.h"
#include "token_claim.h"
#include "fault.h"
#include "json.h"
#include "text_template.h"

#define DEV "arn:aws:iam::123456789012:role/dev"
#define OPS "arn:aws:iam::123456789012:role/team/ops"
#define IDP "arn:aws:iam::123456789012:saml-provider/idp"

static const char some[] =
        "{\"email\": \"alice@example.com\", \"n\": 42, \"x\": 1.5, \"yes\": true, \"no\": false, "
        "\"empty\": \"\", \"null\": null, \"list\": [\"a\"], \"o\": {\"p\": \"inner\", \"q.r\": \"dotted\"}, "
        "\"a.b\": \"whole\", \"a\": {\"b\": \"path\"}, \"nl\": \"a\\nb\", "
        "\"https://example.com/team\": \"blue\", \"big\": 0.1}";

static json_t *parse(const char *text)
{
        struct err err = ERR_INIT;
        json_t *j = NULL;

        if (json_parse(&j, text, strlen(text), &err) < 0)
                fail_msg("%s", err.text);
        return j;
}

static void a_claim_is_text_or_nothing(void **state _unused_)
{
        static const struct {
                const char *name;
                int r;
                const char *text;
        } cases[] = {
                {"email", 0, "alice@example.com"},
                {"n", 0, "42"},
                {"x", 0, "1.5"},
                {"big", 0, "0.1"},
                {"yes", 0, "true"},
                {"no", 0, "false"},
                {"https://example.com/team", 0, "blue"},
                {"a.b", 0, "whole"}, // its name as it stands comes first
                {"o.p", 0, "inner"},
                {"o.q.r", 0, "dotted"},
                {"o", -EBADMSG, ""},
                {"list", -EBADMSG, ""},
                {"nl", -EBADMSG, ""},
                {"empty", -ENOENT, ""},
                {"null", -ENOENT, ""},
                {"o.x", -ENOENT, ""},
                {"email.x", -ENOENT, ""},
                {"o..p", -ENOENT, ""},
                {"", -ENOENT, ""},
                {".", -ENOENT, ""},
        };
        cleanup_json json_t *claims = parse(some);

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_buf struct buf b = BUF_INIT(4096);

                assert_int_equal(claim_append_text(&b, claims, cases[i].name), cases[i].r);
                assert_string_equal(buf_str(&b), cases[i].text);
        }
}

static void a_claim_has_a_longest_length(void **state _unused_)
{
        for (size_t n = CLAIM_TEXT_MAX - 1; n <= CLAIM_TEXT_MAX + 1; n++) {
                cleanup_buf struct buf text = BUF_INIT(8192), out = BUF_INIT(8192);
                cleanup_json json_t *claims = NULL;

                buf_append_str(&text, "{\"c\": \"");
                for (size_t i = 0; i < n; i++)
                        buf_append_char(&text, 'x');
                buf_append_str(&text, "\"}");
                claims = parse(buf_str(&text));
                assert_int_equal(claim_append_text(&out, claims, "c"), n > CLAIM_TEXT_MAX ? -EBADMSG : 0);
        }
}

static struct secret *token(const char *payload)
{
        cleanup_buf struct buf b = BUF_INIT(JSON_SIZE_MAX);
        struct secret *s = NULL;

        buf_append_str(&b, "e30.");
        b64url_encode(&b, payload, strlen(payload));
        buf_append_str(&b, ".c2ln");
        assert_int_equal(secret_new_str(&s, buf_str(&b)), 0);
        return s;
}

static void a_tokens_claims(void **state _unused_)
{
        static const char *const bad[] = {
                "", "e30", "e30.e30", "e30.e30.x.y", "e30.!!!.x", "e30.WzFd.x", "e30..x"};
        cleanup_secret struct secret *t = token(some);
        cleanup_json json_t *claims = NULL;
        json_t *none = NULL;

        assert_int_equal(claims_of_token(&claims, t), 0);
        assert_int_equal(json_object_size(claims), 14);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                cleanup_secret struct secret *s = NULL;

                assert_int_equal(secret_new_str(&s, bad[i]), 0);
                assert_int_equal(claims_of_token(&none, s), -EBADMSG);
                assert_null(none);
        }
        assert_int_equal(claims_of_token(&none, NULL), -EBADMSG);
}

static void lists_of_roles(void **state _unused_)
{
        static const struct {
                const char *claims;
                size_t n, n_bad;
                const char *first, *last, *first_bad;
        } cases[] = {
                {"{\"r\": [\"" DEV "\", \"" OPS "\"]}", 2, 0, DEV, OPS, ""},
                {"{\"r\": \"" DEV "\"}", 1, 0, DEV, DEV, ""},
                {"{\"r\": [\"" DEV "," IDP "\", \"" IDP "," OPS "\"]}", 2, 0, DEV, OPS, ""},
                {"{\"r\": [\"" DEV "\", \"" DEV "," IDP "\", \"" DEV "\"]}", 1, 0, DEV, DEV, ""},
                {"{\"r\": [\"arn:aws:iam::123456789012:role/a,b\"]}", 1, 0,
                        "arn:aws:iam::123456789012:role/a,b", "arn:aws:iam::123456789012:role/a,b", ""},
                {"{\"r\": [7, \"" DEV "\", \"x\\u001b[31m\"]}", 1, 2, DEV, DEV, "(no text)"},
                {"{\"r\": [\"" IDP "\", \"arn:aws:iam::1:role/x\", \"\"]}", 0, 3, NULL, NULL, IDP},
                {"{\"r\": [\"role\\nbad\"]}", 0, 1, NULL, NULL, "role?bad"},
                {"{\"r\": []}", 0, 0, NULL, NULL, ""},
                {"{\"r\": null}", 0, 0, NULL, NULL, ""},
                {"{\"r\": {\"a\": 1}}", 0, 1, NULL, NULL, "(no text)"},
                {"{}", 0, 0, NULL, NULL, ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_json json_t *claims = parse(cases[i].claims);
                struct claim_role_arns l;

                assert_int_equal(claim_role_arns(&l, claims, "r"), 0);
                if (l.n != cases[i].n || l.n_bad != cases[i].n_bad)
                        fail_msg("%s: %zu roles, %zu bad", cases[i].claims, l.n, l.n_bad);
                if (l.n) {
                        assert_string_equal(l.v[0], cases[i].first);
                        assert_string_equal(l.v[l.n - 1], cases[i].last);
                }
                assert_string_equal(l.first_bad, cases[i].first_bad);
                claim_role_arns_deinit(&l);
        }
}

static void keycloaks_roles_are_nested(void **state _unused_)
{
        cleanup_json json_t *claims =
                parse("{\"resource_access\": {\"urn:amazon.webservices\": {\"roles\": [\"" DEV "\"]}}}");
        struct claim_role_arns l;

        assert_int_equal(claim_role_arns(&l, claims, "resource_access.urn:amazon.webservices.roles"), 0);
        assert_int_equal(l.n, 1);
        claim_role_arns_deinit(&l);
}

// A hostile provider: what is kept is bounded, and told.
static void ten_thousand_roles_are_cut(void **state _unused_)
{
        json_t *claims = json_object(), *list = json_array();
        struct claim_role_arns l;
        char arn[64];

        for (int i = 0; i < 10000; i++) {
                snprintf(arn, sizeof arn, "arn:aws:iam::123456789012:role/r%d", i);
                json_array_append_new(list, json_string(arn));
        }
        json_object_set_new(claims, "r", list);
        assert_int_equal(claim_role_arns(&l, claims, "r"), 0);
        assert_int_equal(l.n, CLAIM_ROLE_ARNS_MAX);
        assert_int_equal(l.n_over, 10000 - CLAIM_ROLE_ARNS_MAX);
        claim_role_arns_deinit(&l);
        json_decref(claims);
}

static void roles_without_memory(void **state _unused_)
{
        cleanup_json json_t *claims = parse("{\"r\": [\"" DEV "," IDP "\", \"" OPS "\", \"" DEV "\"]}");
        struct claim_role_arns l;
        int r = 0;

        FAULT_EACH(50, r = claim_role_arns(&l, claims, "r"))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
        assert_int_equal(l.n, 2);
        claim_role_arns_deinit(&l);
}

// ---- templates

static void a_template_is_filled_in(void **state _unused_)
{
        static const struct {
                const char *text;
                int r;
                const char *out;
        } cases[] = {
                {"plain", 0, "plain"},
                {"{user}@{host}", 0, "alice@box"},
                {"x{claim:n}y{claim:a.b}", 0, "x42ywhole"},
                {"{claim:https://example.com/team}", 0, "blue"},
                {"{claim:nope}", -EINVAL, "the ID token has no claim nope, or an empty one"},
                {"{claim:empty}", -EINVAL, "the ID token has no claim empty, or an empty one"},
                {"{claim:list}", -EINVAL,
                        "the claim list of the ID token is no text, number or truth value of at most 1024 "
                        "bytes"},
        };
        cleanup_json json_t *claims = parse(some);
        const struct text_words w = {.user = "alice", .host = "box", .claims = claims}, nobody = {.host = ""};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_buf struct buf b = BUF_INIT(4096);
                struct err err = ERR_INIT;

                assert_int_equal(text_template_expand(&b, cases[i].text, &w, &err), cases[i].r);
                assert_string_equal(cases[i].r == 0 ? buf_str(&b) : err.text, cases[i].out);
                err_clear(&err);
                if (i > 0)
                        assert_int_equal(text_template_expand(&b, cases[i].text, &nobody, &err), -EINVAL);
        }
}

static void words_that_are_none(void **state _unused_)
{
        static const char *const bad[] = {"{", "}", "{}", "{users}", "{user", "user}", "{claim:}", "{claim}",
                "{claim:{user}}", "a{b}c", "{{user}}", "{USER}"};

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                cleanup_buf struct buf b = BUF_INIT(4096);
                const struct text_words w = {.user = "u", .host = "h"};
                struct err err = ERR_INIT;

                if (text_template_expand(&b, bad[i], &w, &err) != -EINVAL)
                        fail_msg("taken: %s", bad[i]);
                assert_string_not_equal(err.text, "");
                assert_false(text_template_has(bad[i], TEXT_CLAIM));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_claim_is_text_or_nothing),
                cmocka_unit_test(a_claim_has_a_longest_length),
                cmocka_unit_test(a_tokens_claims),
                cmocka_unit_test(lists_of_roles),
                cmocka_unit_test(keycloaks_roles_are_nested),
                cmocka_unit_test(ten_thousand_roles_are_cut),
                cmocka_unit_test(roles_without_memory),
                cmocka_unit_test(a_template_is_filled_in),
                cmocka_unit_test(words_that_are_none),
        };

        return cmocka_run_group_tests_name("token_claim", tests, NULL, NULL);
}
