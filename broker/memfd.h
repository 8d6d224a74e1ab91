// SPDX-License-Identifier: Apache-2.0
//
// Bytes handed over as a descriptor: a memory file that nobody can change any more, not even who made it.
#pragma once

#include "util.h"

// -errno of what failed; the descriptor is read from its beginning.
int memfd_sealed(int *ret, const char *name, const void *p, size_t n) _must_check_;
