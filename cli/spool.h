// SPDX-License-Identifier: Apache-2.0
//
// A body that has to be whole before it can be signed: digested as it comes, kept in memory while it is small and then in a file
// without a name, which is gone with the process. It is the user's own data, so it is not encrypted.
#pragma once

#include "err.h"
#include "util.h"

#include <sys/types.h>

struct spool;
int spool_new(struct spool **ret, uint64_t max) _must_check_;
struct spool *spool_free(struct spool *s);
// 0; -EFBIG: more than max; -errno of the file.
int spool_add(struct spool *s, const void *p, size_t n) _must_check_;
// All of it is there: its SHA-256.
int spool_end(struct spool *s, char ret_sha256[65]) _must_check_;
uint64_t spool_size(const struct spool *s);
// The next bytes, from the beginning after spool_rewind(). 0 at the end; -errno.
ssize_t spool_read(struct spool *s, char *p, size_t n);
void spool_rewind(struct spool *s);
