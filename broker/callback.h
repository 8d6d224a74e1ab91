// SPDX-License-Identifier: Apache-2.0
//
// The loopback address a browser comes back to (RFC 8252 7.3): a listener that lives as long as one sign-in, answers this user's
// own programs only, and shows the person in plain words what came of it.
#pragma once

#include "loop.h"

struct callback_events {
        // A browser came: n bytes behind the "?". 0: it is this sign-in's, and waits for callback_end(); -EALREADY: the same;
        // any other -errno: it is not, and is told so.
        int (*query)(void *arg, const char *query, size_t n);
};
struct callback;
// host: as it stands in the redirect URI, "127.0.0.1", "localhost" or "[::1]". port 0: any that is free.
// -EADDRINUSE: somebody has it; -errno.
int callback_new(struct callback **ret, struct loop *l, const char *host, uint16_t port,
        const struct callback_events *events, void *arg) _must_check_;
const char *callback_redirect_uri(const struct callback *c);
// Tells whoever waits, and is freed. text: a sentence; identity: whose sign-in it was.
struct callback *callback_end(struct callback *c, bool signed_in, const char *identity, const char *text);
struct callback *callback_free(struct callback *c); // the same without a word
