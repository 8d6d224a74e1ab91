// SPDX-License-Identifier: Apache-2.0
//
// The one validator of user names, used at every boundary (PAM, sockets, the user table, NSS, logs): what it
// lets through can be put into a passwd line, a path component or a log line without harm.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_USER 64

// [a-z_][a-z0-9_.@-]{0,63}; no "..", not "." at the end. n bytes, no NUL among them.
bool name_is_valid_user(const char *s, size_t n);
