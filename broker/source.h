// SPDX-License-Identifier: Apache-2.0
//
// Where role sessions come from. A source turns "credentials for this role, please" into an asynchronous
// operation; the role (role.h) neither knows nor cares whether that is AssumeRoleWithWebIdentity, a chained
// AssumeRole, Identity Center or a token file. Configuration, D-Bus and the stored state carry the type.
#pragma once

#include "config.h"
#include "outcome.h"
#include "sts.h"

struct source_result {
        enum outcome outcome;
        struct err err; // OUTCOME_OK: empty; else one sentence that names the role and what to do
        char request_id[128];
        struct sts_credentials credentials; // take it: move and zero the struct
        int64_t server_skew_s;              // the server's clock minus ours, by its Date header; 0: not known
        bool duration_refused;              // the role gives no session that long: asking for less can help
        bool unanswered; // nobody answered at all: when the network comes back, trying again can help
};
// Exactly once, never from inside obtain(); the result is borrowed for the call. The operation may be freed
// inside.
typedef void (*source_done_fn)(void *arg, struct source_result *result);

struct source_op;
struct source {
        const struct source_ops *ops;
        enum source_type type;
};
struct source_ops {
        // duration_s: what to ask for, which may be less than is configured.
        int (*obtain)(struct source_op **ret, struct source *s, const struct config_role *role,
                int64_t duration_s, source_done_fn done, void *arg);
        // The network may be back: what waits in vain for an answer is sent again. False: nothing does.
        bool (*op_hurry)(struct source_op *op);
        // Cancels where it is still under way; frees; returns NULL.
        struct source_op *(*op_free)(struct source_op *op);
};
