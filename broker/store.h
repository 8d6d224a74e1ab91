// SPDX-License-Identifier: Apache-2.0
//
// What of the broker is stored, and when: grants the moment they change, role sessions soon after. What is read back
// must still fit the configuration, or it is dropped: a role whose section was changed is fetched anew.
#pragma once

#include "keeper.h"
#include "roles.h"
#include "state.h"

struct store;
// All borrowed; as many keepers as the configuration has identities, in its order.
struct store_parts {
        struct loop *loop;
        struct state *state;
        const struct config *config;
        struct keeper *const *keepers;
        struct roles *roles;
        struct claims *claims;
        bool *in_session;
};
int store_new(struct store **ret, const struct store_parts *p) _must_check_;
struct store *store_free(struct store *s);
// 0, also where nothing was stored or nothing of it is of use; -ENOMEM, -errno.
int store_restore(struct store *s) _must_check_;
// Where it fails nothing is stored at all, rather than something that is no longer true. 0 or -errno, which is logged.
int store_save(struct store *s);
void store_save_soon(struct store *s); // s may be NULL
