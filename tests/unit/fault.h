// SPDX-License-Identifier: Apache-2.0
//
// Allocation faults and a look at freed memory, for unit tests. Every unit test links this; calls to malloc,
// calloc, realloc, strdup, strndup, free, locked_alloc and locked_free from our code (not from shared libraries) go
// through it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// The n-th allocation from now on fails (1 = the next one); 0 switches faults off. Fails once.
void fault_fail_nth(unsigned n);
// True when the fault that was set has struck.
bool fault_struck(void);

// Called with every block about to be freed and its usable size; NULL switches it off.
void fault_watch_free(void (*watch)(const void *p, size_t n, void *arg), void *arg);

// Runs body with the 1st, 2nd, … allocation failing until it succeeds without a fault having struck. Inside,
// the body must leave nothing allocated when it fails (the sanitiser run checks). LIMIT bounds a body that
// never ends.
//     FAULT_EACH(200, r = thing_new(&t)) { assert_int_equal(r, -ENOMEM); }
#define FAULT_EACH(limit, call)                                                                              \
        for (unsigned fault_n_ = 1;                                                                          \
                fault_n_ <= (limit) && (fault_fail_nth(fault_n_), (void)(call), fault_struck()); fault_n_++)
