// SPDX-License-Identifier: Apache-2.0
//
// What the last hand-outs were: bounded, in order, and not to be pushed out by whoever asks most.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "fault.h"
#include "handout_ring.h"
#include "json.h"

static const struct caller plain = {.uid = 1000, .pid = 7, .exe = "/usr/bin/aws", .door = "socket"};
static char key[] = "ASIAEXAMPLE", id[] = "01234567";
static struct sts_credentials given = {.access_key_id = key, .request_id = id};

static json_t *document(const struct handout_ring *r)
{
        cleanup_buf struct buf b = BUF_INIT(4u << 20);
        json_t *j = NULL;

        assert_int_equal(handout_ring_write(r, &b), 0);
        assert_int_equal(json_parse(&j, buf_str(&b), b.n, NULL), 0);
        return j;
}

static const char *text(const json_t *j, size_t i, const char *member)
{
        return json_string_value(json_object_get(json_array_get(json_object_get(j, "handouts"), i), member));
}

static int64_t number(const json_t *j, size_t i, const char *member)
{
        return json_integer_value(json_object_get(json_array_get(json_object_get(j, "handouts"), i), member));
}

static void what_is_told(void **state _unused_)
{
        struct caller boxed = {.uid = 1000, .kind = CALLER_FLATPAK, .app = "org.example.App", .door = "imds"};
        struct handout_ring *r;
        json_t *j;

        assert_int_equal(handout_ring_new(&r), 0);
        handout_ring_add(r, 100, &plain, NULL, "dev", &given);
        handout_ring_add(r, 110, &boxed, "apps", "dev", &given);
        handout_ring_add(r, 120, &plain, "builds", "dev", &given);
        handout_ring_add(r, 130, &plain, NULL, "dev", &given); // the first again
        j = document(r);
        assert_int_equal(json_array_size(json_object_get(j, "handouts")), 3);
        assert_string_equal(text(j, 0, "app"), "org.example.App");
        assert_string_equal(text(j, 0, "door"), "imds");
        assert_null(text(j, 0, "exe"));
        assert_string_equal(text(j, 1, "app"), "builds");
        assert_null(text(j, 2, "app"));
        assert_string_equal(text(j, 2, "exe"), "/usr/bin/aws");
        assert_string_equal(text(j, 2, "access_key_id"), "ASIAEXAMPLE");
        assert_string_equal(text(j, 2, "request_id"), "01234567");
        assert_int_equal(number(j, 2, "first_at"), 100);
        assert_int_equal(number(j, 2, "at"), 130);
        assert_int_equal(number(j, 2, "times"), 2);
        assert_int_equal(number(j, 2, "pid"), 7);
        json_decref(j);
        handout_ring_free(r);
}

// One program a thousand times is one line; a thousand programs are the last HANDOUT_RING_MAX.
static void bounded(void **state _unused_)
{
        struct caller who = plain;
        struct handout_ring *r;
        json_t *j;

        assert_int_equal(handout_ring_new(&r), 0);
        for (int i = 0; i < 1000; i++)
                handout_ring_add(r, i, &plain, NULL, "dev", &given);
        for (int i = 0; i < 1000; i++) {
                snprintf(who.exe, sizeof who.exe, "/tmp/program-%d", i);
                handout_ring_add(r, 1000 + i, &who, NULL, "dev", &given);
                handout_ring_add(r, 1000 + i, &plain, NULL, "dev", &given);
        }
        j = document(r);
        assert_int_equal(json_array_size(json_object_get(j, "handouts")), HANDOUT_RING_MAX);
        assert_int_equal(number(j, HANDOUT_RING_MAX - 1, "times"), 2000);
        assert_string_equal(text(j, HANDOUT_RING_MAX - 2, "exe"), "/tmp/program-999");
        assert_string_equal(text(j, 0, "exe"), "/tmp/program-489");
        assert_int_equal(json_integer_value(json_object_get(j, "forgotten")), 489);
        json_decref(j);
        handout_ring_free(r);
}

// A name that is no text does not take the document from everybody.
static void names_that_are_no_text(void **state _unused_)
{
        struct caller who = plain;
        struct handout_ring *r;
        json_t *j;

        snprintf(who.exe, sizeof who.exe, "/tmp/\xff\x1b[2J");
        assert_int_equal(handout_ring_new(&r), 0);
        handout_ring_add(r, 1, &who, NULL, "dev", &given);
        j = document(r);
        assert_string_equal(text(j, 0, "exe"), "/tmp/??[2J");
        json_decref(j);
        handout_ring_free(r);
}

static void out_of_memory(void **state _unused_)
{
        struct handout_ring *r = NULL;
        json_t *j;
        int e = 0;

        FAULT_EACH(10, e = handout_ring_new(&r))
        {
                assert_int_equal(e, -ENOMEM);
        }
        FAULT_EACH(20, handout_ring_add(r, 1, &plain, NULL, "dev", &given))
        {
        }
        j = document(r);
        assert_int_equal(json_array_size(json_object_get(j, "handouts")), 1);
        assert_int_equal(
                json_integer_value(json_object_get(j, "forgotten")), 5); // one for each thing to be copied
        json_decref(j);
        handout_ring_free(r);
        assert_null(handout_ring_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_told),
                cmocka_unit_test(bounded),
                cmocka_unit_test(names_that_are_no_text),
                cmocka_unit_test(out_of_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
