// SPDX-License-Identifier: Apache-2.0
//
// Lower case only: "Root" and "root" must not be two people. ASCII only: a name is compared by eye.
#include "name.h"

static bool is_lower(char c)
{
        return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

bool name_is_valid_user(const char *s, size_t n)
{
        if (!s || n == 0 || n > NAME_MAX_USER || !(is_lower(s[0]) || s[0] == '_') || s[n - 1] == '.')
                return false;
        for (size_t i = 1; i < n; i++) {
                if (!(is_lower(s[i]) || is_digit(s[i]) || s[i] == '_' || s[i] == '.' || s[i] == '@' ||
                            s[i] == '-'))
                        return false;
                if (s[i] == '.' && s[i - 1] == '.')
                        return false;
        }
        return true;
}
