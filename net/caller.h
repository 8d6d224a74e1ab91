// SPDX-License-Identifier: Apache-2.0
//
// Who asks, as the kernel tells it: uid, and the sandbox the process is in. Both bind; pid and executable are for the log.
// Where it cannot be told, the door refuses: nobody is taken for a program outside of every sandbox by default.
#pragma once

#include "app_id.h"
#include "err.h"

#include <sys/types.h>

enum caller_kind {
        CALLER_PLAIN,   // no sandbox, no systemd unit
        CALLER_FLATPAK, // app is its id
        CALLER_SNAP,    // app is the snap's name
        CALLER_UNIT,    // no sandbox; app is the systemd unit it runs in
};

struct caller {
        uid_t uid;
        pid_t pid; // 0: not known
        enum caller_kind kind;
        char app[APP_ID_MAX];
        char exe[256];    // printable; "" where it is not known
        const char *door; // "socket", "dbus", "imds", "container"; static
};

// What a door knows of the one on the other end. Everything but the uid may be missing, but then less can be told.
struct caller_peer {
        uid_t uid;
        pid_t pid;         // 0: not known
        int pidfd;         // of that process, from when it connected (SO_PEERPIDFD); borrowed; -1: none
        const char *label; // of the security module, from when it connected; NULL: none
};

// 0; -errno: who it is cannot be told, and the door refuses with caller_refusal().
int caller_from_peer(struct caller *ret, const struct caller_peer *peer, const char *door) _must_check_;
int caller_from_pid(struct caller *ret, pid_t pid, uid_t uid, const char *door) _must_check_;
// The cgroup of a socket (INET_DIAG_CGROUP_ID): the process itself is not known. -EOPNOTSUPP, -ENOENT: the cgroup does not tell.
int caller_from_cgroup(struct caller *ret, uint64_t cgroup_id, uid_t uid, const char *door) _must_check_;

bool caller_is_sandboxed(const struct caller *c);
// "Flatpak org.example.App", "snap example", "this program": for sentences. Returns dst.
char *caller_describe(const struct caller *c, char *dst, size_t n);
void caller_refusal(struct err *err, int error); // the sentence for an error of the above
