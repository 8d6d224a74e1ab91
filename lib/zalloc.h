// SPDX-License-Identifier: Apache-2.0
//
// Allocation functions that clear memory before they give it back. Libraries with an allocator hook (jansson,
// libcurl, libevent) are handed these by our executables — never by a module inside somebody else's process.
#pragma once

#include <stddef.h>

void zfree(void *p);
void *zrealloc(void *p, size_t n); // malloc, copy, clear, free: never leaves a copy behind
// The same for libraries that go on as if an allocation could not fail: these end the process instead.
void *zmalloc_or_die(size_t n);
void *zrealloc_or_die(void *p, size_t n);
