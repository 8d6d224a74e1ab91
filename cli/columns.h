// SPDX-License-Identifier: Apache-2.0
//
// Columns for people: as wide as their widest cell, the last one as long as it is.
#pragma once

#include "buf.h"

#include <jansson.h>

#define COLUMNS_MAX      8
#define COLUMNS_DURATION 40

// cells: rows × columns of borrowed strings, the first row being the heads.
int columns_print(struct buf *out, const char *const *cells, size_t rows, size_t columns);
// A row for each object of the array: its members of these names, as columns_text() has them.
int columns_print_members(struct buf *out, const json_t *objects, const char *const *heads,
        const char *const *members, size_t columns);
// A member that is text, borrowed; "-" where it is absent, empty or something else.
const char *columns_text(const json_t *o, const char *member);
// "59 min", "2 h 05 min", "40 s"; "-" for 0 and less.
void columns_duration(char dst[COLUMNS_DURATION], int64_t s);
