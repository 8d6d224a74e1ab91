// SPDX-License-Identifier: Apache-2.0
//
// Somebody who is in no table and whose name the configuration admits (admit = *@example.com). His first sign-in makes him a
// user and ends there: whatever application asked found nobody of that name, so no session begins with what it knows. Names
// that mean something on this machine are nobody's; how many are made, in an hour and in all, is limited.
#pragma once

#include "signin.h"

// Before the provider is asked. OUTCOME_OK; OUTCOME_NOT_OURS: such a name is not made here; OUTCOME_BUSY.
enum outcome newcomer_may_begin(const struct signin *s, const char *user, struct err *err);
// After it was. OUTCOME_ACCOUNT_MADE, or why not: never OUTCOME_OK. err has the sentence to show in either case.
enum outcome newcomer_make(
        struct signin *s, const char *user, const struct jwt_claims *verified, struct err *err);
