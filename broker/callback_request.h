// SPDX-License-Identifier: Apache-2.0
//
// What came to the loopback address, judged by its bytes alone: only GET of the one path with our own name as Host is a browser
// that comes back. What its query says is for whoever knows the state.
#pragma once

#include "util.h"

#define CALLBACK_PATH "/callback"

enum callback_verdict {
        CALLBACK_MORE,  // not all of it is there yet
        CALLBACK_QUERY, // it came back
        CALLBACK_REFUSE,
};

struct callback_request {
        enum callback_verdict verdict;
        const char *query; // CALLBACK_QUERY: behind the "?", inside of what was given
        size_t query_n;
        int status; // CALLBACK_REFUSE, and why, for people
        const char *title, *text;
};

// n bytes from the start of a connection to that port. full: no more can come.
void callback_request_read(struct callback_request *ret, const char *p, size_t n, bool full, uint16_t port);
