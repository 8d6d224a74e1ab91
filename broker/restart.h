// SPDX-License-Identifier: Apache-2.0
//
// SIGHUP: the program runs itself anew in the same process, from the file that is there now, with the configuration that
// is there now. Nobody who asks may notice: what is under way is finished first, and who comes meanwhile waits in the
// socket's queue.
#pragma once

#include "bus_service.h"
#include "endpoint.h"
#include "server.h"

struct restart;
struct restart_parts {
        struct loop *loop;
        struct broker *broker;
        struct server *server;
        struct bus_service *bus;
        struct endpoint *endpoint;
        int (*run_anew)(void *arg, struct err *err); // returns only when it could not
        void *arg;
};
int restart_new(struct restart **ret, const struct restart_parts *p) _must_check_;
struct restart *restart_free(struct restart *r);
void restart_begin(struct restart *r);
