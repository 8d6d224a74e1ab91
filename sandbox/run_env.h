// SPDX-License-Identifier: Apache-2.0
//
// The environment of the world's processes. The services get a small fresh one; the command gets the
// caller's, without anything of AWS's or of another session in it, and with the world's own on top.
#pragma once

#include "run_world.h"

struct env {
        char **v; // NULL-terminated
        size_t n, cap;
        int error; // sticky: -ENOMEM
};

#define ENV_INIT ((struct env){.v = NULL})

void env_set(struct env *e, const char *name, const char *fmt, ...) _printf_(3, 4);
void env_unset(struct env *e, const char *name);
void env_deinit(struct env *e);
#define cleanup_env _cleanup_(env_deinit)

// For the world's daemons: PATH, locale, sanitiser options, and the session's bus and runtime folder.
int env_for_service(struct env *e, const struct world *w) _must_check_;
// For the command: pam_env is what the PAM modules left ("NAME=value", NULL-terminated; may be NULL).
int env_for_command(struct env *e, const struct world *w, char *const *pam_env) _must_check_;
