// SPDX-License-Identifier: Apache-2.0
//
// What sections and keys there are and what each takes: a table, so that a new key is one line of it. Private to
// lib/config*.c.
#pragma once

#include "config.h"

enum config_kind {
        CONFIG_DEFAULTS,
        CONFIG_IDENTITY,
        CONFIG_ROLE,
        CONFIG_SIGNIN,
        CONFIG_KINDS_
};

// [defaults]: what roles inherit, and what concerns everything.
struct config_defaults {
        int64_t duration_s; // 0: not said
        char *region, *sts_region, *sts_endpoint, *ca_file, *session_name, *default_role;
        bool user_identities;
};

struct config_key {
        const char *name; // "role duration"
        enum config_kind kind;
        size_t offset;   // in the struct of its kind
        bool admin_only; // not in a user's file
        bool inherited;  // a role without it has that of [defaults]
        // Reads value into the field. 0, -ENOMEM, -EBADMSG (err says what the value should be).
        int (*set)(void *field, const char *value, struct err *err);
};

#define CONFIG_KEYS_MAX 64u

const char *config_kind_name(enum config_kind k);
bool config_kind_is_named(enum config_kind k);            // "[role NAME]", not "[signin]"
int config_kind_find(const char *name);                   // enum config_kind, or -1
const struct config_key *config_key_at(size_t i);         // NULL behind the last
int config_key_find(enum config_kind k, const char *key); // its number, or -1

void config_identity_deinit(struct config_identity *i);
void config_role_deinit(struct config_role *r);
void config_defaults_deinit(struct config_defaults *d);
void config_signin_deinit(struct config_signin *s);
