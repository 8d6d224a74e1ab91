// SPDX-License-Identifier: Apache-2.0
//
// The verbs of valetkey-sandbox. Each is one function in a file of its own; main.c holds the table.
#pragma once

// argv[0] is the verb. Returns the exit status of the process.
int cmd_serve(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_sign_in(int argc, char **argv);
