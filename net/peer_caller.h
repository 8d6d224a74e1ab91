// SPDX-License-Identifier: Apache-2.0
//
// Who is at the other end of a loopback connection: the uid, and the sandbox its program is in.
#pragma once

#include "caller.h"
#include "peer_owner.h"

struct peer_caller_rules {
        struct peer_owner *owners;
        const char *door;      // for the log; static
        bool allow_root;       // root's programs are served, too
        const char *root_hint; // what ends the sentence for root: ", or …"; ""
};
// False: it is another user's, or nobody can tell whose, and refusal says so. True: it is this user's; where his program's
// sandbox cannot be told, refusal says that, and it is not to be served either.
bool peer_caller_find(
        struct caller *ret, const struct peer_caller_rules *rules, int fd, struct err *refusal) _must_check_;
