// SPDX-License-Identifier: Apache-2.0
//
// The STS of the sandbox: AssumeRoleWithWebIdentity, AssumeRole, GetCallerIdentity, answered as AWS answers.
#pragma once

#include "cloud.h"

struct web_request;

int sts_new(struct sts **ret) _must_check_;
struct sts *sts_free(struct sts *s);
// Forgets the keys of foreign providers (when the directory is loaded anew).
void sts_forget_keys(struct sts *s);

const char *sts_operation_name(const struct web_request *r); // as the statistics count it
void sts_handle(struct web_request *r);
