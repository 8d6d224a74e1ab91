// SPDX-License-Identifier: Apache-2.0
//
// Columns for people: as wide as their widest cell, the last one as long as it is.
#pragma once

#include "buf.h"

#include <jansson.h>

#define COLUMNS_MAX      8
#define COLUMNS_DURATION 40

// What a word is, for those who see colours.
enum tint {
        TINT_NONE,
        TINT_GOOD,
        TINT_BAD,
};
enum tint columns_tint(const char *state); // of a state's name: "valid", "expired", …

// "head    text": one line on stdout, foreign text cleaned; nothing where there is no text.
void columns_line(const char *head, size_t width, const char *text);
void columns_line_tinted(
        const char *head, enum tint of_head, size_t width, const char *text, enum tint of_text);

// On a terminal a table that is too wide loses its last columns, which say least; NULL: none of this.
struct columns_look {
        size_t width; // 0: as wide as it is
        bool colours; // of the column that is named STATE
        size_t state; // which that is
};
// cells: rows × columns of borrowed strings, the first row being the heads.
int columns_print(struct buf *out, const char *const *cells, size_t rows, size_t columns,
        const struct columns_look *look);
// A row for each object of the array: its members of these names, as columns_text() has them.
int columns_print_members(struct buf *out, const json_t *objects, const char *const *heads,
        const char *const *members, size_t columns);
// A member that is text, borrowed; "-" where it is absent, empty or something else.
const char *columns_text(const json_t *o, const char *member);
// "59 min", "2 h 05 min", "40 s"; "-" for 0 and less.
void columns_duration(char dst[COLUMNS_DURATION], int64_t s);
