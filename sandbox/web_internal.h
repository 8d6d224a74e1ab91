// SPDX-License-Identifier: Apache-2.0
//
// What web.c (requests come in) and web_answer.c (answers go out) share.
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
};

struct web_request *web_request_free(struct web_request *r);
// Gives the request back to evhttp to be answered; NULL when nobody is left to answer.
struct evhttp_request *web_give_back(struct web_request *r);
// Ends the connection without a word.
void web_hang_up(struct web_request *r);
void web_reply_unavailable(struct web_request *r);
void web_reply_throttled(struct web_request *r);
void web_reply_malformed(struct web_request *r, const char *why);
