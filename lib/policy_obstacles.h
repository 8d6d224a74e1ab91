// SPDX-License-Identifier: Apache-2.0
//
// What is in the way of a request that was refused: every Deny that applies, every Allow that is needed and not there. And
// the statement that would do, where exactly one Allow is missing and nothing denies.
#pragma once

#include "policy_decide.h"

#include <jansson.h>

struct policy_obstacle {
        bool deny; // else an Allow is missing
        enum policy_layer layer;
        unsigned level;
        size_t document; // of a Deny: which. Of a missing Allow: one that does not have it; SIZE_MAX: none was given
        unsigned statement, line; // of a Deny
};
// o: what policy_decide() said of c. 0 or -ENOMEM.
int policy_each_obstacle(const struct policy_case *c, const struct policy_outcome *o,
        void (*cb)(const struct policy_obstacle *b, void *arg), void *arg) _must_check_;

// A statement for the layer o->decided (and its level) that allows these actions of the request; NULL where that alone would
// not do for each of them, which is tried. 0 or -ENOMEM.
int policy_propose(json_t **ret, const struct policy_case *c, const struct policy_outcome *o,
        const char *const *actions) _must_check_;
