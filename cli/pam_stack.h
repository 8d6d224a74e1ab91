// SPDX-License-Identifier: Apache-2.0
//
// A service's PAM stack as far as the order of two modules is concerned: pam_valetkey's session line works behind pam_systemd's only, for
// before it there is no user's runtime folder and no user manager.
#pragma once

#include "util.h"

#include <limits.h>

struct pam_place {
        char file[NAME_MAX + 1];
        unsigned line; // 0: it does not stand in this stack
};
struct pam_stack {
        struct pam_place auth, session, systemd; // the first pam_valetkey of each, and pam_systemd's session
        bool session_first;                      // pam_valetkey's session stands before pam_systemd's
        bool unreadable;
};
// Reads DIR/SERVICE and what it includes. 0; -errno where the service itself cannot be read.
int pam_stack_read(struct pam_stack *ret, const char *dir, const char *service) _must_check_;
