// SPDX-License-Identifier: Apache-2.0
//
// The OpenID provider: discovery, keys, device flow (RFC 8628), authorization code with PKCE, refresh with
// rotation, revocation (RFC 7009), userinfo. Its handlers are named in serve.c's table of routes.
#pragma once

#include "cloud.h"

struct web_request;

int op_new(struct op **ret) _must_check_;
struct op *op_free(struct op *op);

// Names a token request by its grant type, as the statistics count it.
const char *op_token_name(const struct web_request *r);

void op_discovery(struct web_request *r);
void op_jwks(struct web_request *r);
void op_device_authorization(struct web_request *r);
void op_token(struct web_request *r);
void op_revoke(struct web_request *r);
void op_userinfo(struct web_request *r);

// What the person at the browser sees.
void op_page_device(struct web_request *r);
void op_page_device_decide(struct web_request *r);
void op_page_authorize(struct web_request *r);
void op_page_authorize_decide(struct web_request *r);
void op_page_style(struct web_request *r);

// What a test does in the person's place. 0; -ENOENT: no such code waits, or no such user.
int op_device_decide(struct cloud *c, const char *user_code, const char *user, bool allow) _must_check_;
json_t *op_devices_to_json(struct cloud *c); // NULL when memory runs out
