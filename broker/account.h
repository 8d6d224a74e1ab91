// SPDX-License-Identifier: Apache-2.0
//
// The broker's own user as valetkeyd's tables have him. A user whom the administrator locks, lets expire or removes gets nothing
// more from a broker that runs already: it looks itself, into the files and past everybody, before each hand-out and
// once a minute. A table that cannot be read ends nothing: whoever was let in is served.
#pragma once

#include "matching.h"

// What ours_find() says of the user, whose name need not be known to anybody but the table. name: his, or NULL.
void account_find(struct ours_user *ret, const struct matching_where *where, const char *name);

struct account;
// gone(): from the loop, when account_check() has found so; why is a part of a sentence. It may come again.
int account_new(struct account **ret, struct loop *l, const struct matching_where *where,
        void (*gone)(void *arg, const char *why), void *arg) _must_check_; // where is borrowed for good
struct account *account_free(struct account *a);

// A look has found him in a table: there is, or was, a valetkeyd that knows him.
bool account_is_ours(const struct account *a);
// OUTCOME_OK, also for whoever was never valetkey's; OUTCOME_ACCOUNT_LOCKED, _EXPIRED, OUTCOME_NOT_OURS (removed). One look
// holds for a second.
enum outcome account_check(struct account *a, struct err *err); // a NULL: OUTCOME_OK
