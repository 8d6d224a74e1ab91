// SPDX-License-Identifier: Apache-2.0
//
// valetkey-imds at work: from the start until a signal ends it.
#pragma once

#include "err.h"

#include <sys/types.h>

struct imds_options {
        const char *state_dir;  // where the file of the ports is
        const char *root_table; // of local users
        const char *passwd;
        const char *cgroup; // NULL: all
        uint32_t pass_below;
};
// SIGTERM, SIGINT and SIGHUP must be blocked. 0, or -errno with a sentence.
int imds_run(const struct imds_options *o, struct err *err) _must_check_;
