// SPDX-License-Identifier: Apache-2.0
//
// What the files of the role list share. Private to broker/roles*.c.
#pragma once

#include "chain.h"
#include "roles.h"
#include "token_claim.h"
#include "web_identity.h"

struct roles_entry {
        struct roles *roles;
        struct role *role;
        struct config_role *own; // of a claim; NULL for a configured role
        size_t identity;
        struct chain chain; // unused for web-identity roles
        bool gone;          // nobody hears of it any more
        bool packed_warned;
};

// What one identity's claim says.
struct roles_claimed {
        struct claim_role_arns arns;
        struct err complaint;
};

struct roles {
        struct roles_parts p;
        const struct roles_events *events;
        void *arg;
        struct web_identity *webs;     // by identity
        struct roles_claimed *claimed; // by identity
        struct roles_entry **entries;  // the configuration's first
        struct role **list;            // the same, for those who ask
        size_t n;
};

// ---- roles.c
int roles_grow(struct roles *r, size_t n) _must_check_; // room for n roles in all
// Appends an entry, for which there is room. own is taken over, also on failure; NULL for a configured role.
int roles_append(struct roles *r, struct config_role *own, size_t identity) _must_check_;
int roles_make(struct roles *r, size_t n, const struct config_role *conf, struct source *source) _must_check_;
struct roles_entry *roles_entry_free(struct roles_entry *e);
size_t roles_number_of(const struct roles *r, const struct keeper *k); // of the keeper's identity

// ---- roles_claimed.c
void roles_remove_claimed(struct roles *r, size_t n); // the n-th, one of a claim; whoever waits is told
void roles_forget_claim(struct roles *r, size_t identity);
