// SPDX-License-Identifier: Apache-2.0
//
// What a world must know of its sandbox: who the user is to the provider, and which roles there are.
#pragma once

#include "run_world.h"

#define CLOUD_ROLES_MAX 64

struct cloud_description {
        char subject[256];
        struct world_role roles[CLOUD_ROLES_MAX];
        size_t n_roles;
};

// path: users, roles and policies. -ENOENT with a sentence where there is no such user.
int cloud_describe(struct cloud_description *ret, const char *path, const char *base, const char *user,
        struct err *err) _must_check_;
