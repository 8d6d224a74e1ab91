// SPDX-License-Identifier: Apache-2.0
//
// What a reading does not know is no value, and matches nothing.
#include "policy_value.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "timefmt.h"

#define DIGITS "0123456789"

bool policy_read_number(const char *s, double *ret)
{
        char *end;

        // strtod() also reads "inf", "nan" and hexadecimal.
        if (!*s || strspn(s, "+-" DIGITS ".eE") != strlen(s))
                return false;
        *ret = strtod(s, &end);
        return !*end && isfinite(*ret);
}

// ---- points in time --------------------------------------------------------------------------------------------------

static bool read_epoch(const char *s, double *ret)
{
        const char *digits = s + (*s == '-');
        size_t n = strlen(digits);
        long long t;

        if (n == 0 || strspn(digits, DIGITS) != n)
                return false;
        errno = 0;
        t = strtoll(s, NULL, 10);
        *ret = (double)t;
        return errno == 0;
}

// Of two characters that are known to be digits.
static int two(const char *s)
{
        return (s[0] - '0') * 10 + (s[1] - '0');
}

// "Z", "+01" or "-09:30", in seconds.
static bool read_offset(const char *s, int *ret)
{
        int hours = 0, minutes = 0;

        *ret = 0;
        if (strcasecmp(s, "Z") == 0)
                return true;
        if ((*s != '+' && *s != '-') || strspn(s + 1, DIGITS) != 2 || (s[3] && s[3] != ':'))
                return false;
        if (s[3] && (strspn(s + 4, DIGITS) != 2 || s[6]))
                return false;
        hours = two(s + 1);
        if (s[3])
                minutes = two(s + 4);
        *ret = (hours * 60 + minutes) * 60 * (*s == '-' ? -1 : 1);
        return hours < 24 && minutes < 60;
}

// hh:mm[:ss[.f]] and the offset. What is behind the seconds' point is cut off.
static bool read_time(const char *s, char hms[9], int *offset)
{
        size_t n;

        if (strspn(s, DIGITS) != 2 || s[2] != ':' || strspn(s + 3, DIGITS) != 2)
                return false;
        snprintf(hms, 9, "%.5s:00", s);
        s += 5;
        if (*s == ':') {
                if (strspn(s + 1, DIGITS) != 2)
                        return false;
                memcpy(hms + 6, s + 1, 2);
                s += 3;
                n = *s == '.' ? 1 + strspn(s + 1, DIGITS) : 0;
                if (n == 1)
                        return false;
                s += n;
        }
        return read_offset(s, offset);
}

bool policy_read_date(const char *s, double *ret)
{
        char whole[32], hms[9] = "00:00:00";
        int offset = 0, day = 1;
        size_t n = 7;
        int64_t t;

        if (read_epoch(s, ret))
                return true;
        if (strspn(s, DIGITS) != 4 || s[4] != '-' || strspn(s + 5, DIGITS) != 2)
                return false;
        if (s[n] == '-') {
                if (strspn(s + 8, DIGITS) != 2)
                        return false;
                day = two(s + 8);
                n = 10;
                if (s[n] == 'T' || s[n] == 't') {
                        if (!read_time(s + n + 1, hms, &offset))
                                return false;
                        n = strlen(s);
                }
        }
        snprintf(whole, sizeof whole, "%.7s-%02dT%sZ", s, day, hms);
        if (s[n] || time_parse_iso(whole, &t) < 0)
                return false;
        *ret = (double)(t - offset);
        return true;
}

bool policy_read_bool(const char *s, bool *ret)
{
        *ret = strcasecmp(s, "true") == 0;
        return *ret || strcasecmp(s, "false") == 0;
}

// ---- addresses -------------------------------------------------------------------------------------------------------

bool policy_read_range(const char *s, unsigned char addr[16], unsigned *bits)
{
        static const unsigned char mapped[12] = {[10] = 0xff, 0xff};
        const char *slash = strchr(s, '/');
        size_t n = slash ? (size_t)(slash - s) : strlen(s);
        char text[INET6_ADDRSTRLEN];
        unsigned max = 128;

        if (n >= sizeof text)
                return false;
        memcpy(text, s, n);
        text[n] = 0;
        if (inet_pton(AF_INET, text, addr + 12) == 1) {
                memcpy(addr, mapped, sizeof mapped);
                max = 32;
        } else if (inet_pton(AF_INET6, text, addr) != 1)
                return false;
        *bits = max;
        if (slash) {
                size_t len = strlen(slash + 1);

                if (len < 1 || len > 3 || strspn(slash + 1, DIGITS) != len)
                        return false;
                *bits = (unsigned)strtoul(slash + 1, NULL, 10);
                if (*bits > max)
                        return false;
        }
        *bits += 128 - max;
        return true;
}

bool policy_range_has(const char *range, const char *address)
{
        unsigned char net[16], ip[16];
        unsigned bits, all;

        if (!policy_read_range(range, net, &bits) || !policy_read_range(address, ip, &all) || all != 128)
                return false;
        if (memcmp(net, ip, bits / 8) != 0)
                return false;
        return bits % 8 == 0 || ((net[bits / 8] ^ ip[bits / 8]) >> (8 - bits % 8)) == 0;
}

// ---- bytes -----------------------------------------------------------------------------------------------------------

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "+/"

bool policy_is_binary(const char *s)
{
        size_t n = strspn(s, BASE64), padding = strspn(s + n, "=");

        return n % 4 != 1 && !s[n + padding] && (padding == 0 || (padding < 3 && (n + padding) % 4 == 0));
}

// Base64 has one text for each byte string, but for the padding.
bool policy_binary_equals(const char *a, const char *b)
{
        size_t n = strspn(a, BASE64);

        return policy_is_binary(a) && policy_is_binary(b) && n == strspn(b, BASE64) && memcmp(a, b, n) == 0;
}
