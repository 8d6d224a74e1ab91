// SPDX-License-Identifier: Apache-2.0
//
// A service that refuses as EC2 does: with an encoded authorization message. It has no instances; what is allowed is answered
// as a dry run is.
#pragma once

#include "cloud.h"

#define EC2_VERSION "2016-11-15"

struct web_request;

const char *ec2_operation_name(const struct web_request *r);
void ec2_handle(struct web_request *r);
