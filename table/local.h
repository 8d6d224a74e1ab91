// SPDX-License-Identifier: Apache-2.0
//
// A look into the local passwd file itself, past NSS: whether a name is a local user's must not depend on any
// service, and a local name always wins over a federated one.
#pragma once

#include <stdint.h>

#define LOCAL_E_NOT_FOUND 1

struct local_user {
        uint32_t uid, gid;
};

// 0, LOCAL_E_NOT_FOUND, -errno (the file cannot be read). Lines of any length are read; malformed ones are
// not users; of two with one name the first counts, as for everybody else who reads that file.
int local_find(const char *passwd_path, const char *name, struct local_user *ret);
