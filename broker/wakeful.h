// SPDX-License-Identifier: Apache-2.0
//
// What happens to a machine that makes it worth trying again before it is due: it wakes up, its network comes back, its
// clock is set.
#pragma once

#include "broker.h"
#include "login1.h"

struct wakeful;
// 0 or -ENOMEM; what is not there is not missed.
int wakeful_new(struct wakeful **ret, struct broker *b, struct login1 *login1) _must_check_;
struct wakeful *wakeful_free(struct wakeful *w); // before the broker and login1
