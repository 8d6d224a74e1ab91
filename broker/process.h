// SPDX-License-Identifier: Apache-2.0
//
// What the broker is as a process: closed to debuggers, without core dumps, the only one of its runtime
// directory, and on speaking terms with systemd (socket activation, readiness) without libsystemd.
#pragma once

#include "err.h"

// First thing in main(): descriptors 0-2 open, umask 077, no core, not dumpable, room for descriptors.
int process_harden(void) _must_check_;

// $XDG_RUNTIME_DIR/valetkey, else /run/user/UID/valetkey. The caller frees. -ENOMEM.
int process_runtime_dir(char **ret) _must_check_;
// Makes the directory (0700) where it is missing, and refuses one that others may write to or own.
int process_prepare_dir(const char *dir, struct err *err) _must_check_;
// Takes DIR/lock for the life of the process. 0 and the descriptor; -EWOULDBLOCK when a broker runs there
// already (its pid is in *ret_other, 0 when unknown); other -errno with err.
int process_lock(int *ret, const char *dir, int *ret_other, struct err *err) _must_check_;

// The listening socket that systemd passed, or -1. The variables are removed.
int process_take_listen_fd(void);
// Says state ("READY=1") to whoever $NOTIFY_SOCKET names; nothing where it is not set.
void process_notify(const char *state);
