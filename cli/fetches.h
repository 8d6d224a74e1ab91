// SPDX-License-Identifier: Apache-2.0
//
// HTTP requests of a verb that asks by itself, several at once or a single one: net/http on a loop that lives until all are answered.
#pragma once

#include "http.h"

#define FETCHES_MAX 64u

struct fetch {
        struct http_request q; // as it will be asked; what it points to is borrowed, but for url
        char *url;
        const void *what; // whom it is about, for who asked
        enum outcome outcome;
        struct err err;
        struct http_response response;
        struct http_op *op;
        struct fetches *all;
};
struct fetches {
        struct fetch list[FETCHES_MAX];
        size_t n, pending;
        struct loop *loop;
        struct http *http;
};

int fetches_init(struct fetches *f) _must_check_; // once in a process; 0, -errno
void fetches_deinit(struct fetches *f);
void fetches_clear(struct fetches *f); // for another round
// To be filled in further; NULL: no room, or no memory.
struct fetch *fetches_add(struct fetches *f, const char *url, const char *ca_file);
// Asks them all, and waits at most timeout_ms for each. 0, -errno.
int fetches_run(struct fetches *f, int64_t timeout_ms) _must_check_;

// A single one. The response's body is the caller's (buf_deinit). Outcomes other than OUTCOME_OK come with err.
enum outcome fetch_once(struct http_response *ret, const struct http_request *q, struct err *err);
