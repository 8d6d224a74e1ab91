// SPDX-License-Identifier: Apache-2.0
//
// One sign-in, from "alice wants in" to a handle or a refusal: limits, the device flow, the decision, the grant.
#pragma once

#include "gate.h"

struct flow_options {
        const struct asked *asked; // copied as far as it is needed
        const struct gate *gate;   // has let it through
        struct packet_conn *conn;  // borrowed: the prompt and the result go there
        void (*done)(void *arg);   // after the result was sent; frees the flow
        void *arg;
};

// OUTCOME_OK: it runs, and done() comes later. Otherwise nothing runs, no provider was asked, and err says why.
enum outcome flow_new(struct flow **ret, struct signin *s, const struct flow_options *o, struct err *err);
struct flow *flow_free(struct flow *f); // ends the polling
// The one who asked is gone; for the log. The flow is to be freed next.
void flow_cancelled(const struct flow *f);
