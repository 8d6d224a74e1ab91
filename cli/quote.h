// SPDX-License-Identifier: Apache-2.0
//
// An environment variable as a line that a shell reads: whatever the value holds, the shell makes the same of it.
#pragma once

#include "buf.h"

enum quote_shell {
        QUOTE_POSIX,
        QUOTE_FISH,
        QUOTE_CSH,
        QUOTE_POWERSHELL,
        QUOTE_ASSIGN, // NAME=value, in quotes only where it needs them; not exported
        QUOTE_SHELL_MAX_
};

// "posix" (also sh, bash, zsh, dash, ksh), "fish", "csh" (also tcsh), "powershell" (also pwsh). False: no such shell.
bool quote_find_shell(enum quote_shell *ret, const char *name);
// A word for a POSIX shell, in quotes only where it needs them.
int quote_word(struct buf *out, const char *word) _must_check_;
// value NULL: the line that clears the variable. 0, or the error of the buffer.
int quote_variable(struct buf *out, enum quote_shell shell, const char *name, const char *value) _must_check_;
