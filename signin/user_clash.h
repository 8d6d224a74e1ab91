// SPDX-License-Identifier: Apache-2.0
//
// Does somebody in the table have this name, this uid, or is this person? The writer refuses what is there twice; here it is
// said who, and what can be done. An id that is taken is never exchanged for the next free one: which one that is would
// depend on who came first on which host.
#pragma once

#include "err.h"
#include "table.h"

// Whether u and x cannot both be there; then err says why.
bool user_clash(const struct table_user *u, const struct table_user *x, struct err *err);
// The same with everybody in an open table. 0; TABLE_E_DUPLICATE with a sentence; what table_next() says.
int user_clash_in(const struct table *t, const struct table_user *u, struct err *err);
