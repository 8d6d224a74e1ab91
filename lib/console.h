// SPDX-License-Identifier: Apache-2.0
//
// The AWS console for a role session (IAM user guide, "Enable custom identity broker access to the AWS console"): the
// federation endpoint gives a sign-in token for credentials, and a URL with that token opens the console for 15 minutes.
#pragma once

#include "buf.h"
#include "err.h"
#include "secret.h"

#define CONSOLE_ANSWER_MAX (64u << 10)

// The federation endpoint of a role's partition ("aws"); region NULL, or of another partition: the partition's own. 0;
// -ENOENT: no console is known there; the error of the buffer.
int console_endpoint(struct buf *out, const char *partition, const char *region) _must_check_;
// The console's home in that region.
int console_home(struct buf *out, const char *partition, const char *region) _must_check_;

// ENDPOINT?Action=getSigninToken…: a GET, as it is documented. SessionDuration is left out: AWS refuses it for sessions that a
// session assumed, and without it the console lives as long as the credentials.
int console_token_url(struct buf *out, const char *endpoint, const char *access_key_id,
        const struct secret *secret_access_key, const struct secret *session_token) _must_check_;
// {"SigninToken": "…"}. 0, -ENOMEM, -EBADMSG.
int console_token_parse(struct secret **ret, const void *json, size_t n, struct err *err) _must_check_;
// ENDPOINT?Action=login…: whoever has it is signed in.
int console_login_url(struct buf *out, const char *endpoint, const char *destination,
        const struct secret *token) _must_check_;
