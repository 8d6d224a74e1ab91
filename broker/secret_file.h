// SPDX-License-Identifier: Apache-2.0
//
// A secret in a file of the runtime directory, for programs that can only read files: mode 0600, no newline, replaced whole
// by rename, so that a reader finds the old one or the new one and nothing between.
#pragma once

#include "secret.h"

// 0 or -errno.
int secret_file_write(const char *path, const struct secret *s) _must_check_;
// What is there, where it is a regular file of this user that nobody else can use, of 1 to max bytes. 0, -errno.
int secret_file_read(struct secret **ret, const char *path, size_t max) _must_check_;
void secret_file_remove(const char *path);
