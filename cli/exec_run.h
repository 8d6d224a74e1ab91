// SPDX-License-Identifier: Apache-2.0
//
// Becoming a program, or, where something has to be removed after it, having it as a child that a caller cannot tell
// from ourselves: the same process group and terminal, signals passed on, its status ours.
#pragma once

#define EXEC_CANNOT_RUN 126 // as env(1) and the shells have it
#define EXEC_NOT_FOUND  127

// Does not return where the program could be started; else says why, and returns the exit code.
int exec_become(char *argv[]);
// Returns the program's exit code. Where a signal ended it, after_fn is called and the same signal ends us.
int exec_child(char *argv[], void (*after)(void *arg), void *arg);
// For those who wait by themselves: ends as a child did (without a second core file), or returns its exit status.
int exec_end_like(int status);
int exec_cannot_run(const char *program); // says why, by errno; what to exit with
