// SPDX-License-Identifier: Apache-2.0
//
// A descriptor to its end, and all of some bytes into one: the two loops around read(2) and write(2) that everybody gets
// wrong once.
#pragma once

#include "buf.h"

// Appends what is left to read. 0; -EMSGSIZE: more than out may hold; -ENOMEM; -errno of read(2). What came until then
// stays in out.
int fdio_read(struct buf *out, int fd) _must_check_;
// 0 or -errno; some of it may have been written then.
int fdio_write(int fd, const void *p, size_t n) _must_check_;
