// SPDX-License-Identifier: Apache-2.0
//
// The IAM of the sandbox: reading roles and policies, and simulating them, answered as AWS answers. Nothing can be written:
// the directory's files are what is changed.
#pragma once

#include "cloud.h"

#define IAM_VERSION "2010-05-08"

struct web_request;

// NULL: no operation of IAM.
const char *iam_operation_name(const struct web_request *r);
void iam_handle(struct web_request *r);
