// SPDX-License-Identifier: Apache-2.0
//
// JSON written by hand: documents with a secret in them, which no heap of a JSON library shall hold, and short ones.
#pragma once

#include "buf.h"

// "…", escaped. -EINVAL for a byte above 0x7f: keys, tokens and names are ASCII, and anything else would have to be checked
// for being UTF-8; else the buffer's error.
int json_text_string(struct buf *out, const char *s, size_t n);
// ,"name":"…" (without the comma behind a "{"). name needs no escapes.
int json_text_member(struct buf *out, const char *name, const char *s, size_t n);
int json_text_member_str(struct buf *out, const char *name, const char *s); // NULL: nothing is written
