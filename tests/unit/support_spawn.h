// SPDX-License-Identifier: Apache-2.0
//
// Starts another program for a test; it is killed when the test dies, however that happens.
#pragma once

#include <sys/types.h>

// stdout_to: -1 for /dev/null; print_to: becomes descriptor 3, -1 for none. stderr goes to /dev/null. The caller
// waits for it; a program that is not there exits with 127.
pid_t support_spawn(char *const argv[], int stdout_to, int print_to);
