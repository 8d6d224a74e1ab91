// SPDX-License-Identifier: Apache-2.0
//
// The two verbs that make a world and sign in to it. argv[0] is the verb; they return the exit status.
#pragma once

int cmd_run(int argc, char **argv);
int cmd_sign_in(int argc, char **argv);
