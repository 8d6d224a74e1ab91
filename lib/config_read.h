// SPDX-License-Identifier: Apache-2.0
//
// The lines of one configuration file: comments, sections and settings, and every line that is none of these as
// an error with its number. What sections and keys mean is for config_schema.h.
#pragma once

#include "err.h"

#define CONFIG_FILE_MAX  (1u << 20)
#define CONFIG_VALUE_MAX 4096u
#define CONFIG_NAME_MAX  64u

struct config_read_handler {
        // "[kind]" (name NULL) or "[kind name]".
        int (*section)(const char *kind, const char *name, unsigned line, struct err *err, void *arg);
        // "key = value"; value is not empty and has no white space around it.
        int (*setting)(const char *key, const char *value, unsigned line, struct err *err, void *arg);
        void *arg;
};

// How many bytes at the start of s could be a name (of any length).
size_t config_name_span(const char *s);

// Reads n bytes. All strings are borrowed for the call. A handler's non-zero result stops and is returned.
// 0, -EBADMSG, -ENOMEM. Every error text, also a handler's, is given "FILE:LINE: " in front.
int config_read(const char *file, const char *text, size_t n, const struct config_read_handler *h,
        struct err *err) _must_check_;
