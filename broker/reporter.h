// SPDX-License-Identifier: Apache-2.0
//
// Tells valetkeyd what the provider said of the grant: that it was not renewed, or (by the new ID token) that it was. One
// thing at a time, the newest counts.
#pragma once

#include "matching.h"
#include "secret.h"

struct reporter;
// gone(): valetkeyd does not let this user in any more; why is a sentence without its full stop. From the loop.
int reporter_new(struct reporter **ret, struct loop *l, const struct matching_where *where,
        void (*gone)(void *arg, const char *why), void *arg) _must_check_; // where is borrowed for good
struct reporter *reporter_free(struct reporter *r);

// r may be NULL: then nothing is told.
void reporter_renewed(struct reporter *r, const struct secret *id_token);
// It is tried again until it is heard, or something newer is told.
void reporter_refused(struct reporter *r, const char *issuer, const char *subject, enum outcome outcome);
