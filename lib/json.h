// SPDX-License-Identifier: Apache-2.0
//
// Strict reading of JSON from outside: one document, no duplicate keys, bounded size and depth, and typed
// getters that bound strings and tell "absent" from "wrong type". jansson underneath.
#pragma once

#include <jansson.h>

#include "err.h"
#include "util.h"

#define JSON_SIZE_MAX    (1u << 20)
#define JSON_DEPTH_LIMIT 32

// jansson has the cleanup function itself.
#define cleanup_json _cleanup_(json_decrefp)

// 0, -ENOMEM, or -EBADMSG (err says what is wrong, never quoting the document).
int json_parse(json_t **ret, const void *p, size_t n, struct err *err) _must_check_;

// Getters on an object. 0 and *ret (borrowed); -ENOENT when absent or null; -EBADMSG for another type, for a
// string longer than max bytes or holding NUL, for a number out of range.
int json_get_string(const json_t *o, const char *key, size_t max, const char **ret);
int json_get_int64(
        const json_t *o, const char *key, int64_t *ret); // accepts 3.0 as 3, and nothing else fractional
int json_get_bool(const json_t *o, const char *key, bool *ret);
