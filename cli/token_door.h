// SPDX-License-Identifier: Apache-2.0
//
// How a program is told the endpoint's token: by the name of a file, which is better (it is read anew each time, and not
// passed on to every child), or in the environment, which is what SDKs from before the end of 2023 know. One of the two
// only, for where both are set SDKs disagree on which counts.
#pragma once

#include <stdbool.h>

// Whether it has to be in the environment, by what can be known of the program (NULL: nothing) and of what is installed.
bool token_door_needs_environment(const char *program);
