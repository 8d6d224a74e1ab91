// SPDX-License-Identifier: Apache-2.0
//
// Texts of the configuration with words in braces that stand for something: {user} (the local user), {host} (this
// machine's name), {claim:NAME} (a claim of the ID token). A brace has no other meaning.
#pragma once

#include <jansson.h>

#include "buf.h"
#include "err.h"

enum text_part_kind {
        TEXT_END,
        TEXT_LITERAL,
        TEXT_USER,
        TEXT_HOST,
        TEXT_CLAIM,
};
struct text_part {
        enum text_part_kind kind;
        const char *p; // the literal, or the claim's name; borrowed
        size_t n;
};
// Reads the next part and steps over it. 0; -EBADMSG (err says what is wrong).
int text_template_next(const char **at, struct text_part *ret, struct err *err) _must_check_;
// Whether a template that was read once without an error has such a part.
bool text_template_has(const char *t, enum text_part_kind kind);

struct text_words {
        const char *user, *host; // NULL: not known
        const json_t *claims;    // NULL: there is no token
};
// Appends what the template becomes. 0; -EINVAL: err says which word stands for nothing; the error of the buffer.
int text_template_expand(
        struct buf *out, const char *t, const struct text_words *w, struct err *err) _must_check_;
