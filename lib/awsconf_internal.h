// SPDX-License-Identifier: Apache-2.0
//
// What the reader of awsconf.c stands on: blanks as Python knows them, profile names, and the looking back that
// RawConfigParser does.
#pragma once

#include "awsconf.h"

// Without the white space around; *n becomes what is left.
const char *awsconf_trim(const char *p, size_t *n);
size_t awsconf_trim_end(const char *p, size_t n);
size_t awsconf_count(const char *p, size_t n); // characters
bool awsconf_is_utf8(const char *p, size_t n, size_t *ret_at);
unsigned awsconf_line_at(const char *p, size_t at);

// The profile that a section header names (owned; NULL: none). 0, -ENOMEM.
int awsconf_profile_of(char **ret, enum awsconf_kind kind, const char *header) _must_check_;
// Every line of the block, but blank ones, has a "=".
bool awsconf_is_block(const char *value);
// A section or key that stands twice, where that is earlier than *line (or *why is NULL). 0, -ENOMEM.
int awsconf_find_duplicate(const struct awsconf *c, unsigned *line, const char **why) _must_check_;
