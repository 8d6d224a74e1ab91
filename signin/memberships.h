// SPDX-License-Identifier: Apache-2.0
//
// [group NAME]: which groups of this machine somebody is in follows from the provider's ids of his groups, which a verified
// token tells, and from nothing else; never from what a group is called.
#pragma once

#include "config.h"
#include "jwt.h"
#include "write.h"

#include <stdbool.h>

// Defines the configured groups in the table, and takes away those that are no longer. A group whose name or gid is
// somebody's already, here or in the machine's own files, is left out and told of in the log. 0, TABLE_E_*, -errno;
// *ret_changed: there is something to commit.
int memberships_define(struct table_edit *e, const struct config *c, const struct config_identity *identity,
        const char *passwd, const char *group, bool *ret_changed);
// Writes the groups of a user as that token tells them. renewal: of a refresh, where a claim that is left out says nothing; of a
// sign-in it says that there are none. Too many to be told are none that give a right, and are told of in the log.
int memberships_update(struct table_edit *e, const char *user, const struct config *c,
        const struct config_identity *identity, const struct jwt_claims *claims, bool renewal,
        bool *ret_changed);
