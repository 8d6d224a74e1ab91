// SPDX-License-Identifier: Apache-2.0
//
// The "secret" of a client that can keep none: some providers (Google's device flow) insist on one though every copy of the
// program has it. It is sent where they want it, and nothing depends on nobody knowing it.
#pragma once

#include "err.h"
#include "secret.h"

#define CLIENT_SECRET_MAX 1024

// One line of a regular file, without what surrounds it. 0; -EBADMSG: it is no such file; -ENOMEM; -errno. err names the file.
int client_secret_read(struct secret **ret, const char *path, struct err *err) _must_check_;
