// SPDX-License-Identifier: Apache-2.0
//
// The human half of an error: one sentence, filled once where the fault is found and carried up beside the
// numeric result. It never holds a secret, and text from outside passes err_sanitise(), which strips what a
// terminal or a log would obey. The machine half (enum outcome) stands in wire/outcome.h.
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "util.h"

#define ERR_MAX 256

struct err {
        char text[ERR_MAX]; // NUL-terminated; empty: nothing was said
};

#define ERR_INIT ((struct err){.text = ""})

// Says what went wrong. The origin knows best: when a text is already there it is kept. err may be NULL.
void err_set(struct err *err, const char *fmt, ...) _printf_(2, 3);

// Puts context in front of what was said ("role dev: " before "STS refused …"); truncates at the end.
void err_prefix(struct err *err, const char *fmt, ...) _printf_(2, 3);

// Copies text that came from another party into dst (size n, always terminated): printable ASCII and valid
// UTF-8 above U+009F stay, everything a terminal interprets becomes '?'. Returns dst.
char *err_sanitise(char *dst, size_t n, const char *src, size_t src_len);

static inline void err_clear(struct err *err)
{
        if (err)
                err->text[0] = 0;
}
