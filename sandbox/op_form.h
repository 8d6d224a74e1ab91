// SPDX-License-Identifier: Apache-2.0
//
// The provider's pages: one frame, everything from outside escaped, no script and nothing from elsewhere; and
// the proof that a form that comes back is one we sent to this very browser.
#pragma once

#include "op_internal.h"

#define OP_PAGE_MAX (64u << 10)

struct op_page {
        struct buf html;
        char form_token[33]; // what a form on the page must carry
        char cookie[128];    // "": the browser has its cookie already
        bool failed;
};

// Starts a page; gives the browser its cookie when it has none.
int op_page_begin(struct op_page *p, struct web_request *r, const char *title) _must_check_;
int op_page_text(struct op_page *p, const char *s);                         // escaped
int op_page_html(struct op_page *p, const char *s);                         // ours, as it is
int op_page_hidden(struct op_page *p, const char *name, const char *value); // value NULL: nothing
// A form to path: who is it, allow or deny. hidden fields have to be added in between.
void op_page_form_begin(struct op_page *p, const char *path);
void op_page_form_end(struct op_page *p, const struct dir *d);
// Sends it. form_to: an origin the answer to the form may lead to besides ours, or NULL.
void op_page_send(struct op_page *p, struct web_request *r, int status, const char *form_to);
// One paragraph and nothing else.
void op_page_say(struct web_request *r, int status, const char *title, const char *text);

// Did this form come from our page in this browser?
bool op_form_is_ours(const struct web_request *r);
