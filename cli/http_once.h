// SPDX-License-Identifier: Apache-2.0
//
// One HTTP request of a verb that asks AWS itself: net/http on a loop that lives as long as the request.
#pragma once

#include "http.h"

// The response's body is the caller's (buf_deinit). Outcomes other than OUTCOME_OK come with err.
enum outcome http_once(struct http_response *ret, const struct http_request *q, struct err *err);
