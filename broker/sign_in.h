// SPDX-License-Identifier: Apache-2.0
//
// A sign-in that starts inside the session, run by the broker so that the tokens never pass through whoever asked: the
// device flow, or a browser on this machine. One flow for each identity, however many ask for it: they watch the same one,
// whichever they wished for, and it ends when the last of them has gone.
#pragma once

#include "keeper.h"

enum sign_in_flow {
        SIGN_IN_DEVICE,
        SIGN_IN_BROWSER,
};
const char *sign_in_flow_name(enum sign_in_flow f); // "device"

struct sign_in_wish {
        enum sign_in_flow flow;
        uint16_t port; // SIGN_IN_BROWSER: where the browser comes back to; 0: as configured
};
struct sign_in_prompt { // borrowed for the call
        enum sign_in_flow flow;
        const char *uri, *uri_complete; // the second may be NULL
        const char *user_code;          // NULL: SIGN_IN_BROWSER
        int64_t expires_in_s;           // from now
        bool first;                     // nobody was shown it before: of many who wait, one opens a browser
};
struct sign_in_events {
        // Once, unless the flow ends before.
        void (*prompt)(void *arg, const struct sign_in_prompt *p);
        // Once. OUTCOME_OK: the keeper has the grant. err names the identity.
        void (*done)(void *arg, enum outcome outcome, const struct err *err);
};
#define SIGN_IN_PORT_MIN 1024 // of a user's program

struct sign_in_watch;
// Starts the flow or joins the one under way. Nothing is called from inside. wish NULL: the device flow. -EADDRINUSE: somebody
// has the port.
int sign_in_join(struct sign_in_watch **ret, struct keeper *k, const struct sign_in_wish *wish,
        const struct sign_in_events *events, void *arg) _must_check_;
// The sentence for a port that cannot be had.
void sign_in_port_error(struct err *err, const struct keeper *k, const struct sign_in_wish *wish, int r);
struct sign_in_watch *sign_in_leave(struct sign_in_watch *w); // the last one cancels the flow
void sign_in_abort(struct keeper *k);                         // after its watchers: before the keeper goes

// Fills a grant from a verified provider result (tokens are taken out of it).
int grant_from_result(struct grant *ret, const struct config_identity *conf, struct provider_result *result,
        struct err *err) _must_check_;
