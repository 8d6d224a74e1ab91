// SPDX-License-Identifier: Apache-2.0
//
// The command line that curl gets: its user's, with every https:// made a http:// that leads to our socket. Which hosts were
// meant, and how each is to be reached, is found on the way.
#pragma once

#include "err.h"
#include "gateway.h"

#define CURL_TARGETS_MAX 64

struct curl_target {
        char host[GATEWAY_NAME];   // as curl will say it in Host
        char origin[GATEWAY_NAME]; // where it really is
};
struct curl_words {
        char **argv; // "curl", …, NULL
        size_t n;
        struct curl_target targets[CURL_TARGETS_MAX]; // each host once
        size_t n_targets, n_urls;
        bool any_host;                // a host is a pattern: every https host is meant
        bool custom_host;             // -H 'Host: …'
        bool follows;                 // -L
        const char *ca_file, *socket; // borrowed
};
// words: as they were typed, NULL-terminated. 0; -EINVAL with err; -ENOMEM. To be released whatever the result.
int curl_words_make(
        struct curl_words *ret, char *const words[], const char *socket, struct err *err) _must_check_;
void curl_words_deinit(struct curl_words *w);
