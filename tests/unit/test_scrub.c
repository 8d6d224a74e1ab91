// SPDX-License-Identifier: Apache-2.0
//
// What calls leave on the stack, seen on a stack of our own making: there until it is scrubbed, and not afterwards.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scrub.h"
#include "util.h"

#include <ucontext.h>

#define STACK (256u << 10)

static const char secret[] = "half of a token that memcpy had in its registers";
static char *stack;
static ucontext_t outside, inside;
static bool scrubs;

// Some way down, as in a library.
__attribute__((noinline)) static void leave_it(unsigned deep)
{
        volatile char room[4096];

        for (size_t i = 0; i < sizeof secret; i++)
                room[i + 100] = secret[i];
        if (deep)
                leave_it(deep - 1);
        room[0] = room[100]; // not a tail call
}

static void turn(void)
{
        leave_it(4);
        if (scrubs)
                scrub_stack();
}

static bool is_left(bool scrub)
{
        bool found = false;

        stack = calloc(1, STACK);
        assert_non_null(stack);
        assert_int_equal(getcontext(&inside), 0);
        inside.uc_stack.ss_sp = stack;
        inside.uc_stack.ss_size = STACK;
        inside.uc_link = &outside;
        scrubs = scrub;
        makecontext(&inside, turn, 0);
        assert_int_equal(swapcontext(&outside, &inside), 0);
        for (size_t i = 0; i + sizeof secret <= STACK; i++)
                found = found || memcmp(stack + i, secret, sizeof secret) == 0;
        free(stack);
        return found;
}

static void what_calls_left_is_gone(void **state _unused_)
{
#ifdef __SANITIZE_ADDRESS__
        skip(); // it has stacks of its own
#endif
        assert_true(is_left(false));
        assert_false(is_left(true));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_calls_left_is_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
