// SPDX-License-Identifier: Apache-2.0
//
// What an examination found: each thing that was looked at is well, or wrong with what mends it, or could not be looked at and why.
#pragma once

#include "err.h"

#include <jansson.h>

enum finding_state {
        FINDING_OK,
        FINDING_WRONG,
        FINDING_UNKNOWN, // not checkable: text says why
};

struct findings {
        json_t *list; // objects with check, state, text, mend; borrowed by who prints
        unsigned n_wrong;
        bool no_memory;
};
int findings_init(struct findings *f) _must_check_;
void findings_deinit(struct findings *f);
// check: a stable word, with a name behind a colon where there are several ("sdk:boto3").
void findings_ok(struct findings *f, const char *check, const char *text, ...) _printf_(3, 4);
void findings_unknown(struct findings *f, const char *check, const char *text, ...) _printf_(3, 4);
// The mend comes afterwards: findings_mend(). What came from outside is made fit for a terminal.
void findings_wrong(struct findings *f, const char *check, const char *text, ...) _printf_(3, 4);
void findings_mend(struct findings *f, const char *text, ...) _printf_(2, 3); // of the last one
// For people, to stdout: one line each, and one more for the mend. Returns 0, or -1 where stdout fails.
int findings_print(const struct findings *f);
