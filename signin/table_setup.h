// SPDX-License-Identifier: Apache-2.0
//
// What modules have to know of the configuration stands in the user table, for they read no configuration: how old a sign-in
// may be, whose names are admitted, which groups there are. Written when the daemon starts.
#pragma once

#include "config.h"
#include "ours.h"

// A table that is not there is made: it would read as missing, and everybody who is not local would be refused. 0, TABLE_E_*,
// -errno. c NULL: there is no configuration, and a table that is there keeps what it says (its limits, too). identity: of PAM
// sign-ins; NULL.
int table_setup(const struct ours_paths *paths, const char *group, const struct config *c,
        const struct config_identity *identity);
