// SPDX-License-Identifier: Apache-2.0
//
// Whose uids those were who are users no more. Files of theirs may lie anywhere on this machine, so nobody else gets such a
// uid here; they themselves do. A text file beside the table, a line for each, in the form that user check reads: an
// administrator can see it, and take a line out who knows that no file is left.
#pragma once

#include "err.h"
#include "table.h"

#define REMOVED_FILE "removed" // in the state directory

// Before the removal is committed, with the table locked: durable when it returns 0. -errno.
int removed_note(const char *path, const struct table_user *u) _must_check_;

struct removed;
// A missing file is an empty one. 0; -EBADMSG: something in it makes no sense (then nobody is to be added); -errno.
int removed_load(struct removed **ret, const char *path) _must_check_;
struct removed *removed_free(struct removed *r);
DEFINE_CLEANUP(struct removed *, removed_free);
// True when the uid of u was somebody else's; err says whose.
bool removed_clash(const struct removed *r, const struct table_user *u, struct err *err);
