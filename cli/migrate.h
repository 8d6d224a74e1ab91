// SPDX-License-Identifier: Apache-2.0
//
// Profiles of other tools in ~/.aws/config: whose they are, which role of AWS they stand for, and which configured role is the same.
#pragma once

#include "awsconf.h"

#include <jansson.h>

enum migrant_tool {
        MIGRANT_SSO,     // aws sso: sso_account_id, sso_role_name
        MIGRANT_GRANTED, // granted_sso_account_id, granted_sso_role_name
        MIGRANT_VAULT,   // aws-vault, and role_arn with a source
        MIGRANT_TOOLS_,
};
const char *migrant_tool_name(enum migrant_tool t);

struct migrant {
        const char *profile; // borrowed from the reading
        size_t section;
        unsigned line;
        enum migrant_tool tool;
        char account[13], role_name[129]; // what it stands for; "" where that is not said
        const json_t *role; // of the broker's status; NULL: nothing is configured that is the same
};
// 0; -ENOMEM. *ret is freed by the caller; its texts are borrowed from c and roles.
int migrate_find(
        struct migrant **ret, size_t *ret_n, const struct awsconf *c, const json_t *roles) _must_check_;
// Whether a setting belongs to the way a profile came to its credentials before.
bool migrate_replaces(const char *setting);
// Each key pair without a session token: fn gets the profile (or header) and the line. 0, or what fn returned.
int migrate_each_long_lived(
        const struct awsconf *c, int (*fn)(const char *section, unsigned line, void *arg), void *arg);
