// SPDX-License-Identifier: Apache-2.0
//
// Columns for people: as wide as their widest cell, the last one as long as it is.
#pragma once

#include "buf.h"

#define COLUMNS_MAX      8
#define COLUMNS_DURATION 40

// cells: rows × columns of borrowed strings, the first row being the heads.
int columns_print(struct buf *out, const char *const *cells, size_t rows, size_t columns);
// "59 min", "2 h 05 min", "40 s"; "-" for 0 and less.
void columns_duration(char dst[COLUMNS_DURATION], int64_t s);
