// SPDX-License-Identifier: Apache-2.0
//
// What config_build.c and config_template.c share while a draft becomes a configuration. Private to
// lib/config*.c.
#pragma once

#include "config_draft.h"

#define CONFIG_ROLES_MAX 10000u // in all, those from templates included

struct build_account {
        struct config_account conf;
        const struct draft_section *section; // its name is the account's id
        size_t named_by;                     // number of the template that named it last; from 1
};

struct build_template {
        struct config_template conf;
        const struct draft_section *section;
};

// An account by one of its two names.
struct build_account_name {
        const char *name;
        struct build_account *account;
};

// Where a role comes from.
struct build_origin {
        const struct draft_section *section; // [role NAME] or [role-template NAME]
        const struct build_account *account; // NULL: of an account that no section is about
};

struct builder {
        const struct draft *draft;
        struct config *c;
        const struct draft_section **identity_sections; // by index in c
        struct build_origin *origins;                   // of roles, by index in c
        struct build_account *accounts;
        struct build_account_name *account_names; // in order of names
        struct build_template *templates;
        const struct draft_section **app_sections; // by index in c
        size_t n_accounts, n_account_names, n_templates;
        bool has_claims; // some identity's claim names roles: not every name can be known
        struct err *err;
};

// An error about a key of a section ("FILE:LINE: [role dev] …") or of a role, which also has what it inherits.
int build_wrong(const struct builder *b, const struct draft_section *s, const char *key, const char *what);
int build_wrong_role(const struct builder *b, const struct config_role *r, const char *key, const char *what);
// Reads a section's values into the struct of its kind. 0, -EBADMSG, -ENOMEM.
int build_apply(const struct builder *b, const struct draft_section *s, void *base) _must_check_;

// Accounts by name; two that have one name are an error.
int build_index_accounts(struct builder *b) _must_check_;
// By alias or id; NULL where no section is about it.
struct build_account *build_find_account(const struct builder *b, const char *name);
// How many roles a template makes. 0, -EBADMSG.
int build_template_count(const struct builder *b, const struct build_template *t, size_t *ret) _must_check_;
// Keeps what roles of claims are made of, once everything has been read.
int build_keep_for_claims(struct builder *b) _must_check_;
// Makes them, at the end of c's roles, where there is room.
int build_template_expand(struct builder *b, struct build_template *t) _must_check_;
// The roles by name; two that have one name are an error that says where both are.
int build_index_roles(struct builder *b) _must_check_;
// What an identity says of newcomers, held against what else it says.
int build_check_admit(
        const struct builder *b, const struct draft_section *s, struct config_identity *id) _must_check_;
// Reads [group …].
int build_groups(struct builder *b) _must_check_;
// Reads [service …].
int build_services(struct builder *b) _must_check_;
int build_registries(struct builder *b) _must_check_;
// Reads [app …] and holds each against the roles it grants, which are finished.
int build_apps(struct builder *b) _must_check_;
