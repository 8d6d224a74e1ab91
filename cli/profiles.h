// SPDX-License-Identifier: Apache-2.0
//
// valetkey's profiles in ~/.aws/config as one change: read, set or dropped, looked at as the SDKs would read them, and
// written all or none.
#pragma once

#include "aws_file.h"
#include "awsblock.h"
#include "awsconf.h"

struct profiles {
        struct aws_file file, credentials;
        struct awsconf *config_as[2], *credentials_as[2]; // by either reading; NULL: there is no such file
        struct awsblock *block;
        unsigned block_end; // the line behind it
        bool changed;
};

// to_write: the files have to be such as every SDK can read.
enum outcome profiles_open(struct profiles *p, bool to_write, struct err *err);
void profiles_deinit(struct profiles *p);

// OUTCOME_MISCONFIGURED where a profile of that name is somebody else's; err says where.
enum outcome profiles_check_free(const struct profiles *p, const char *name, struct err *err);
// *ret_changed: the profile is another now.
enum outcome profiles_set(struct profiles *p, const char *name, const char *process, const char *region,
        bool *ret_changed, struct err *err);
// OUTCOME_MISCONFIGURED where somebody else has written into the profile.
enum outcome profiles_drop(struct profiles *p, const char *name, struct err *err);
// Nothing is written where nothing has changed.
enum outcome profiles_write(struct profiles *p, struct err *err);
