// SPDX-License-Identifier: Apache-2.0
//
// A server for this user's own programs that signs what passes through it and sends it on: what valetkey proxy is, and what
// valetkey curl has curl talk to. Who may connect, where a request goes and whose credentials sign it is asked of the owner;
// bytes, limits, and what is signed and how, is here.
#pragma once

#include "http_head.h"
#include "loop.h"
#include "role_credentials.h"

#define GATEWAY_NAME     300
#define GATEWAY_LOCATION 4096

struct gateway_route {
        char origin[GATEWAY_NAME]; // "https://HOST:PORT"
        char host[GATEWAY_NAME];   // what is sent as Host
        const char *path;          // stands before the target; "": nothing
        const char *ca_file;       // NULL: the system's store
        const char *const *
                more; // "Name: value" headers that are sent in place of the client's; NULL-terminated, or NULL
        bool sign;    // with what follows; else it goes as it came
        char service[65], region[65];
};
struct gateway_owner {
        // Whether who connected is served; refusal says why not. False: he is a stranger, and answered from few places.
        bool (*admit)(void *arg, int fd, struct err *refusal);
        // Where the request goes. 0, or the HTTP status of the answer with err.
        int (*route)(void *arg, const struct http_head *head, struct gateway_route *ret, struct err *err);
        // Borrowed until the next call. OUTCOME_OK or err.
        enum outcome (*credentials)(void *arg, const struct role_credentials **ret, struct err *err);
        // The request gets no answer: err says why. NULL: whoever asked is answered with that; else his connection is cut.
        void (*failed)(void *arg, const struct err *err);
        // What is told of an answer's Location: value, or other text, which may be made in room. NULL: gateway_location().
        const char *(*location)(
                void *arg, const struct gateway_route *from, const char *value, char room[GATEWAY_LOCATION]);
        void *arg;
};
struct gateway;
// fd: listening; taken. body_max: of what has to be whole before it is signed.
int gateway_new(struct gateway **ret, struct loop *l, int fd, uint64_t body_max,
        const struct gateway_owner *owner) _must_check_;
struct gateway *gateway_free(struct gateway *g);
// Another path at the same place is told as a path: whoever follows it comes here again, and is signed for.
const char *gateway_location(const struct gateway_route *from, const char *value);
