// SPDX-License-Identifier: Apache-2.0
//
// An answer of AWS's query protocol as the JSON it stands for: elements are members, text is a string, elements that hold
// <member>s are lists.
#pragma once

#include "err.h"

#include <jansson.h>

// The content of the root element; its name into root (STS_XML_PATH_MAX bytes; NULL: not wanted). 0; -ENOMEM; -EBADMSG (no XML,
// cut, DOCTYPE, too deep, larger than max, a name twice in one element).
int query_xml_read(
        json_t **ret, char *root, const void *xml, size_t n, size_t max, struct err *err) _must_check_;
