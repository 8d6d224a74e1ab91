// SPDX-License-Identifier: Apache-2.0
//
// Where secrets live: memory that is locked (never written to swap) as far as the system allows it, left out of core
// dumps, empty in a child, and between pages that nobody may touch. Where locking is refused everything else holds, and
// whoever asked to hear of it is told.
#pragma once

#include "util.h"

void *locked_alloc(size_t n) _must_check_; // not cleared; NULL: no memory
void locked_free(void *p, size_t n);       // n as it was asked for; whoever gives it back has cleared it

struct locked_figures {
        size_t held, locked; // bytes taken from the system; how many of them are locked
        int error;           // why not all: the last refusal's errno; 0
};
void locked_get(struct locked_figures *ret);
// Called at the first refusal, once in a process; from inside whatever needed memory, so it must need none itself.
void locked_on_refusal(void (*refused)(const struct locked_figures *f));
