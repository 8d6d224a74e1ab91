// SPDX-License-Identifier: Apache-2.0
//
// Error texts. The first text wins, because the place that finds a fault knows more about it than any caller;
// a caller adds context in front. Bidirectional overrides and other invisible format characters are removed
// from foreign text along with control characters: an error message is shown to a person who decides by it.
//
// The sentence is looked up in the catalogue of messages, which only the program that a person types has opened: in a daemon it is what
// it is.
#include "err.h"

#include "translate.h"
#include "utf8.h"

#include <stdio.h>

void err_set(struct err *err, const char *fmt, ...)
{
        va_list ap;

        if (!err || err->text[0])
                return;
        fmt = _(fmt);
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
}

void err_prefix(struct err *err, const char *fmt, ...)
{
        char old[ERR_MAX];
        size_t n;
        va_list ap;

        if (!err)
                return;
        fmt = _(fmt);
        va_start(ap, fmt);
        memcpy(old, err->text, sizeof old);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        n = strlen(err->text);
        memcpy(err->text + n, old, strnlen(old, sizeof err->text - 1 - n));
        err->text[n + strnlen(old, sizeof err->text - 1 - n)] = 0;
}

static bool harmless(uint32_t c)
{
        if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
                return false;
        // Invisible or direction-changing characters: soft hyphen, zero width, bidi controls, line and
        // paragraph separators, interlinear annotation, BOM, tags.
        return !(c == 0xad || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
                 (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
                 (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f));
}

char *err_sanitise(char *dst, size_t n, const char *src, size_t src_len)
{
        size_t o = 0;

        if (n == 0)
                return dst;
        for (size_t i = 0; i < src_len;) {
                uint32_t c = 0;
                size_t len = utf8_next(src + i, src_len - i, &c);
                bool keep = len > 0 && harmless(c);
                size_t out = keep ? len : 1;

                if (o + out >= n)
                        break;
                if (keep)
                        memcpy(dst + o, src + i, len);
                else
                        dst[o] = '?';
                o += out;
                i += len ? len : 1;
        }
        dst[o] = 0;
        return dst;
}
