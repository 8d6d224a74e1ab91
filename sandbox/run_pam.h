// SPDX-License-Identifier: Apache-2.0
//
// A sign-in through the real PAM module, divided as sshd divides it: authenticate and account happen in a
// forked child of which only the PAM environment comes back; setcred and open_session happen here, where
// nothing can be asked of anybody. What works this way works for every application.
#pragma once

#include "run_world.h"

struct pam_handle;

enum approve {
        APPROVE_AUTO,   // the sandbox's user says yes at once
        APPROVE_DENY,   // … no
        APPROVE_MANUAL, // a person does it in a browser and presses Enter here
        APPROVE_NONE,   // nobody does anything
};

enum {
        SIGN_IN_AUTHENTICATE,
        SIGN_IN_ACCOUNT,
        SIGN_IN_SETCRED,
        SIGN_IN_OPEN_SESSION,
        SIGN_IN_PHASES,
};

struct sign_in {
        const struct world *world;
        const char *service;  // default WORLD_PAM_SERVICE
        const char *pam_user; // default: the world's
        const char *rhost;    // NULL: none
        const char *as;       // who approves at the provider; default: the world's user
        enum approve approve;
        bool show; // print what the person would see also where nobody is asked

        struct pam_handle *pamh;
        pid_t child;
        int result_fd;              // readable (at its end) once the child is done
        int code[SIGN_IN_PHASES];   // PAM results; -1: not reached
        int64_t us[SIGN_IN_PHASES]; // how long each took
        bool opened;
};

int approve_from_name(const char *name, enum approve *ret); // -EINVAL

// Forks the authenticating child. group: the process group it joins, so that it may read from the terminal;
// 0: this process's.
int sign_in_start(struct sign_in *s, pid_t group, struct err *err) _must_check_;
// Blocks for the child's result, then goes on to open_session. -EACCES when PAM refused, with the phase and
// PAM's words in err.
int sign_in_finish(struct sign_in *s, struct err *err) _must_check_;
// The PAM environment of the open session, NULL-terminated; the caller frees entries and list.
char **sign_in_dup_env(const struct sign_in *s);
// Closes the session where one is open and ends PAM. Idempotent.
void sign_in_close(struct sign_in *s);
