// SPDX-License-Identifier: Apache-2.0
//
// valetkey-credential-process as a credential_process: where it is, the command that a profile names it by, and whether a
// command is such a one.
#pragma once

#include "buf.h"
#include "err.h"

#include <limits.h>

#define SHIM_NAME "valetkey-credential-process"

// Beside ourselves, as a build tree or a package has it. False: there is none that can be run.
bool shim_find(char path[PATH_MAX]);
// The value of credential_process. 0; -EINVAL with err: that path cannot stand in a profile; the buffer's error.
int shim_command(struct buf *out, const char *path, const char *role, struct err *err) _must_check_;
// Whether a command runs a shim, whichever, for a role: path and role (borrowed from command, *n long) where it does.
struct shim_words {
        const char *path, *role;
        size_t n_path, n_role;
};
bool shim_read_command(struct shim_words *ret, const char *command);
bool shim_is_for(const char *command, const char *role);
