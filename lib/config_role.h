// SPDX-License-Identifier: Apache-2.0
//
// The rules a role keeps wherever it comes from, a section, a template or a claim: its name, what it inherits, and what
// its keys say together. No file and no line is known here. Private to lib/config*.c.
#pragma once

#include "config_schema.h"

// Fills an unset string with another's copy. 0 or -ENOMEM.
int config_inherit(char **field, const char *value) _must_check_;
// What it does not say itself it has from its account (NULL: none is described) and from [defaults]. 0 or -ENOMEM.
int config_role_inherit(
        struct config_role *r, const struct config_account *a, const struct config_defaults *d) _must_check_;
// What is wrong with a role that has inherited, and which key says so; NULL: nothing.
const char *config_role_wrong(const struct config_role *r, struct err *why);
// How long a "yes" is remembered where the role does not say it; the key that is wrong, or NULL.
const char *config_role_confirm(struct config_role *r, bool said, struct err *why);

// The role's name by a pattern with {account} and {role}: the last part of the role's name in IAM, in small letters as
// names are (IAM itself takes dev and Dev for one). 0; -EBADMSG with why; -ENOMEM.
int config_role_name(char **ret, const char *pattern, const char *account, const char *iam_name,
        struct err *why) _must_check_;
#define CONFIG_NAME_PATTERN "{account}/{role}"
