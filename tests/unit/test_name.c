// SPDX-License-Identifier: Apache-2.0
//
// Names that may become a passwd line, a path component or a log line.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "name.h"

static void good_names(void **state)
{
        static const char *const good[] = {"a", "_", "alice", "_svc", "a-b_c.d", "alice@example.com", "x9"};
        char longest[NAME_MAX_USER + 1];

        (void)state;
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
                assert_true(name_is_valid_user(good[i], strlen(good[i])));
        memset(longest, 'a', sizeof longest);
        assert_true(name_is_valid_user(longest, NAME_MAX_USER));
        assert_false(name_is_valid_user(longest, NAME_MAX_USER + 1));
}

static void bad_names(void **state)
{
        static const char *const bad[] = {"", "Root", "aLice", "9a", "-a", ".a", "@a", "a.", "a..b", "a/b",
                "../a", "a:b", "a b", "a\n", "a\t", "a\x7f", "\xc3\xbc", "a\xc3\xbc", "a$", "a*", "a\\b",
                "a'b", "a\"b", "a,b", "a%b"};

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                if (name_is_valid_user(bad[i], strlen(bad[i])))
                        fail_msg("taken: %s", bad[i]);
        assert_false(name_is_valid_user(NULL, 0));
        assert_false(name_is_valid_user("a\0b", 3));
        assert_false(name_is_valid_user("a\0", 2));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_names),
                cmocka_unit_test(bad_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
