// SPDX-License-Identifier: Apache-2.0
//
// A QR code for a terminal, in half blocks: two rows of modules a line, light modules as ink. On the usual dark terminal that
// is a dark code on a light field, which is what cameras look for.
#pragma once

#include "buf.h"

// Appends the code as lines that begin with indent and have at most cells characters. What does not fit (too long for any
// code, or too wide) is not drawn: it is a picture of something that stands there in letters. 0 or the buffer's error.
int qr_draw(struct buf *out, const char *text, const char *indent, unsigned cells) _must_check_;
