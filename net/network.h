// SPDX-License-Identifier: Apache-2.0
//
// Tells when the network may have come back: a link runs, an address or a route is new.
#pragma once

#include "loop.h"

struct network;
// came_back(): from the loop, a moment after the last of several events, and not more often than ten times at once and
// then once in ten seconds, by those that it said were of use to it (true).
int network_new(struct network **ret, struct loop *l, bool (*came_back)(void *arg), void *arg) _must_check_;
struct network *network_free(struct network *n);
