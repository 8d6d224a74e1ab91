// SPDX-License-Identifier: Apache-2.0
//
// What may be done on the terminal we write to.
#pragma once

#include <stdbool.h>

// A terminal, and not a dumb one: the cursor can be moved.
bool terminal_is_smart(int fd);
// Colours are wanted: a smart terminal, and no NO_COLOR (no-color.org).
bool terminal_has_colours(int fd);
unsigned terminal_lines(int fd); // 24 where it cannot be told
bool terminal_is_utf8(void);     // by the locale of the environment
unsigned terminal_width(int fd); // 80 where it cannot be told
