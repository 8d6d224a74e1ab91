// SPDX-License-Identifier: Apache-2.0
//
// The types a condition compares (IAM user guide, "Condition operators"): numbers, points in time, booleans, addresses,
// bytes. Each has one strict reading, for the policy's value and for the request's.
#pragma once

#include "util.h"

bool policy_read_number(const char *s, double *ret); // decimal only
// W3C's forms of ISO 8601 from year and month on, with "Z" or an offset where there is a time; or seconds since 1970.
bool policy_read_date(const char *s, double *ret);
bool policy_read_bool(const char *s, bool *ret); // without regard to case
// An address with an optional prefix length; both families in 16 bytes, IPv4 mapped.
bool policy_read_range(const char *s, unsigned char addr[16], unsigned *bits);
bool policy_range_has(const char *range, const char *address);
bool policy_is_binary(const char *s); // base64, with its padding or without
bool policy_binary_equals(const char *a, const char *b);
