// SPDX-License-Identifier: Apache-2.0
//
// The first source of role sessions: AssumeRoleWithWebIdentity with the ID token of one identity.
#pragma once

#include "keeper.h"
#include "source.h"

struct web_identity {
        struct source source; // first member
        struct keeper *keeper;
        struct http *http;
};
void web_identity_init(struct web_identity *w, struct keeper *k, struct http *h);
