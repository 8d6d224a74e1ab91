// SPDX-License-Identifier: Apache-2.0
//
// A server on the loopback interface for this user's programs, and how it tells them from a web page: the page's browser runs
// as the right user, and a name that suddenly resolves to 127.0.0.1 (DNS rebinding) brings it here.
#pragma once

#include "http_head.h"

// 127.0.0.1 and localhost, with this port or (as aws-c-auth sends it) without any.
bool http_local_is_host(const struct http_text *host, uint16_t port);
// One name, with that port or without any.
bool http_local_names(const struct http_text *host, const char *name, unsigned port);
// The name of a header that only browsers and proxies send, and no SDK does; NULL: there is none.
const char *http_local_foreign(const struct http_head *h);
// For a server that a person may look at in a browser: whether the request comes from one of its own pages, or was typed.
bool http_local_is_own_page(const struct http_head *h, uint16_t port);
