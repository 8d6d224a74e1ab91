// SPDX-License-Identifier: Apache-2.0
//
// The status as people see it: bars that shrink, columns that fit, colours that take no room, and never more lines than there are.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "json.h"
#include "status_text.h"

#include <stdio.h>
#include <string.h>

#define NOW INT64_C(1800000000)

static const char document[] =
        "{'identities': [{'name': 'corp', 'state': 'signed-in', 'display': 'alice', 'issuer': "
        "'https://login.example.com',"
        " 'grant_expires_at': 1800003600, 'reason': ''},"
        " {'name': 'lab', 'state': 'needs-login', 'display': null, 'issuer': 'https://lab.example', "
        "'grant_expires_at': null,"
        " 'reason': 'the sign-in to identity lab has ended: it is too old'}],"
        " 'roles': [{'name': 'dev', 'state': 'valid', 'expires_at': 1800001800, 'next_rotation_at': "
        "1800000060,"
        " 'role_arn': 'arn:aws:iam::123456789012:role/dev', 'duration': {'given': 3600}, 'last_error': null},"
        " {'name': 'admin', 'state': 'expired', 'expires_at': null, 'next_rotation_at': null,"
        " 'role_arn': 'arn:aws:iam::123456789012:role/admin', 'duration': {'given': null},"
        " 'last_error': {'outcome': 'access-denied', 'message': 'STS refused it'}}],"
        " 'endpoint': {'url': 'http://127.0.0.1:61000', 'kept': false}}";

static char text[8192];

static void draw(const struct status_look *look)
{
        cleanup_buf struct buf out = BUF_INIT(sizeof text - 1);
        cleanup_json json_t *j = NULL;
        char quoted[sizeof document];
        json_error_t e;

        for (size_t i = 0; i < sizeof document; i++)
                quoted[i] = document[i] == '\'' ? '"' : document[i];
        j = json_loads(quoted, 0, &e);
        assert_non_null(j);
        assert_int_equal(status_text(&out, j, NOW, look), 0);
        snprintf(text, sizeof text, "%s", buf_str(&out));
}

static void has(const char *s)
{
        if (!strstr(text, s))
                fail_msg("no '%s' in:\n%s", s, text);
}

static void has_not(const char *s)
{
        if (strstr(text, s))
                fail_msg("'%s' is in:\n%s", s, text);
}

static void everything_is_said_where_nothing_bounds_it(void **state)
{
        (void)state;
        draw(&(struct status_look){0});
        has("IDENTITY  STATE        WHO    ENDS IN  ISSUER\n");
        has("corp      signed-in    alice  60 min   https://login.example.com\n");
        has("dev    valid    30 min      60 s        arn:aws:iam::123456789012:role/dev\n");
        has("admin  expired  -           -           arn:aws:iam::123456789012:role/admin\n");
        has("\nthe sign-in to identity lab has ended: it is too old\n");
        has("\nSTS refused it\n");
        has("\nSDKs find credentials at http://127.0.0.1:61000, which valetkeyd does not keep: after a "
            "logout, others can listen there.\n");
        has_not("\033");
}

static void the_last_columns_go_first(void **state)
{
        (void)state;
        draw(&(struct status_look){.width = 60});
        has("IDENTITY  STATE        WHO    ENDS IN\n");
        has("dev    valid    30 min      60 s\n");
        has_not("arn:");
        has("\nSDKs find credentials at http://127.0.0.1:61000, which\nvaletkeyd does not keep: after a "
            "logout, others can listen\nthere.\n");
        draw(&(struct status_look){.width = 1});
        has("IDENTITY  STATE\n");
        has("dev    valid\n");
}

static void bars_are_what_is_left_of_what_was_given(void **state)
{
        (void)state;
        draw(&(struct status_look){.bars = true, .utf8 = true});
        has("dev    valid    30 min      60 s        █████░░░░░\n");
        has("admin  expired  -           -           ░░░░░░░░░░\n");
        draw(&(struct status_look){.bars = true});
        has("#####-----\n");
}

static void colours_are_of_states_and_take_no_room(void **state)
{
        (void)state;
        draw(&(struct status_look){.colours = true, .width = 80});
        has("corp      \033[32msigned-in\033[0m    alice  60 min   https://login.example.com\n");
        has("lab       \033[31mneeds-login\033[0m  -      -        https://lab.example\n");
        has("admin  \033[31mexpired\033[0m  -           -           arn:aws:iam::123456789012:role/admin\n");
        has("IDENTITY  STATE  ");
}

static unsigned rows(unsigned width)
{
        unsigned n = 0, column = 0;

        for (const char *s = text; *s; s++) {
                if (*s == '\033')
                        s += strcspn(s, "m");
                else if ((unsigned char)*s >> 6 == 2)
                        continue;
                else if (*s == '\n' || ++column > width) {
                        n++;
                        column = *s != '\n';
                }
        }
        return n + (column > 0);
}

// The picture of --watch is drawn over the one before.
static void it_never_scrolls(void **state)
{
        (void)state;
        for (unsigned width = 5; width < 100; width += 7)
                for (unsigned lines = 1; lines < 24; lines++) {
                        draw(&(struct status_look){
                                .bars = true, .utf8 = true, .colours = true, .width = width, .lines = lines});
                        if (rows(width) > lines)
                                fail_msg("%u rows on a terminal of %u × %u:\n%s", rows(width), width, lines,
                                        text);
                }
}

static void a_document_that_is_none_has_no_lines_of_its_own(void **state)
{
        cleanup_buf struct buf out = BUF_INIT(4096);
        cleanup_json json_t *j =
                json_pack("{s:s, s:[s, i], s:b}", "identities", "x", "roles", "y", 1, "endpoint", 1);

        (void)state;
        assert_int_equal(status_text(&out, j, NOW, &(struct status_look){.colours = true, .width = 80}), 0);
        assert_non_null(strstr(buf_str(&out), "There is no loopback endpoint."));
}

static void memory_that_runs_out_is_said(void **state)
{
        cleanup_json json_t *j =
                json_pack("{s:[{s:s}], s:[{s:s}]}", "identities", "name", "a", "roles", "name", "b");
        const struct status_look look = {.width = 20};
        cleanup_buf struct buf out = BUF_INIT(4096);
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(200, r = status_text(&out, j, NOW, &look))
        {
                assert_int_equal(r, -ENOMEM);
                buf_deinit(&out);
                out = BUF_INIT(4096);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_is_said_where_nothing_bounds_it),
                cmocka_unit_test(the_last_columns_go_first),
                cmocka_unit_test(bars_are_what_is_left_of_what_was_given),
                cmocka_unit_test(colours_are_of_states_and_take_no_room),
                cmocka_unit_test(it_never_scrolls),
                cmocka_unit_test(a_document_that_is_none_has_no_lines_of_its_own),
                cmocka_unit_test(memory_that_runs_out_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
