// SPDX-License-Identifier: Apache-2.0
//
// The status document as text for people.
#pragma once

#include "buf.h"

#include <jansson.h>

struct status_look {
        bool bars; // the time left of each role is drawn, in the place of its ARN
        bool utf8; // and in blocks
        bool colours;
        unsigned width; // of the terminal; 0: there is none
        unsigned lines; // and no more of them than this; 0: all
};
// now_s: the time it is. 0 or -errno.
int status_text(
        struct buf *out, const json_t *status, int64_t now_s, const struct status_look *look) _must_check_;
