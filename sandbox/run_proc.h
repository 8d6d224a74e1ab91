// SPDX-License-Identifier: Apache-2.0
//
// Child processes that never outlive the world they were started for. A child is told by the kernel to die
// with its parent (PR_SET_PDEATHSIG); what it forks itself falls to the nearest subreaper, which ends and
// reaps until nobody is left.
#pragma once

#include "err.h"

#include <sys/types.h>

struct proc_spec {
        char *const *argv; // argv[0] is looked up in PATH where it holds no slash
        char *const *envp;
        bool drop; // become uid and gid, without supplementary groups
        uid_t uid;
        gid_t gid;
        int in, out, err;    // -1: /dev/null
        const int *keep;     // descriptors that the child inherits under the same number
        size_t n_keep;       //
        bool own_session;    // a service: out of reach of the terminal's signals
        pid_t group;         // otherwise this process group; 0: the caller's
        const char *workdir; // NULL: the caller's
        const char *passwd;  // seen as /etc/passwd by the child and its descendants alone; NULL: the real one
};

// Whether this process may show its children another /etc/passwd (a mount namespace of their own).
bool proc_can_show_passwd(void);

// Starts a program. A program that cannot be executed is an error here, not an exit status later: -errno
// with text; the caller tells "not found" from "not executable" by it.
int proc_spawn(pid_t *ret, const struct proc_spec *s, struct err *err) _must_check_;

// In a child just forked: die with the parent (whose pid is given), default signals, nothing blocked.
void proc_child_init(pid_t parent);

int proc_become_subreaper(void) _must_check_;

// Ends every descendant: SIGTERM, and after grace_ms SIGKILL, until no child is left. -ETIMEDOUT where one
// cannot be ended (a program that changed to a uid we may not signal).
int proc_end_all(int grace_ms);

// Removes a directory tree without following symbolic links or leaving its file system.
int proc_remove_tree(const char *path);

int64_t proc_now_ms(void); // CLOCK_BOOTTIME
