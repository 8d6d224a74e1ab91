// SPDX-License-Identifier: Apache-2.0
//
// The table of outcomes is total, its names and exit codes are unique, and no failure ever reads as success
// at PAM or in a script.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <security/pam_modules.h>

#include "outcome.h"

static void the_table_is_total(void **state)
{
        (void)state;
        for (uint32_t o = 0; o < OUTCOME_MAX_; o++) {
                const struct outcome_info *i = outcome_info(o);

                assert_non_null(i->id);
                assert_non_null(i->text);
                assert_true(strlen(i->id) > 0);
                assert_true(strlen(i->text) > 0);
                assert_int_equal(i->text[strlen(i->text) - 1] == '.' || strchr(i->text, ':') != NULL, 1);
                for (const char *c = i->id; *c; c++)
                        assert_true((*c >= 'a' && *c <= 'z') || *c == '-');
        }
}

static void names_and_exit_codes_are_unique(void **state)
{
        (void)state;
        for (uint32_t a = 0; a < OUTCOME_MAX_; a++)
                for (uint32_t b = 0; b < a; b++) {
                        const struct outcome_info *x = outcome_info(a), *y = outcome_info(b);

                        assert_string_not_equal(x->id, y->id);
                        assert_int_not_equal(x->exit_code, y->exit_code);
                        if (x->dbus_error && y->dbus_error)
                                assert_string_not_equal(x->dbus_error, y->dbus_error);
                }
}

static void no_failure_looks_like_success(void **state)
{
        (void)state;
        assert_int_equal(outcome_info(OUTCOME_OK)->exit_code, 0);
        assert_int_equal(outcome_info(OUTCOME_OK)->pam_code, PAM_SUCCESS);
        assert_null(outcome_info(OUTCOME_OK)->dbus_error);
        for (uint32_t o = 1; o < OUTCOME_MAX_; o++) {
                const struct outcome_info *i = outcome_info(o);

                assert_int_not_equal(i->pam_code, PAM_SUCCESS);
                assert_int_not_equal(i->pam_code, PAM_IGNORE);
                assert_in_range(i->pam_code, 1, _PAM_RETURN_VALUES - 1);
                assert_in_range(i->exit_code, 1, 125); // 126 and up belong to the shell
                assert_non_null(i->dbus_error);
                assert_int_equal(strncmp(i->dbus_error, "org.valetkey.Error.", 19), 0);
        }
}

static void unknown_numbers_are_internal(void **state)
{
        (void)state;
        assert_ptr_equal(outcome_info(OUTCOME_MAX_), outcome_info(OUTCOME_INTERNAL));
        assert_ptr_equal(outcome_info(UINT32_MAX), outcome_info(OUTCOME_INTERNAL));
}

// The numbers are on sockets and in people's scripts. A changed one fails here.
static void numbers_stay(void **state)
{
        static const char *const ids[] = {"ok", "internal", "invalid-request", "needs-login", "access-denied",
                "unknown-role", "unknown-identity", "unreachable", "throttled", "timeout", "bad-answer",
                "misconfigured", "token-rejected", "expired", "denied-by-user", "cancelled", "clock-skew",
                "busy", "not-ours", "wrong-subject", "account-locked", "account-expired", "no-daemon",
                "no-broker", "unknown-handle", "nothing", "needs-confirmation", "account-made"};

        (void)state;
        for (uint32_t o = 0; o < sizeof ids / sizeof ids[0]; o++) {
                assert_string_equal(outcome_info(o)->id, ids[o]);
                assert_int_equal(outcome_info(o)->exit_code, o);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_table_is_total),
                cmocka_unit_test(names_and_exit_codes_are_unique),
                cmocka_unit_test(no_failure_looks_like_success),
                cmocka_unit_test(unknown_numbers_are_internal),
                cmocka_unit_test(numbers_stay),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
