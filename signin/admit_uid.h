// SPDX-License-Identifier: Apache-2.0
//
// The user behind a uid, for requests that have a uid and no name: a broker's, whose uid the kernel tells.
#pragma once

#include "admit.h"

// As admit_user(), about whoever has that uid; of several local users with it, one that is ours is enough.
enum outcome admit_uid(
        const struct ours_paths *paths, uid_t uid, int64_t now_s, struct ours_user *ret, struct err *err);
