// SPDX-License-Identifier: Apache-2.0
//
// One sequence at a time. Each length has a least code point: a smaller one is an overlong form, which is how
// "/" and NUL used to be smuggled past checks.
#include "utf8.h"

// Decodes one UTF-8 sequence strictly; returns its length, or 0 where the bytes are not valid UTF-8.
size_t utf8_next(const char *str, size_t n, uint32_t *ret)
{
        const unsigned char *s = (const unsigned char *)str;
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t len = s[0] < 0x80             ? 1
                     : (s[0] & 0xe0) == 0xc0 ? 2
                     : (s[0] & 0xf0) == 0xe0 ? 3
                     : (s[0] & 0xf8) == 0xf0 ? 4
                                             : 0;
        uint32_t c;

        if (len == 0 || len > n)
                return 0;
        if (len == 1) {
                *ret = s[0];
                return 1;
        }
        c = s[0] & (0xffu >> (len + 1));
        for (size_t i = 1; i < len; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3fu);
        }
        if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return len;
}
