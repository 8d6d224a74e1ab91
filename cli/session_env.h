// SPDX-License-Identifier: Apache-2.0
//
// The environment in which a program uses one role and no other: what is set, what is cleared, and why (the table in
// session_env.c). Changes are made to our own environment, so that the chain can be walked over it, and are remembered,
// so that they can be printed.
#pragma once

#include "err.h"
#include "util.h"

enum session_door {
        SESSION_TOKEN_FILE, // the container endpoint; the token is read from a file
        SESSION_TOKEN,      // the same; the token is in the environment
        SESSION_STATIC,     // keys in the environment
};

struct session_env {
        enum session_door door;
        bool isolated;
        const char *role;
        const char *uri, *token_file, *token;                                // of the endpoint
        const char *access_key_id, *secret_key, *session_token, *expiration; // SESSION_STATIC
        const char *region;                                                  // NULL: what is set stays
        const char *config_file, *credentials_file;                          // isolated
};

// Every variable that is concerned, once, in the table's order.
typedef int (*session_env_fn)(const char *name, const char *value, void *arg); // value NULL: cleared
// Changes the environment of this process, and calls fn (may be NULL) for each variable. 0, -errno.
int session_env_apply(const struct session_env *e, session_env_fn fn, void *arg);

// For the test that holds the manual page against the table: the variable's name; NULL behind the last.
const char *session_env_variable(size_t i);
