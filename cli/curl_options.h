// SPDX-License-Identifier: Apache-2.0
//
// Which of curl's options valetkey curl passes on, and which of them take a value: what shapes a request, its output, its
// repetition. Those that shape the connection, or say who one is, mean nothing where valetkey makes the connection and signs.
#pragma once

#include "util.h"

enum curl_option {
        CURL_OPTION_OTHER, // not passed on
        CURL_OPTION_FLAG,
        CURL_OPTION_VALUE,
};
enum curl_option curl_option_long(const char *name); // without "--"
enum curl_option curl_option_short(char c);
