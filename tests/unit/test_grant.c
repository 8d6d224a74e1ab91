// SPDX-License-Identifier: Apache-2.0
//
// Grants travel whole or not at all.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "frame.h"
#include "grant.h"

static int fill(struct grant *g)
{
        int r;

        *g = (struct grant){.type = SOURCE_OIDC,
                .identity = strdup("corp"),
                .issuer = strdup("https://login.example.com"),
                .client_id = strdup("valetkey"),
                .subject = strdup("248289761001"),
                .username = strdup("alice"),
                .display = strdup("alice@example.com"),
                .scope = strdup("openid offline_access"),
                .id_token_exp_s = 1795314124,
                .refresh_exp_s = 0,
                .signed_in_at_s = 1795310000};
        r = secret_new_str(&g->id_token, "eyJ.id.token");
        if (r == 0)
                r = secret_new_str(&g->access_token, "access");
        if (r == 0)
                r = secret_new_str(&g->refresh_token, "refresh");
        return r;
}

static struct secret *encoded(void)
{
        struct secret *s = NULL;
        struct grant g;

        assert_int_equal(fill(&g), 0);
        assert_int_equal(grant_encode(&s, &g), 0);
        grant_deinit(&g);
        return s;
}

static void comes_back_as_it_went(void **state)
{
        cleanup_secret struct secret *s = encoded();
        struct grant g;

        (void)state;
        assert_int_equal(grant_decode(&g, secret_str(s), secret_len(s), NULL), 0);
        assert_int_equal(g.type, SOURCE_OIDC);
        assert_string_equal(g.identity, "corp");
        assert_string_equal(g.issuer, "https://login.example.com");
        assert_string_equal(g.client_id, "valetkey");
        assert_string_equal(g.subject, "248289761001");
        assert_string_equal(g.username, "alice");
        assert_string_equal(g.display, "alice@example.com");
        assert_string_equal(g.scope, "openid offline_access");
        assert_null(g.sender_constraint);
        assert_string_equal(secret_str(g.id_token), "eyJ.id.token");
        assert_string_equal(secret_str(g.access_token), "access");
        assert_string_equal(secret_str(g.refresh_token), "refresh");
        assert_int_equal(g.id_token_exp_s, 1795314124);
        assert_int_equal(g.refresh_exp_s, 0);
        assert_int_equal(g.signed_in_at_s, 1795310000);
        grant_deinit(&g);
        grant_deinit(&g);
}

static void absent_stays_absent(void **state)
{
        cleanup_secret struct secret *s = NULL;
        struct grant g;

        (void)state;
        assert_int_equal(fill(&g), 0);
        free(g.username);
        g.username = NULL;
        free(g.scope);
        g.scope = NULL;
        g.refresh_token = secret_free(g.refresh_token);
        g.access_token = secret_free(g.access_token);
        assert_int_equal(grant_encode(&s, &g), 0);
        grant_deinit(&g);
        assert_int_equal(grant_decode(&g, secret_str(s), secret_len(s), NULL), 0);
        assert_null(g.username);
        assert_null(g.scope);
        assert_null(g.refresh_token);
        assert_null(g.access_token);
        grant_deinit(&g);
}

static void set(char **field, const char *value)
{
        free(*field);
        *field = value ? strdup(value) : NULL;
}

static void what_could_not_be_read_is_not_written(void **state)
{
        char long_text[4200];
        struct secret *s = NULL;
        struct grant g;

        (void)state;
        memset(long_text, 'x', sizeof long_text);
        long_text[sizeof long_text - 1] = 0;
        assert_int_equal(fill(&g), 0);
#define REFUSED(field, value, good)                                                                          \
        set(&g.field, value);                                                                                \
        assert_int_equal(grant_encode(&s, &g), -EINVAL);                                                     \
        set(&g.field, good)
        REFUSED(identity, NULL, "corp");
        REFUSED(issuer, "", "https://login.example.com");
        REFUSED(subject, NULL, "1");
        REFUSED(subject, "a\nb", "1");
        REFUSED(subject, long_text, "1");
        REFUSED(username, "Root", "alice");
        REFUSED(username, "a:b", "alice");
        REFUSED(scope, long_text, NULL);
        REFUSED(display, "x\x7f", "x");
#undef REFUSED
        g.signed_in_at_s = -1;
        assert_int_equal(grant_encode(&s, &g), -EINVAL);
        g.signed_in_at_s = 0;
        g.type = 0;
        assert_int_equal(grant_encode(&s, &g), -EINVAL);
        g.type = SOURCE_OIDC;
        g.id_token = secret_free(g.id_token);
        assert_int_equal(grant_encode(&s, &g), -EINVAL);
        assert_null(s);
        grant_deinit(&g);
}

static void tokens_up_to_their_bound(void **state)
{
        cleanup_secret struct secret *s = NULL;
        struct grant g, back;
        char token[20001];

        (void)state;
        memset(token, 't', sizeof token);
        assert_int_equal(fill(&g), 0);
        secret_free(g.id_token);
        secret_free(g.access_token);
        secret_free(g.refresh_token);
        assert_int_equal(secret_new(&g.id_token, token, 20000), 0);
        assert_int_equal(secret_new(&g.access_token, token, 20000), 0);
        assert_int_equal(secret_new(&g.refresh_token, token, 20000), 0);
        assert_int_equal(grant_encode(&s, &g), 0);
        assert_int_equal(grant_decode(&back, secret_str(s), secret_len(s), NULL), 0);
        assert_int_equal(secret_len(back.refresh_token), 20000);
        grant_deinit(&back);
        secret_free(g.id_token);
        g.id_token = NULL;
        assert_int_equal(secret_new(&g.id_token, token, 20001), 0);
        s = secret_free(s);
        assert_int_equal(grant_encode(&s, &g), -EINVAL);
        grant_deinit(&g);
}

static void a_cut_or_changed_frame_is_refused_or_whole(void **state)
{
        cleanup_secret struct secret *s = encoded();
        size_t n = secret_len(s), taken = 0;
        cleanup_free char *p = malloc(n);
        struct grant g;

        (void)state;
        for (size_t cut = 0; cut < n; cut++) {
                struct err err = ERR_INIT;

                assert_int_equal(grant_decode(&g, secret_str(s), cut, &err), -EBADMSG);
                assert_true(err.text[0]);
        }
        for (size_t bit = 0; bit < n * 8; bit++) {
                memcpy(p, secret_str(s), n);
                p[bit / 8] = (char)(p[bit / 8] ^ 1 << bit % 8);
                if (grant_decode(&g, p, n, NULL) == 0) {
                        assert_non_null(g.id_token);
                        assert_non_null(g.subject);
                        grant_deinit(&g);
                        taken++;
                }
        }
        assert_true(taken < n * 8);
}

static void unknown_mandatory_fields_are_refused(void **state)
{
        cleanup_secret struct secret *s = encoded();
        size_t n = secret_len(s);
        char room[1024];
        struct frame_writer w;
        struct frame f;
        struct grant g;

        (void)state;
        for (int optional = 0; optional < 2; optional++) {
                assert_true(frame_parse(&f, secret_str(s), n));
                frame_begin(&w, room, sizeof room, GRANT_TYPE);
                for (unsigned i = 0; i < f.n_fields; i++)
                        frame_put(&w, f.fields[i].tag, f.fields[i].p, f.fields[i].n);
                frame_put_u32(&w, (uint16_t)(99 | (optional ? FRAME_TAG_OPTIONAL : 0)), 1);
                if (optional) {
                        assert_int_equal(grant_decode(&g, room, frame_end(&w), NULL), 0);
                        grant_deinit(&g);
                } else {
                        assert_int_equal(grant_decode(&g, room, frame_end(&w), NULL), -EBADMSG);
                }
        }
        frame_begin(&w, room, sizeof room, GRANT_TYPE + 1);
        for (unsigned i = 0; i < f.n_fields; i++)
                frame_put(&w, f.fields[i].tag, f.fields[i].p, f.fields[i].n);
        assert_int_equal(grant_decode(&g, room, frame_end(&w), NULL), -EBADMSG);
}

static void a_grant_bound_to_a_key_is_left_to_who_can_prove_it(void **state)
{
        static const struct {
                const char *value, *why;
        } rows[] = {
                {"1:jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
                        "(version 1) that this version cannot prove"},
                {"65535:x", "(version 65535) that this version cannot prove"},
                {"jkt", "is not VERSION:VALUE"},
                {"0:x", "is not VERSION:VALUE"},
                {"1:", "is not VERSION:VALUE"},
                {":x", "is not VERSION:VALUE"},
                {"100000:x", "is not VERSION:VALUE"},
                {"1 :x", "is not VERSION:VALUE"},
        };
        cleanup_secret struct secret *s = encoded(), *none = NULL;
        char room[2048];
        struct frame f;
        struct grant g;

        (void)state;
        assert_true(frame_parse(&f, secret_str(s), secret_len(s)));
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct err err = ERR_INIT;
                struct frame_writer w;

                frame_begin(&w, room, sizeof room, GRANT_TYPE);
                for (unsigned j = 0; j < f.n_fields; j++)
                        frame_put(&w, f.fields[j].tag, f.fields[j].p, f.fields[j].n);
                frame_put_str(&w, 15, rows[i].value);
                assert_int_equal(grant_decode(&g, room, frame_end(&w), &err), -EBADMSG);
                if (!strstr(err.text, rows[i].why))
                        fail_msg("%s: %s", rows[i].value, err.text);
        }
        assert_int_equal(fill(&g), 0);
        g.sender_constraint = strdup("1:x");
        assert_int_equal(grant_encode(&none, &g), -EINVAL);
        grant_deinit(&g);
}

static void every_required_field_is_required(void **state)
{
        cleanup_secret struct secret *s = encoded();
        char room[1024];
        struct frame f;
        unsigned refused = 0;

        (void)state;
        assert_true(frame_parse(&f, secret_str(s), secret_len(s)));
        for (unsigned leave = 0; leave < f.n_fields; leave++) {
                struct frame_writer w;
                struct grant g;
                int r;

                frame_begin(&w, room, sizeof room, GRANT_TYPE);
                for (unsigned i = 0; i < f.n_fields; i++)
                        if (i != leave)
                                frame_put(&w, f.fields[i].tag, f.fields[i].p, f.fields[i].n);
                r = grant_decode(&g, room, frame_end(&w), NULL);
                if (r == 0)
                        grant_deinit(&g);
                else
                        refused++;
        }
        assert_int_equal(f.n_fields, 14);
        assert_int_equal(refused, 10); // all but user name, scope, access and refresh token
}

static void every_allocation_may_fail(void **state)
{
        cleanup_secret struct secret *whole = encoded();
        struct secret *s = NULL;
        struct grant g, back;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        assert_int_equal(fill(&g), 0);
        FAULT_EACH(50, r = grant_encode(&s, &g))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_int_equal(failed, 2);
        secret_free(s);
        grant_deinit(&g);
        failed = 0;
        FAULT_EACH(50, r = grant_decode(&back, secret_str(whole), secret_len(whole), NULL))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_int_equal(failed, 10);
        grant_deinit(&back);
}

static bool left_behind;

static void look_for_token(const void *p, size_t n, void *arg)
{
        left_behind |= memmem(p, n, arg, strlen(arg)) != NULL;
}

static void no_token_stays_in_freed_memory(void **state)
{
        char marker[] = "eyJ.id.token";
        struct secret *s = NULL;
        struct grant g, back;

        (void)state;
        assert_int_equal(fill(&g), 0);
        fault_watch_free(look_for_token, marker);
        assert_int_equal(grant_encode(&s, &g), 0);
        assert_int_equal(grant_decode(&back, secret_str(s), secret_len(s), NULL), 0);
        grant_deinit(&back);
        grant_deinit(&g);
        secret_free(s);
        fault_watch_free(NULL, NULL);
        assert_false(left_behind);
}

static void types_have_names(void **state)
{
        enum source_type t = 0;

        (void)state;
        assert_string_equal(source_type_name(SOURCE_OIDC), "oidc");
        assert_null(source_type_name(0));
        assert_int_equal(source_type_from_name("oidc", &t), 0);
        assert_int_equal(t, SOURCE_OIDC);
        assert_int_equal(source_type_from_name("saml", &t), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(comes_back_as_it_went),
                cmocka_unit_test(absent_stays_absent),
                cmocka_unit_test(what_could_not_be_read_is_not_written),
                cmocka_unit_test(tokens_up_to_their_bound),
                cmocka_unit_test(a_cut_or_changed_frame_is_refused_or_whole),
                cmocka_unit_test(unknown_mandatory_fields_are_refused),
                cmocka_unit_test(a_grant_bound_to_a_key_is_left_to_who_can_prove_it),
                cmocka_unit_test(every_required_field_is_required),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(no_token_stays_in_freed_memory),
                cmocka_unit_test(types_have_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
