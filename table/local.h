// SPDX-License-Identifier: Apache-2.0
//
// A look into the local passwd and group files themselves, past NSS: whether a name is a local user's must not depend
// on any service, and a local name always wins over a federated one. NSS itself asks here, inside of any process there
// is: nothing is allocated, and no static buffer of libc's is touched.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOCAL_E_NOT_FOUND 1

#define LOCAL_PASSWD "/etc/passwd"
#define LOCAL_GROUP  "/etc/group"
#define LOCAL_DAEMON "valetkey" // who valetkeyd runs as, in LOCAL_PASSWD

struct local_user {
        uint32_t uid, gid;
};

enum local_file {
        LOCAL_FILE_PASSWD,
        LOCAL_FILE_GROUP,
};

// Of one line. The name is borrowed for the call; gid is of passwd only.
struct local_entry {
        const char *name;
        uint32_t id, gid;
};

// Shows every entry of the file to see(), until that returns true. Lines of any length are read; malformed ones are no
// entries. 0, -errno (the file cannot be read).
int local_each(const char *path, enum local_file kind, bool (*see)(void *arg, const struct local_entry *e),
        void *arg);
// 0, LOCAL_E_NOT_FOUND, -errno. Of two users with one name the first counts, as for everybody else who reads that file.
int local_find(const char *passwd_path, const char *name, struct local_user *ret);
