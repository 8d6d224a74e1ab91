// SPDX-License-Identifier: Apache-2.0
//
// A role's credentials for something that signs for as long as it runs: asked for anew every few seconds, so that a rotation is
// crossed and a logout heard of, and kept over a broker that is away for a moment.
#pragma once

#include "role_credentials.h"

struct gateway_role {
        const struct cli *cli;
        const char *role; // NULL: credentials are fixed (from the environment)
        struct role_credentials c;
        int64_t ask_at_ms; // again; as cli_now_ms()
};
// The first time: whatever fails is told.
enum outcome gateway_role_start(struct gateway_role *r, struct err *err);
// For struct gateway_owner; arg is a struct gateway_role.
enum outcome gateway_role_get(void *arg, const struct role_credentials **ret, struct err *err);
void gateway_role_deinit(struct gateway_role *r);
