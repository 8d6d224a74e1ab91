// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a person to sign in, with what is left of the time on the terminal.
#pragma once

#include "client.h"

struct wait_shown {
        int64_t ends_ms; // on the monotonic clock; 0: nothing is shown
        bool line;       // a line is on the terminal that is to be cleared
};

// From now on the time left is shown, where stderr is a terminal that can go back on a line.
void wait_shown_begin(struct wait_shown *w, uint32_t expires_in_s);
// As client_receive() without a deadline.
enum outcome wait_shown_receive(struct wait_shown *w, struct client *c, struct err *err);
