// SPDX-License-Identifier: Apache-2.0
//
// Whether an SDK started in this process's environment would come to our door, or would find something else before.
#pragma once

#include "awschain.h"

struct shadow {
        struct awschain_source source;
        unsigned sdks; // 1 << enum awschain_sdk: who is led astray
};

// The files that the SDKs would read in this environment, in memory.
struct shadow_files {
        struct awschain_input in;
        char *paths[4], *texts[4];
};
int shadow_read_files(struct shadow_files *f) _must_check_; // 0, -ENOMEM
void shadow_deinit(struct shadow_files *f);

// Fills ret with what wins instead of the door of the role (static: of keys in the environment), each source once;
// their number, or -ENOMEM. A credential_process that is valetkey's for the same role is a door of its own.
int shadow_find(struct shadow ret[AWSCHAIN_SDK_MAX_], const struct shadow_files *f, const char *role,
        bool is_static) _must_check_;
