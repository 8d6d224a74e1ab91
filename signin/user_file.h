// SPDX-License-Identifier: Apache-2.0
//
// A list of people for `valetkeyd user check`: one on each line, NAME, ISSUER and SUBJECT, and a UID where one is pinned,
// with one tab between them. Empty lines and lines that begin with # do not count.
#pragma once

#include "table.h"

#include "err.h"

#define USER_FILE_MAX   (64u << 20)
#define USER_FILE_LINES (1u << 20) // as many as a table holds

struct user_line {
        unsigned line;
        const char *name, *issuer, *subject; // in the text
        uint32_t uid;                        // pinned or derived
};

struct user_file {
        struct user_line *lines; // good ones, in the order of the file
        size_t n;
};

// Cuts the text up in place; it is borrowed for as long as ret. wrong() hears of each line that is none, as it is
// found. 0, -ENOMEM, -EIO (no SHA-256), -EFBIG (too many lines); ret may be deinited in any case.
int user_file_parse(struct user_file *ret, char *text, size_t n,
        void (*wrong)(unsigned line, const char *why, void *arg), void *arg) _must_check_;
void user_file_deinit(struct user_file *f);
// What a line would be in the table: true, and *ret; false when it cannot be, *ret_why says why.
bool user_line_entry(const struct user_line *l, struct table_user *ret, const char **ret_why);
