// SPDX-License-Identifier: Apache-2.0
//
// The person of the sandbox: reads what PAM shows, and says yes or no at the provider.
#pragma once

#include "run_pam.h"

struct approval {
        const struct sign_in *sign_in;
        char answered[64]; // the user code that was dealt with
};

// Finds a user code (two groups of four letters or digits, as RFC 8628 6.1 advises) in a message. False
// where there is none.
bool approve_find_code(const char *text, char ret[10]);
// One message of the conversation. Negative: the conversation fails (the provider could not be told).
int approve_message(struct approval *a, const char *text, bool prompt, bool error);
