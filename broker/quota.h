// SPDX-License-Identifier: Apache-2.0
//
// How many connections one program may hold open: a process outside of every sandbox by its pid, a sandboxed app with all of its
// processes together, for those it can make at will.
#pragma once

#include "caller.h"

struct quota;
struct quota_account;
int quota_new(struct quota **ret) _must_check_;
struct quota *quota_free(struct quota *q); // after its accounts
// 0; -EBUSY: it has as many as it may have; -ENOMEM.
int quota_enter(struct quota *q, const struct caller *who, struct quota_account **ret) _must_check_;
struct quota_account *quota_leave(struct quota_account *a); // takes NULL
