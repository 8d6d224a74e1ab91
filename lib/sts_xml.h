// SPDX-License-Identifier: Apache-2.0
//
// A narrow view of XML: a tree of named elements whose leaves hold text, reported one by one with the path
// that leads to them. Attributes, comments and processing instructions are passed over; a DOCTYPE, and with
// it every entity of one's own, is refused.
#pragma once

#include "err.h"

#define STS_XML_DEPTH_MAX 12
#define STS_XML_PATH_MAX  256
#define STS_XML_TEXT_MAX  (48u << 10)

struct sts_xml_handler {
        // An element begins. path is "Root/Child/…", borrowed. A non-zero result stops and is returned.
        int (*enter)(const char *path, void *arg);
        // An element without children has ended; text without the white space around it, borrowed.
        int (*leaf)(const char *path, const char *text, size_t n, void *arg);
        void *arg;
};

// Reads one whole document. 0, -ENOMEM, -EBADMSG (with err), or what a handler returned.
int sts_xml_read(
        const void *xml, size_t n, size_t max, const struct sts_xml_handler *h, struct err *err) _must_check_;
