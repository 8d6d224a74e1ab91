// SPDX-License-Identifier: Apache-2.0
//
// Changing single lines of a text that others wrote: settings go, with the lines they are continued on, others come in their place, and
// every other byte stays. Lines are counted as awsconf.h counts them. Pure.
#pragma once

#include "buf.h"

struct awsedit;
int awsedit_new(
        struct awsedit **ret, const char *text, size_t n) _must_check_; // text is borrowed. 0, -ENOMEM
struct awsedit *awsedit_free(struct awsedit *e);
DEFINE_CLEANUP(struct awsedit *, awsedit_free);
// The setting in that line (from 1) goes, with what continues it.
void awsedit_drop(struct awsedit *e, unsigned line);
// A line, without its end, that comes in front of that one. 0, -ENOMEM; -EINVAL: there is no such line, or one has come there.
int awsedit_insert(struct awsedit *e, unsigned line, const char *text) _must_check_;
int awsedit_write(const struct awsedit *e, struct buf *out) _must_check_;
// What changes, as "diff -U0" tells it; lines that stay are not shown, for they may be anything.
int awsedit_diff(const struct awsedit *e, struct buf *out, const char *path) _must_check_;
