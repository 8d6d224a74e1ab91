// SPDX-License-Identifier: Apache-2.0
//
// Which role a word means: a name before everything that begins with it, and never one of several.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "json.h"
#include "role_choose.h"

static void means(const char *word, const char *want)
{
        cleanup_json json_t *roles = json_pack("[{s:s}, {s:s}, {s:s}, {s:s}]", "name", "dev-admin", "name",
                "dev", "name", "prod", "name", "d/x");
        struct err err = ERR_INIT;
        const json_t *o = role_by_prefix(roles, word, &err);

        if (want && want[0] != '!')
                assert_string_equal(o ? json_string_value(json_object_get(o, "name")) : err.text, want);
        else
                assert_string_equal(o ? "found" : err.text, want + 1);
}

static void words(void **state _unused_)
{
        means("dev", "dev"); // and not dev-admin, which begins so
        means("dev-", "dev-admin");
        means("p", "prod");
        means("d/x", "d/x");
        means("d", "!'d' could be any of these roles: dev-admin, dev, d/x");
        means("", "!no role '' is configured; see: valetkey roles");
        means("Prod", "!no role 'Prod' is configured; see: valetkey roles");
        means("produce", "!no role 'produce' is configured; see: valetkey roles");
}

// A thousand candidates are still one short sentence.
static void many(void **state _unused_)
{
        cleanup_json json_t *roles = json_array();
        struct err err = ERR_INIT;

        for (int i = 0; i < 1000; i++)
                json_array_append_new(roles, json_pack("{s:o}", "name", json_sprintf("role-number-%d", i)));
        assert_null(role_by_prefix(roles, "role", &err));
        assert_non_null(strstr(err.text, "role-number-0, role-number-1, "));
        assert_non_null(strstr(err.text, ", …"));
        assert_true(strlen(err.text) < sizeof err.text - 1);
}

// What is no role object is no role, and no crash.
static void junk(void **state _unused_)
{
        cleanup_json json_t *roles = json_pack("[i, {}, {s:i}, n]", 1, "name", 2);
        struct err err = ERR_INIT;

        assert_null(role_by_prefix(roles, "a", &err));
        assert_null(role_by_prefix(NULL, "a", NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words),
                cmocka_unit_test(many),
                cmocka_unit_test(junk),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
