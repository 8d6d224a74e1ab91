// SPDX-License-Identifier: Apache-2.0
//
// A numbered list on the terminal, from which a person picks a role.
#pragma once

#include <jansson.h>
#include <stdbool.h>

// Whether somebody is there: stdin and stderr are a terminal. stdout may be a pipe.
bool role_pick_possible(void);
// By number, by the beginning of a name, which also narrows the list, or by Enter for usual (may be NULL). NULL: the person
// gave up.
const json_t *role_pick(const json_t *roles, const char *usual);
