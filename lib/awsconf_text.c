// SPDX-License-Identifier: Apache-2.0
//
// White space, lines and words as Python sees them: str.strip(), str.splitlines() and shlex.split() are what botocore
// reads its files with, and they know more blanks and line ends than C.
#include "awsconf_internal.h"

#include "buf.h"
#include "utf8.h"

static bool is_blank(uint32_t c)
{
        return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
               (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
               c == 0x3000;
}

static bool is_line_end(uint32_t c)
{
        return (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

// The character at p; a byte that is not UTF-8 stands for itself.
static size_t next(const char *p, size_t n, uint32_t *c)
{
        size_t len = utf8_next(p, n, c);

        if (len)
                return len;
        *c = 0xfffd;
        return 1;
}

size_t awsconf_trim_end(const char *p, size_t n)
{
        size_t end = 0, len;
        uint32_t c;

        // ASCII, which is nearly always, from the end
        while (n > 0 && (unsigned char)p[n - 1] < 0x80 && is_blank((unsigned char)p[n - 1]))
                n--;
        if (n == 0 || (unsigned char)p[n - 1] < 0x80)
                return n;
        for (size_t i = 0; i < n; i += len) {
                len = next(p + i, n - i, &c);
                if (!is_blank(c))
                        end = i + len;
        }
        return end;
}

const char *awsconf_trim(const char *p, size_t *n)
{
        size_t len;
        uint32_t c;

        *n = awsconf_trim_end(p, *n);
        for (; *n > 0; p += len, *n -= len) {
                len = next(p, *n, &c);
                if (!is_blank(c))
                        break;
        }
        return p;
}

size_t awsconf_count(const char *p, size_t n)
{
        size_t count = 0;
        uint32_t c;

        for (size_t i = 0; i < n; count++)
                i += next(p + i, n - i, &c);
        return count;
}

bool awsconf_is_utf8(const char *p, size_t n, size_t *ret_at)
{
        uint32_t c;

        for (size_t i = 0, len; i < n; i += len) {
                len = utf8_next(p + i, n - i, &c);
                if (len == 0) {
                        *ret_at = i;
                        return false;
                }
        }
        return true;
}

unsigned awsconf_line_at(const char *p, size_t at)
{
        unsigned line = 1;

        for (size_t i = 0; i < at; i++)
                line += p[i] == '\n' || (p[i] == '\r' && p[i + 1] != '\n');
        return line;
}

bool awsconf_is_block(const char *value)
{
        size_t n = strlen(value), len;
        bool blank = true, equals = false;
        uint32_t c;

        for (size_t i = 0; i <= n; i += len) {
                len = i < n ? next(value + i, n - i, &c) : 1;
                if (i == n || is_line_end(c)) {
                        if (!blank && !equals)
                                return false;
                        blank = true;
                        equals = false;
                } else {
                        blank = blank && is_blank(c);
                        equals = equals || c == '=';
                }
        }
        return true;
}

// The next word as a POSIX shell splits it: quotes, and backslashes. 1: a word; 0: none left; -EBADMSG: no word, for
// something is unfinished; -ENOMEM.
static int next_word(const char **p, struct buf *word)
{
        const char *s = *p;
        char quote = 0;
        bool any = false;

        s += strspn(s, " \t\r\n");
        for (; *s && (quote || !strchr(" \t\r\n", *s)); s++) {
                any = true;
                if (quote && *s == quote) {
                        quote = 0;
                        continue;
                }
                if (!quote && (*s == '"' || *s == '\'')) {
                        quote = *s;
                        continue;
                }
                if (*s == '\\' && quote != '\'') {
                        if (!s[1])
                                return -EBADMSG;
                        if (!quote || s[1] == '"' || s[1] == '\\')
                                s++;
                }
                if (buf_append_char(word, *s) < 0)
                        return -ENOMEM;
        }
        *p = s;
        return quote ? -EBADMSG : any;
}

int awsconf_profile_of(char **ret, enum awsconf_kind kind, const char *header)
{
        cleanup_buf struct buf first = BUF_INIT(AWSCONF_SIZE_MAX), second = BUF_INIT(AWSCONF_SIZE_MAX),
                               third = BUF_INIT(AWSCONF_SIZE_MAX);
        const char *name = header, *p = header;
        int r;

        *ret = NULL;
        if (kind == AWSCONF_CONFIG && strcmp(header, "default") != 0) {
                if (strncmp(header, "profile", 7) != 0)
                        return 0;
                r = next_word(&p, &first);
                if (r > 0)
                        r = next_word(&p, &second);
                if (r > 0 && next_word(&p, &third) != 0)
                        return 0;
                if (r <= 0)
                        return r == -ENOMEM ? r : 0;
                name = buf_str(&second);
        }
        *ret = strdup(name);
        return *ret ? 0 : -ENOMEM;
}
