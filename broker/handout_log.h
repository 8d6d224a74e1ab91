// SPDX-License-Identifier: Apache-2.0
//
// A line for every hand-out and for every refusal that is ours: who, what, through which door. One caller that asks without end
// does not push the others' lines out of the journal: each has a limit of its own, and all together have one.
#pragma once

#include "caller.h"
#include "clock.h"
#include "outcome.h"
#include "sts.h"

struct handout_log;
int handout_log_new(struct handout_log **ret, const struct clock *clock) _must_check_;
struct handout_log *handout_log_free(struct handout_log *l);
// app: the name of the caller's section; NULL: none.
void handout_log_given(struct handout_log *l, const struct caller *who, const char *app, const char *role,
        const struct sts_credentials *c);
void handout_log_refused(struct handout_log *l, const struct caller *who, const char *app, const char *role,
        enum outcome o, const char *why);
