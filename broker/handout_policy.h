// SPDX-License-Identifier: Apache-2.0
//
// May this caller have that role? What the configuration says of callers, in one place for all doors.
#pragma once

#include "caller.h"
#include "config.h"
#include "outcome.h"

// The section that a caller is held to. OK with *ret NULL: none, it may have everything. ACCESS_DENIED: a sandboxed app without one.
enum outcome policy_app(
        const struct config *c, const struct caller *who, const struct config_app **ret, struct err *err);
// The name of the role it means, borrowed. Not OK: it names none and none is its default, or it is not granted.
enum outcome policy_role(const struct config *c, const struct caller *who, const struct config_app *app,
        const char *named, const char **ret, struct err *err);
