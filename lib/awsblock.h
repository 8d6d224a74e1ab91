// SPDX-License-Identifier: Apache-2.0
//
// The block in ~/.aws/config that is valetkey's: profiles between two comment lines, behind everything that others wrote.
// What stands outside of it is never changed by a byte, and neither is what others wrote into it; taking the last
// profile away leaves the file as it was before the first. Pure: bytes in, bytes out.
#pragma once

#include "buf.h"
#include "err.h"

struct awsblock_profile {
        char *name, *process, *region; // process, region: NULL where it has none
        char *text;                    // as it stands, header and all
        char *others;                  // the lines of it that are not valetkey's; "" where there are none
        unsigned line, others_line;    // of the header, of the first of the others
};
struct awsblock {
        const char *before, *after; // what others wrote; borrowed
        size_t n_before, n_after;
        bool made_end;  // before had no line end at its end, and got one
        bool made_file; // there was no file
        bool crlf;      // lines end so in this file
        unsigned line;  // of the block; 0: there is none yet
        struct awsblock_profile *profiles;
        size_t n_profiles;
};

// text NULL: there is no such file; otherwise it has to outlive the block. 0; -EBADMSG: the block is not as valetkey writes
// it, *ret_line says where and err why; -ENOMEM.
int awsblock_read(
        struct awsblock **ret, const char *text, size_t n, unsigned *ret_line, struct err *err) _must_check_;
struct awsblock *awsblock_free(struct awsblock *b);
DEFINE_CLEANUP(struct awsblock *, awsblock_free);

struct awsblock_profile *awsblock_find(const struct awsblock *b, const char *name);
// Whether a profile may be called that, for every SDK: JavaScript's is the one that takes least.
bool awsblock_is_name(const char *name);
// process and region (NULL: none) are values as they stand in the file. 1: something is different now; 0; -ENOMEM.
int awsblock_set(struct awsblock *b, const char *name, const char *process, const char *region) _must_check_;
bool awsblock_drop(struct awsblock *b, const char *name); // false: it was not there

// The whole file. Where *ret_gone becomes true there was none before, and shall be none.
int awsblock_write(const struct awsblock *b, struct buf *out, bool *ret_gone) _must_check_;
// A profile as it is written: for printing, without a block.
int awsblock_print(struct buf *out, const char *name, const char *process, const char *region,
        const char *eol) _must_check_;
