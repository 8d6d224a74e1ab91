// SPDX-License-Identifier: Apache-2.0
//
// One signed call of a service that speaks AWS's JSON protocol.
#pragma once

#include "fetches.h"
#include "role_credentials.h"

struct aws_json_call {
        const char *endpoint, *service, *region, *target;
        const char *body; // a JSON document
};
// OUTCOME_OK whenever an answer came, whatever its status. Its body is the caller's.
enum outcome aws_json(struct http_response *ret, const struct aws_json_call *c,
        const struct role_credentials *keys, struct err *err);
