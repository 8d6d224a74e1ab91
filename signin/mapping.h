// SPDX-License-Identifier: Apache-2.0
//
// From a verified identity to a local user: may whoever signed in at the provider be this user here? An account that
// is bound opens to its (issuer, subject) and to nothing else, ever. One that is not bound yet is bound by a claim
// that the provider never lets people change, and only when that claim names exactly this user.
#pragma once

#include "config.h"
#include "jwt.h"
#include "outcome.h"
#include "table.h"

struct mapping {
        const struct table_user *entry;
        const struct config_identity *identity;
        const struct jwt_claims *claims; // verified
        bool renewal; // not of a sign-in, but of a refresh: providers leave claims out of those
};

// OUTCOME_OK, and *ret_bind says that the entry has to be bound to the subject; OUTCOME_WRONG_SUBJECT,
// OUTCOME_ACCESS_DENIED (that person, in no allowed group), OUTCOME_MISCONFIGURED, OUTCOME_NOTHING (a renewal that does
// not tell the groups); err in one sentence.
enum outcome mapping_decide(const struct mapping *m, bool *ret_bind, struct err *err);

// The uid that uid_number_claim gives: 0, and it is of our range; -ERANGE.
int mapping_uid_claim(
        const struct config_identity *identity, const struct jwt_claims *c, uint32_t *ret) _must_check_;
// It gives another than the entry has, which stays.
bool mapping_uid_differs(const struct mapping *m);

// What to call the person (session names, status): preferred_username, else email, else the subject. Borrowed.
const char *mapping_display(const struct jwt_claims *claims);
