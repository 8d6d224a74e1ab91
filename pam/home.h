// SPDX-License-Identifier: Apache-2.0
//
// A home directory that is somebody else's is not to be entered: his files would be read and run as this user's (a name that
// was given to another person, a uid that was pinned anew, a home that another account was pointed at).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// True when the directory is uid's own, or is not there (pam_mkhomedir makes it). Else why not, as a sentence, in text.
bool home_is_own(const char *home, uint32_t uid, char *text, size_t size);
