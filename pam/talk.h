// SPDX-License-Identifier: Apache-2.0
//
// What the person sees. Text from the daemon is cleaned once more here: whatever it holds, it cannot steer
// the terminal of somebody who is not signed in yet.
#pragma once

#include "outcome.h"

#include <security/pam_modules.h>

// In place: control characters except the newline, and what is not UTF-8, become '?'.
void talk_clean(char *text);
// Shows text and waits for Enter; what was typed is cleared unread. A PAM code.
int talk_prompt(pam_handle_t *pamh, const char *text);
// One sentence about a failure, unless PAM_SILENT; message NULL or "": the outcome's own.
void talk_failure(pam_handle_t *pamh, unsigned flags, enum outcome o, const char *message);
