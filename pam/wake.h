// SPDX-License-Identifier: Apache-2.0
//
// Waking a user's broker: a connection to its socket, opened and closed. That is the whole message: "look
// whether something waits for you at valetkeyd". The broker may be there, may be started by it, or may not
// exist.
#pragma once

#include <sys/types.h>

// Never waits longer than two seconds, never fails a login: whatever goes wrong is the return value (0 or
// -errno) and for the log only. Called as root, it acts as the user; called as the user, it acts itself;
// called as anybody else it does nothing (-EPERM).
int wake_broker(const char *runtime_base, uid_t uid, gid_t gid);
