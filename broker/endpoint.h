// SPDX-License-Identifier: Apache-2.0
//
// The user's loopback port: the doors of those SDKs that know HTTP. On one port there are IMDSv2 (/latest/…) and the container
// credentials endpoint (/credentials…), see valetkey-endpoint(7). Nobody is answered whose socket the kernel does not
// name as this user's.
#pragma once

#include "broker.h"

struct endpoint;
struct endpoint_options {
        struct broker *broker;
        const struct config_endpoint *config; // outlives it
        const char *runtime_dir;              // where endpoint-token is
        const char *claim_path;               // of valetkeyd's claim.sock
        uid_t server_uid;                     // who valetkeyd runs as
        int fd;                               // taken: the socket from before; -1: none
        bool own;                             // that was bound by a broker
        void (*listening)(void *arg);         // there is a port now, or another; may be NULL
        void *arg;
};
int endpoint_new(struct endpoint **ret, const struct endpoint_options *o) _must_check_;
struct endpoint *endpoint_free(struct endpoint *e); // before the broker
// The end, and not only of this process: who connects from now on is refused by the kernel, and the token's file goes.
void endpoint_end(struct endpoint *e);

// A listening socket that valetkeyd sent along with a grant. Taken.
void endpoint_offer(struct endpoint *e, int fd);

// For a program that hands the socket over: connections wait in its queue.
void endpoint_pause(struct endpoint *e, bool paused);
bool endpoint_is_waiting(const struct endpoint *e); // somebody waits for a role
bool endpoint_is_idle(const struct endpoint *e);    // nobody is in the middle of a request
int endpoint_get_fd(const struct endpoint *e);      // borrowed; -1: there is none

// For the status document: "" while there is no port.
const char *endpoint_get_url(const struct endpoint *e);
const char *endpoint_get_token_file(const struct endpoint *e);
bool endpoint_is_own(const struct endpoint *e); // bound by the broker itself: free for anybody once it ends
