// SPDX-License-Identifier: Apache-2.0
//
// The redirection of one network namespace, this process's: for every process of a control group and those below it.
#pragma once

#include "err.h"

#include <sys/types.h>

struct redirect;
// Loaded, and not attached yet. users: how many there can be. 0, -errno with a sentence.
int redirect_new(struct redirect **ret, uint32_t users, uint32_t pass_below, struct err *err) _must_check_;
struct redirect *redirect_free(struct redirect *r); // nothing is redirected or refused any more
// cgroup: a folder of the hierarchy of version 2; NULL: all of it. Borrowed.
int redirect_attach(struct redirect *r, const char *cgroup, struct err *err) _must_check_;

int redirect_set(struct redirect *r, uid_t uid, uint16_t port) _must_check_;
int redirect_unset(struct redirect *r, uid_t uid) _must_check_;
