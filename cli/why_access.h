// SPDX-License-Identifier: Apache-2.0
//
// valetkey why ROLE ACTION RESOURCE: why a request is refused, by the six causes a refusal has.
#pragma once

#include "client.h"

#include <jansson.h>

#define WHY_LIST_MAX 32u

struct why_access {
        struct cli *cli;
        const char *role, *action, *resource;
        const char *region, *resource_account, *message, *iam_endpoint; // NULL: not said
        const char *context[WHY_LIST_MAX];
        struct {
                unsigned layer; // enum policy_layer
                const char *files;
        } files[WHY_LIST_MAX];
        size_t n_context, n_files;
};
// The exit code; everything is said.
int why_access(const struct why_access *w);
