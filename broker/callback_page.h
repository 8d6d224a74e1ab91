// SPDX-License-Identifier: Apache-2.0
//
// The page a browser shows at the end of a sign-in: no script, nothing from elsewhere, nothing to be framed, and what it says
// escaped.
#pragma once

#include "buf.h"

// The whole HTTP answer, head and body. text: a sentence, of whatever origin.
int callback_page(struct buf *out, int status, const char *title, const char *text);
