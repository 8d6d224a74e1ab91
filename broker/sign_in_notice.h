// SPDX-License-Identifier: Apache-2.0
//
// Somebody should sign in, and nobody may be looking: a notification on the desktop with a button that begins the sign-in in the
// browser. One at a time however many identities need it, none while a person is at it elsewhere, and none again for what was put away.
#pragma once

#include "keeper.h"

enum sign_in_need {
        SIGN_IN_WILL_END = 1, // unless somebody signs in
        SIGN_IN_NEEDED,       // it has ended, or a program asked and nobody is signed in
};

struct sign_in_notices;
// keepers are borrowed.
int sign_in_notices_new(
        struct sign_in_notices **ret, struct loop *l, struct keeper *const *keepers, size_t n) _must_check_;
struct sign_in_notices *sign_in_notices_free(
        struct sign_in_notices *x); // before the keepers; NULL is legal everywhere
// text: why, a sentence.
void sign_in_notices_need(
        struct sign_in_notices *x, const struct keeper *k, enum sign_in_need need, const char *text);
void sign_in_notices_signed_in(struct sign_in_notices *x, const struct keeper *k);
// A person signed out, and knows.
void sign_in_notices_signed_out(struct sign_in_notices *x, const struct keeper *k);
// A session began: what was put away in another one is not any more.
void sign_in_notices_anew(struct sign_in_notices *x);
// A person is at a terminal, and is told there.
void sign_in_notices_person(struct sign_in_notices *x);
