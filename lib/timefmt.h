// SPDX-License-Identifier: Apache-2.0
//
// Points in time as others write them: ISO 8601 in UTC (AWS), HTTP dates (RFC 9110 §5.6.7), durations of our
// config.
#pragma once

#include "util.h"

// "2026-11-22T02:22:04Z" with optional fraction (cut off) → seconds since the epoch. Only UTC ("Z").
// -EBADMSG.
int time_parse_iso(const char *s, int64_t *ret_s) _must_check_;
#define TIME_ISO_LEN 20
void time_format_iso(char dst[TIME_ISO_LEN + 1], int64_t s); // whole seconds, "Z"
#define TIME_AMZ_LEN 16
void time_format_amz(char dst[TIME_AMZ_LEN + 1], int64_t s); // 20150830T123600Z
int time_parse_amz(const char *s, int64_t *ret_s) _must_check_;
int time_parse_http(const char *s, int64_t *ret_s) _must_check_; // IMF-fixdate only
// "90", "90s", "15m", "12h", "2d" → seconds; bounded by int32. -EBADMSG.
int time_parse_duration(const char *s, int64_t *ret_s) _must_check_;
