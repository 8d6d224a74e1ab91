// SPDX-License-Identifier: Apache-2.0
//
// Has the desktop open a URL, as far as there is a desktop.
#pragma once

#include <stdbool.h>

// Whether somebody sits in front of this session: a display, and no ssh in between.
bool browser_is_likely(void);
// Starts xdg-open and does not wait for it. Only http and https URLs. False: nothing was started.
bool browser_open(const char *url);
