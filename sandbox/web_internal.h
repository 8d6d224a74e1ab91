// SPDX-License-Identifier: Apache-2.0
//
// What web.c (which way a request goes), web_request.c (what it is) and web_answer.c (how it is answered)
// share.
#pragma once

#include "loop.h"
#include "web.h"

struct evhttp;

struct web {
        struct cloud *cloud;
        struct evhttp *http;
        const struct web_route *routes;
        uint16_t port;
        struct web_request *requests; // those not yet answered
        size_t n_requests;
        struct timer *reaper;
};

// NULL: too many at once. A request whose path is NULL could not be read: out of memory.
struct web_request *web_request_new(struct web *w, struct evhttp_request *ev);
void web_params_find(struct web_request *r);
void web_reap(void *web); // frees what was answered
// The request has its answer: it goes once the loop comes round.
void web_answered(struct web_request *r);
// Gives the request back to evhttp to be answered; NULL when nobody is left to answer.
struct evhttp_request *web_give_back(struct web_request *r);
// Ends the connection without a word.
void web_hang_up(struct web_request *r);
void web_reply_unavailable(struct web_request *r);
void web_reply_throttled(struct web_request *r);
void web_reply_malformed(struct web_request *r, const char *why);
