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
// Takes DIR/lock for the life of the process, or goes on holding it by inherited (-1: none; taken). 0 and the descriptor; -EWOULDBLOCK when a broker runs there
// already (its pid is in *ret_other, 0 when unknown); other -errno with err.
int process_lock(int *ret, const char *dir, int inherited, int *ret_other, struct err *err) _must_check_;

// What was passed on by systemd (its socket, and what its descriptor store kept) or by this process before it ran itself
// anew; -1 for what was not. The variables are removed.
#define PROCESS_ENDPOINT     "endpoint"     // names in the store: the loopback port that valetkeyd keeps,
#define PROCESS_ENDPOINT_OWN "endpoint-own" // or one of our own
struct process_fds {
        int listen, state, lock, endpoint;
        bool owns_socket;   // listen was bound by the broker before
        bool owns_endpoint; // so was endpoint: not kept by valetkeyd
};
void process_take_fds(struct process_fds *ret);

// Says state ("READY=1") to whoever $NOTIFY_SOCKET names; nothing where it is not set. fd ≥ 0 goes along.
void process_notify(const char *state, int fd);

// Where this program is: absolute, as it was when it started. The caller frees. -errno.
int process_program(char **ret) _must_check_;
// Runs program in place of this process, which stays the same process, with these descriptors. Returns only when that
// failed (-errno, and err); then nothing has changed. Nobody but root and this user may be able to write to it.
int process_run_anew(const char *program, char *const argv[], const struct process_fds *fds, struct err *err);
