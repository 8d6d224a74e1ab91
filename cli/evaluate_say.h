// SPDX-License-Identifier: Apache-2.0
//
// How a decision over policies is told: the answer first, then each kind of policy with file and line, then the one change
// that would make it an allow, where one would.
#pragma once

#include "policy_decide.h"

#include <jansson.h>

struct evaluate_case {
        struct policy_case request;
        char *const *names; // of the documents: their files
        const char *refused
                [4]; // of several actions that are asked for together: which; the outcome is the first one's
        json_t *notes; // more sentences; NULL
};
// Decides each of the actions, at most three; what is told is the first that is refused, else the last. 0 or -ENOMEM.
int evaluate_actions(
        struct evaluate_case *e, const char *const *actions, struct policy_outcome *ret) _must_check_;
// To stdout. 0, -ENOMEM, -EIO.
int evaluate_say(const struct evaluate_case *e, const struct policy_outcome *o) _must_check_;
int evaluate_say_json(const struct evaluate_case *e, const struct policy_outcome *o) _must_check_;
