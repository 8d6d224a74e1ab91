// SPDX-License-Identifier: Apache-2.0
//
// Text broken into lines that fit a terminal, at blanks only: an address or an ARN stays whole.
#pragma once

#include "buf.h"

#include <stdio.h>

#define WRAP_TEXT 80 // what pages and help texts are written for

// Lines that are too long go on below where their text began: behind the first gap of two blanks or more, as options are told; else
// hang columns behind the line's indentation. width 0: as they are. Columns are characters. 0 or -errno.
int wrap_text(struct buf *out, const char *text, size_t width, size_t hang) _must_check_;
// The same to a stream, for its terminal; where it is none, for width columns.
void wrap_print(FILE *to, const char *text, size_t width, size_t hang);
// One line of text, of which the terminal's cursor stands at that column already; what is too long goes on below it.
void wrap_print_from(FILE *to, const char *text, size_t column);
