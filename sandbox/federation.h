// SPDX-License-Identifier: Apache-2.0
//
// The sandbox's /federation: sign-in tokens for role sessions, and the console they open.
#pragma once

struct web_request;
const char *federation_operation_name(const struct web_request *r);
void federation_handle(struct web_request *r);
