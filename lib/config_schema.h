// SPDX-License-Identifier: Apache-2.0
//
// What sections and keys there are and what each takes: a table, so that a new key is one line of it. Private to
// lib/config*.c.
#pragma once

#include "config.h"

#define CONFIG_KEYS_MAX 128u

enum config_kind {
        CONFIG_DEFAULTS,
        CONFIG_IDENTITY,
        CONFIG_ACCOUNT,
        CONFIG_ROLE,
        CONFIG_TEMPLATE,
        CONFIG_SIGNIN,
        CONFIG_APP,
        CONFIG_ENDPOINT,
        CONFIG_GROUP,
        CONFIG_SERVICE,
        CONFIG_REGISTRY,
        CONFIG_KINDS_
};

// [defaults]: what roles inherit, and what concerns everything.
struct config_defaults {
        int64_t duration_s; // 0: not said
        char *region, *sts_region, *sts_endpoint, *ca_file, *session_name, *default_role;
        enum config_choice use_fips, use_dual_stack, notify_sign_in;
        bool user_identities;
};

// [account ID]: what roles in it inherit.
struct config_account {
        char *alias, *region, *sts_region;
};

// [role-template NAME]: roles of one kind in many accounts.
struct config_template {
        char **accounts;         // aliases or ids; or "*" alone
        char *role_name;         // in IAM, with its path
        char *name;              // the pattern of the roles' names; NULL: {account}/{role}
        struct config_role role; // what every one of them has; last, its keys are told by their offset
};

// What is kept for roles that are made when somebody has signed in (config_claimed.c).
struct config_claimed {
        char *pattern;                 // of [role-template …] accounts = claim; NULL: the usual one
        char *values[CONFIG_KEYS_MAX]; // what it says of its roles, by number of the key
};
struct config_known_account {
        char id[13];
        struct config_account conf;
};
struct config_shared {
        struct config_defaults defaults;
        struct config_known_account *accounts; // in order of their ids
        size_t n_accounts;
        struct config_claimed *claimed; // as many as identities
};
struct config_shared *config_shared_free(struct config_shared *s, size_t n_identities);
// Session policies of one session add up: an app's would widen what the role's own leaves.
bool config_app_widens(const struct config_app *a, const struct config_role *r);
// Reads what a template says of its roles into one of them. 0, -EBADMSG, -ENOMEM.
int config_apply_values(struct config_role *r, const char *const values[CONFIG_KEYS_MAX], struct err *err);

struct config_key {
        const char *name; // "role duration"
        enum config_kind kind;
        size_t offset;   // in the struct of its kind
        bool admin_only; // not in a user's file
        bool inherited;  // a role without it has that of its account or of [defaults]
        // Reads value into the field. 0, -ENOMEM, -EBADMSG (err says what the value should be).
        int (*set)(void *field, const char *value, struct err *err);
};

const char *config_kind_name(enum config_kind k);
bool config_kind_is_named(enum config_kind k);            // "[role NAME]", not "[signin]"
int config_kind_find(const char *name);                   // enum config_kind, or -1
const struct config_key *config_key_at(size_t i);         // NULL behind the last
int config_key_find(enum config_kind k, const char *key); // its number, or -1

// Readers that stand in config_text.c, and words between blanks: at least one, none twice.
int config_set_session_name(void *field, const char *value, struct err *err);
int config_set_tags(void *field, const char *value, struct err *err);
int config_set_words(void *field, const char *value, struct err *err);

// Readers that stand in config_caller.c.
int config_set_by_name_only(void *field, const char *value, struct err *err);
int config_set_confirm(void *field, const char *value, struct err *err);
int config_set_confirm_for(void *field, const char *value, struct err *err);
int config_set_flatpak(void *field, const char *value, struct err *err);
int config_set_snap(void *field, const char *value, struct err *err);
int config_set_unit(void *field, const char *value, struct err *err);
int config_set_role_patterns(void *field, const char *value, struct err *err);

// Readers that stand in config_mapping.c.
int config_set_admit(void *field, const char *value, struct err *err);
int config_set_on_refused(void *field, const char *value, struct err *err);
int config_set_gid(void *field, const char *value, struct err *err);
// Readers that stand in config_service.c.
int config_set_service_flow(void *field, const char *value, struct err *err);
int config_set_require_prior(void *field, const char *value, struct err *err);
int config_set_reauth_for(void *field, const char *value, struct err *err);

void config_identity_deinit(struct config_identity *i);
void config_role_deinit(struct config_role *r);
void config_account_deinit(struct config_account *a);
void config_template_deinit(struct config_template *t);
void config_defaults_deinit(struct config_defaults *d);
void config_signin_deinit(struct config_signin *s);
void config_app_deinit(struct config_app *a);
void config_group_deinit(struct config_group *g);
