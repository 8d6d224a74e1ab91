// SPDX-License-Identifier: Apache-2.0
//
// One of the SDKs' files to be read whole and changed: what may be anything (a folder, a FIFO, of another kind, too large) is
// told in one line; a change arrives whole or not at all, in the file a symbolic link leads to, with its mode and owner.
#pragma once

#include "err.h"
#include "outcome.h"

#include <sys/stat.h>

struct aws_file {
        char *path, *real; // as it is called; what is read and written, behind symbolic links
        char *text;        // NULL: there is no such file
        size_t n;
        struct stat st;
        int lock; // on its folder, against another valetkey; -1
};

// "~/x" is in the home folder. 0, -ENOMEM.
int aws_file_expand(char **ret, const char *path) _must_check_;
// By the variable, or else the usual path. A file that is not there is read as none.
enum outcome aws_file_read(struct aws_file *f, const char *variable, const char *usual, struct err *err);
// The same, to be replaced afterwards: makes its folder, and keeps other valetkeys out.
enum outcome aws_file_read_to_change(
        struct aws_file *f, const char *variable, const char *usual, struct err *err);
// p NULL: the file goes. Refuses where somebody has changed the file since it was read.
enum outcome aws_file_replace(struct aws_file *f, const void *p, size_t n, struct err *err);
void aws_file_deinit(struct aws_file *f); // clears: it may hold keys
