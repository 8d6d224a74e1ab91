// SPDX-License-Identifier: Apache-2.0
//
// What a verified token says of the groups its person is in, by the provider's ids of them. Not to be told a person's groups is
// not to be told that there are none: nobody is let in by it, nobody keeps a right by it, and nobody is thrown out.
#pragma once

#include "config.h"
#include "jwt.h"

enum groups_told {
        GROUPS_TOLD,
        GROUPS_ABSENT,  // the claim is not there, or is none that lists groups
        GROUPS_TOO_MANY // Entra ID's overage: they are to be asked for elsewhere
};
enum groups_told groups_told(const struct config_identity *identity, const struct jwt_claims *c);
bool groups_has(const struct config_identity *identity, const struct jwt_claims *c, const char *id);
