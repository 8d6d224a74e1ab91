// SPDX-License-Identifier: Apache-2.0
//
// How many sign-ins may begin within a minute: of one user, from one remote host, and in all. What a flood of connections
// costs the provider, and how many codes it can put before a person, is bounded by this and by how many may run at
// once (flow.c).
#pragma once

#include "clock.h"
#include "config.h"

struct pace;
int pace_new(struct pace **ret, const struct clock *clock) _must_check_;
struct pace *pace_free(struct pace *l);

// True, and it is counted, where one more may begin now. kind: what is counted for itself, so that strangers, or a runaway
// program, do not use up what its owner may begin. rhost NULL: none, of which there is no limit.
bool pace_allows(
        struct pace *l, const struct config_signin *c, unsigned kind, const char *user, const char *rhost);
