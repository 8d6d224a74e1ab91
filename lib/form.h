// SPDX-License-Identifier: Apache-2.0
//
// application/x-www-form-urlencoded and query strings; and URLs as far as we need them: splitting, and the
// rule which ones may be called at all.
#pragma once

#include "buf.h"
#include "err.h"

// Percent-encodes everything but RFC 3986 unreserved characters (as AWS and OAuth both want it).
int form_encode(struct buf *out, const char *s, size_t n);
// Appends "&key=value" (without "&" at the start of the buffer); value NULL: nothing is appended.
int form_add(struct buf *out, const char *key, const char *value);
int form_add_n(struct buf *out, const char *key, const char *value, size_t n);

// Walks "a=b&c=d": calls cb with decoded key and value ("+" is a space). -EBADMSG on a broken %-escape or
// NUL; a non-zero result of cb stops and is returned.
int form_walk(const char *s, size_t n,
        int (*cb)(const char *key, const char *value, size_t value_len, void *arg), void *arg);

struct url {
        char scheme[8]; // "https" or "http"
        char host[256]; // without brackets
        uint16_t port;  // the effective one
        bool ipv6;
        const char *path; // borrowed from the input: path, query and fragment as they stand; "" when absent
};

// Absolute http(s) URLs without user info, white space or control characters. -EBADMSG with err.
int url_parse(struct url *ret, const char *s, struct err *err) _must_check_;
// https anywhere; http only to 127.0.0.0/8, [::1] or localhost (sandbox and tests). -EPERM (or -EBADMSG when
// it is no URL) with err.
int url_check_callable(const char *s, struct err *err) _must_check_;
// True for a well-formed URL whose host is on the loopback interface (as above).
bool url_is_loopback(const char *s);
// Appends what a client sends as Host: with the port where it is not the scheme's own.
int url_host_header(struct buf *out, const struct url *u) _must_check_;
