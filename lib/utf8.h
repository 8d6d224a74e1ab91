// SPDX-License-Identifier: Apache-2.0
//
// UTF-8, strictly (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Decodes the sequence at s (n >= 1 bytes). Returns its length and the code point, or 0 where it is not UTF-8.
size_t utf8_next(const char *s, size_t n, uint32_t *ret);
