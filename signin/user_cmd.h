// SPDX-License-Identifier: Apache-2.0
//
// valetkeyd user add|remove|lock|unlock|list: how the admin puts people into the two tables.
#pragma once

// argv[0] is "user". state_dir holds the daemon's table, root_users is root's. Returns an exit code (wire/outcome.h);
// everything is said on stdout and stderr.
int cmd_user(int argc, char **argv, const char *state_dir, const char *root_users);
extern const char user_usage[]; // for --help of the program
