// SPDX-License-Identifier: Apache-2.0
//
// Which service and region a request to a host has to be signed for, where the host's name tells.
#pragma once

#include "util.h"

struct aws_host {
        char service[65], region[65];
};
// With or without a port. 0; -ENOENT: not one of AWS's names that tell both.
int aws_host_parse(struct aws_host *ret, const char *host) _must_check_;
