// SPDX-License-Identifier: Apache-2.0
//
// The lines that a role's life leaves in the log.
#pragma once

#include "role.h"

// app: whose own session it is; NULL: everybody's.
void role_log_assumed(
        const struct role *r, const struct sts_credentials *c, const struct clock *clock, const char *app);
void role_log_refused(const struct role *r, const char *app);
void role_log_shortened(const struct role *r, const char *app);
