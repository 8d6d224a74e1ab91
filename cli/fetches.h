// SPDX-License-Identifier: Apache-2.0
//
// Several HTTP requests at once, waited for: what a command needs that asks its questions and ends.
#pragma once

#include "http.h"

#define FETCHES_MAX 64u

struct fetch {
        char *url;
        const char *ca_file;       // borrowed; NULL
        const struct secret *form; // borrowed; NULL: GET
        const void *what;          // whom it is about, for who asked
        enum outcome outcome;
        struct err err;
        int status;
        int64_t date_s; // 0: it told none
        struct buf body;
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
