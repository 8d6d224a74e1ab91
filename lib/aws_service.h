// SPDX-License-Identifier: Apache-2.0
//
// How a service wants its requests signed. All follow Signature Version 4 as it is written, but for the S3 family, which takes
// a path as it stands and wants to be told the body's digest, and OpenSearch Serverless, which wants the digest, too, and
// refuses a signature over Content-Length (its developer guide, "Signing HTTP requests with other clients").
#pragma once

#include "util.h"

// By the name in the credential's scope. enum sigv4_flags.
unsigned aws_service_flags(const char *service);
bool aws_service_is_s3(const char *service);
