// SPDX-License-Identifier: Apache-2.0
//
// The container credentials endpoint of one role, as the broker's status tells it.
#pragma once

#include "role_choose.h"

struct door {
        char *uri;        // of the role's credentials
        char *token_file; // holds the token that has to be sent with each request
        char *region;     // the role's; NULL
};

// Whether somebody is signed in for the role is looked at first: what is started on this door would otherwise only see it
// closed. Where the endpoint is not wanted, only the region is told.
enum outcome door_get(struct door *ret, const struct role_choice *role, bool want_endpoint, struct err *err);
void door_deinit(struct door *d);
