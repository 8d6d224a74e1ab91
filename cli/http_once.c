// SPDX-License-Identifier: Apache-2.0
//
// A verb is over when its answer is there, so it blocks: the loop runs until then, and goes.
#include "http_once.h"

struct once {
        struct loop *loop;
        struct http_response *response;
        struct err *err;
        enum outcome outcome;
};

static void on_done(void *arg, enum outcome outcome, struct http_response *response, const struct err *err)
{
        struct once *o = arg;

        o->outcome = outcome;
        if (outcome == OUTCOME_OK) {
                *o->response = *response;
                response->body = BUF_INIT(0); // it is the caller's now
        } else {
                err_set(o->err, "%s", err->text);
        }
        loop_quit(o->loop);
}

enum outcome http_once(struct http_response *ret, const struct http_request *q, struct err *err)
{
        struct once o = {.response = ret, .err = err, .outcome = OUTCOME_INTERNAL};
        struct http *http = NULL;
        struct http_op *op = NULL;

        if (net_global_init() == 0 && loop_new(&o.loop, &clock_system) == 0 && http_new(&http, o.loop) == 0 &&
                http_start(&op, http, q, on_done, &o) == 0 && loop_run(o.loop) < 0)
                o.outcome = OUTCOME_INTERNAL;
        http_op_free(op);
        http_free(http);
        loop_free(o.loop);
        return o.outcome;
}
