// SPDX-License-Identifier: Apache-2.0
//
// Proof Key for Code Exchange (RFC 7636), method S256 only.
#pragma once

#include "secret.h"

#define PKCE_CHALLENGE_LEN 43

int pkce_new_verifier(struct secret **ret) _must_check_; // 43 characters of base64url
int pkce_challenge(char ret[PKCE_CHALLENGE_LEN + 1], const struct secret *verifier) _must_check_;
