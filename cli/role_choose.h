// SPDX-License-Identifier: Apache-2.0
//
// Which role a person means: its name, the beginning of exactly one name, or, where none is said, the role of the shell
// around us (valetkey exec), one picked from a list, the default.
#pragma once

#include "client.h"

#include <jansson.h>

struct role_choice {
        char *name;
        json_t *status;     // the status document the name was found in
        const json_t *role; // its object there, borrowed
};

// typed NULL: none was said. OUTCOME_INVALID_REQUEST without err: there is nobody to ask which.
enum outcome role_choose(struct role_choice *ret, const struct cli *cli, const char *typed, struct err *err);
void role_choice_deinit(struct role_choice *c);

// The role object a word means, among those of a status document: exact, or the beginning of one name only. NULL: err says
// that there is none, or which there are.
const json_t *role_by_prefix(const json_t *roles, const char *word, struct err *err);
