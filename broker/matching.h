// SPDX-License-Identifier: Apache-2.0
//
// Whether who signed in inside the session is the person this local user is bound to (require_matching_user). valetkeyd is
// asked, which knows who is bound to whom. Where it does not answer, its tables still tell whose user this is: one of valetkey's
// is refused then, any other machine's ordinary user is not its matter.
#pragma once

#include "err.h"
#include "loop.h"
#include "ours.h"
#include "outcome.h"

struct matching_where {
        const char *claim_path;
        uid_t server_uid; // whom valetkeyd runs as
        struct ours_paths tables;
        uid_t uid; // this user
};

struct matching;
// OUTCOME_OK: the same person, or it is not asked for here, and the log says which. done() once, never from inside.
typedef void (*matching_done_fn)(void *arg, enum outcome outcome, const struct err *err);
// Everything is borrowed for the call, but where for as long as this lives.
int matching_start(struct matching **ret, struct loop *l, const struct matching_where *where,
        const char *issuer, const char *subject, matching_done_fn done, void *arg) _must_check_;
struct matching *matching_free(struct matching *m);
