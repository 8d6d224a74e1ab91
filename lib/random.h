// SPDX-License-Identifier: Apache-2.0
//
// Unpredictable bytes (OpenSSL's private DRBG) and what is made of them.
#pragma once

#include "util.h"

int random_bytes(void *p, size_t n) _must_check_; // 0 or -EIO
// 2*n lower-case hex digits and a NUL into dst, which has room for 2*n+1.
int random_hex(char *dst, size_t n) _must_check_;
