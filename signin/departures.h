// SPDX-License-Identifier: Apache-2.0
//
// Two things end what is remembered of a sign-in, and both are files that change: logind removes /run/systemd/users/UID when
// a user's last session has ended (its own library, sd-login, watches just that), and a user table is replaced when
// somebody is locked, removed or changed. No bus, no waiting, and nothing for anybody to tell us.
#pragma once

#include "loop.h"

struct departures_handlers {
        void (*user_left)(uid_t uid, void *arg);
        void (*tables_changed)(void *arg);
        void (*missed)(void *arg); // something was not seen: nothing is known any more
};

struct departures;
// Folders, copied: logind's, and those of the tables.
int departures_new(struct departures **ret, struct loop *l, const char *sessions_dir,
        const char *const tables[2], const struct departures_handlers *h, void *arg) _must_check_;
struct departures *departures_free(struct departures *d);
// Whether every departure from now on would be seen; what is not watched yet is tried anew. A table whose folder does
// not exist has nobody in it.
bool departures_are_seen(struct departures *d);
