// SPDX-License-Identifier: Apache-2.0
//
// The file as it was before it was migrated, beside it: the same bytes, and one line more that says what was written in their place, so that
// taking it back never takes away what somebody wrote since.
#pragma once

#include "aws_file.h"
#include "buf.h"

// Keeps f as it is, before new text (n bytes) takes its place. OUTCOME_MISCONFIGURED where one is kept already.
enum outcome migrate_keep(const struct aws_file *f, const char *text, size_t n, struct err *err);
// Puts back what was kept; *ret is its path (owned).
enum outcome migrate_undo(struct aws_file *f, struct err *err);
char *migrate_kept_path(const struct aws_file *f); // owned; NULL: no memory
