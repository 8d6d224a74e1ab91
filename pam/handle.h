// SPDX-License-Identifier: Apache-2.0
//
// The handle of a finished sign-in between authenticate and open_session. It waits in the PAM handle's data,
// and under the name VALETKEY_LOGIN in the PAM environment: sshd runs the two in different processes and
// carries only the environment across. It opens nothing without uid 0, is good once, and is bound to user,
// service and remote host; and it is taken out before the session starts.
#pragma once

#include "protocol.h"

#include <stdbool.h>
#include <security/pam_modules.h>

#define HANDLE_ENV "VALETKEY_LOGIN"

bool handle_is_valid(const char *s);
// A PAM code. Keeps a copy in both places.
int handle_keep(pam_handle_t *pamh, const char *handle, const char *user);
// Takes it out of both. False when there is none, or it was given for another user than `user` (sudo changes
// the user between the phases).
bool handle_take(pam_handle_t *pamh, const char *user, char ret[HANDLE_HEX + 1]);
void handle_forget(pam_handle_t *pamh);
