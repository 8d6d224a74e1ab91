// SPDX-License-Identifier: Apache-2.0
//
// Choosing among a provider's keys; the set itself is made by jwks_parse() in jwt.h.
#pragma once

#include "jwk.h"

struct jwks;

// The next key after *at (start with 0) that fits alg and is called kid (NULL: whatever it is called); NULL
// when there is none left. Borrowed.
const struct jwk *jwks_next(const struct jwks *k, size_t *at, const char *kid, const struct jwt_alg *alg);
