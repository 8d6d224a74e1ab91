// SPDX-License-Identifier: Apache-2.0
//
// What goes on after somebody has signed out of an identity: the tokens are wiped at once, but the provider may have to
// be told, and a grant of the same person may be on its way here from valetkeyd, which he means, too.
#pragma once

#include "keeper.h"

struct parting;
int parting_new(struct parting **ret, struct keeper *k, struct claims *c) _must_check_; // claims may be NULL
struct parting *parting_free(struct parting *p); // after its waiters, before its keeper

// What is done beside wiping.
struct parting_ways {
        bool revoke;     // tell the provider
        const char *why; // revoke is false: the reason a person is told
        bool fetch;      // a grant that waits at valetkeyd goes the same way
};
void parting_begin(struct parting *p, const struct parting_ways *w);
// This identity takes no grant any more: the process ends.
void parting_close(struct parting *p);
// A grant that came from valetkeyd after its person had signed out. True: it went the same way, and is not kept.
bool parting_takes(struct parting *p, const struct grant *g);
bool parting_is_busy(const struct parting *p);

// What came of the last one.
struct parting_report {
        bool had;       // there was a grant
        bool revoked;   // the provider says that all of it is over there, too
        struct err why; // had and not revoked: why it was only wiped
};
const struct parting_report *parting_get_report(const struct parting *p);

// done() once, from the loop, when it is not busy.
struct parting_waiter;
int parting_wait_start(
        struct parting_waiter **ret, struct parting *p, void (*done)(void *arg), void *arg) _must_check_;
struct parting_waiter *parting_waiter_free(struct parting_waiter *w);
