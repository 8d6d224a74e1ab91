// SPDX-License-Identifier: Apache-2.0
//
// A container registry as far as signing in goes: GetAuthorizationToken of ECR and of its public one, over AWS's JSON protocol.
#pragma once

#include "cloud.h"

struct web_request;

const char *ecr_operation_name(const struct web_request *r);
void ecr_handle(struct web_request *r);
// The errors of that protocol; code as STS has it.
void ecr_reply_error(struct web_request *r, const char *code, const char *message);
