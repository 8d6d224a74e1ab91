// SPDX-License-Identifier: Apache-2.0
//
// The second source of role sessions: AssumeRole signed with another role's session (role chaining), also across
// accounts with an ExternalId. Each layer expires and rotates by itself; a layer asks the one below when it needs it.
#pragma once

#include "keeper.h"
#include "role.h"
#include "source.h"

struct chain {
        struct source source; // first member
        struct keeper *keeper;
        struct http *http;
        struct role *const *from; // the slot of the source role: all roles are made before one is asked
        struct clock_remote date; // STS's clock
};
void chain_init(struct chain *c, struct role *const *from, struct keeper *k, struct http *h);
