// SPDX-License-Identifier: Apache-2.0
//
// Who signed in, by the claims of the ID token.
#pragma once

#include "client.h"

// Prints who signed in at identity (NULL: the only one), by the claims the broker holds.
enum outcome whoami_identity(const struct cli *cli, const char *identity, struct err *err);
