// SPDX-License-Identifier: Apache-2.0
//
// A line is a comment ("#" is its first visible character), a section, a setting, or an error. There are no
// continuation lines, no quotes and no escapes: a value is what stands between "=" and the end of the line,
// a "#" in it included. Bytes are checked before anything is split: UTF-8, and no control character but the tab,
// so that nothing invisible (a NUL, a carriage return, a terminal's escape) reaches a value or a message.
#include "config_read.h"

#include "utf8.h"

#define LINE_MAX (CONFIG_VALUE_MAX + 512u)

static int wrong(struct err *err, const char *what)
{
        err_set(err, "%s", what);
        return -EBADMSG;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static bool is_lower(char c)
{
        return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static int check_bytes(const char *s, size_t n, struct err *err)
{
        for (size_t i = 0; i < n;) {
                uint32_t c;
                size_t len = utf8_next(s + i, n - i, &c);

                if (len == 0)
                        return wrong(err, "this is not UTF-8");
                if (c == '\r')
                        return wrong(err, "a carriage return; lines end with a line feed alone");
                if ((c < 0x20 && c != '\t') || (c >= 0x7f && c <= 0x9f) || c == 0xfeff)
                        return wrong(err, "a control character");
                i += len;
        }
        return 0;
}

size_t config_name_span(const char *s)
{
        size_t n = 0;

        while (is_lower(s[n]) || is_digit(s[n]) || (n > 0 && s[n] && strchr("._/-", s[n])))
                n++;
        return n;
}

// "[kind]" or "[kind name]", blanks allowed where a reader would not see a difference. Changes the line.
static int read_section(char *s, unsigned line, const struct config_read_handler *h, struct err *err)
{
        char *end = strchr(s, ']'), *kind = s + 1, *name = NULL, *p;

        if (!end || end[1])
                return wrong(err, "a section is [KIND] or [KIND NAME], and nothing follows it");
        *end = 0;
        for (p = kind; is_lower(*p) || *p == '-'; p++)
                ;
        if (p == kind)
                return wrong(err, "a section begins with its kind in lower-case letters");
        if (is_blank(*p)) {
                *p++ = 0;
                while (is_blank(*p))
                        p++;
                name = p;
                p += *p == '*' ? 1 : config_name_span(name);
        }
        if (*p || (name && (!*name || p - name > (ptrdiff_t)CONFIG_NAME_MAX)))
                return wrong(err, "a name is 1 to 64 of a-z 0-9 . _ / - and begins with a letter or digit");
        return h->section(kind, name, line, err, h->arg);
}

// "key = value". Changes the line.
static int read_setting(char *s, unsigned line, const struct config_read_handler *h, struct err *err)
{
        char *eq = strchr(s, '='), *end = eq, *value;

        if (!eq)
                return wrong(err, "neither a section nor a comment nor KEY = VALUE");
        while (end > s && is_blank(end[-1]))
                end--;
        *end = 0;
        for (const char *p = s; *p; p++)
                if (!(is_lower(*p) || (p > s && (is_digit(*p) || *p == '_'))))
                        return wrong(err, "a key is lower-case letters, digits and _");
        if (!*s)
                return wrong(err, "a value without a key");
        for (value = eq + 1; is_blank(*value); value++)
                ;
        if (!*value) {
                err_set(err, "%.64s has no value; leave the line out to have the default", s);
                return -EBADMSG;
        }
        if (strlen(value) > CONFIG_VALUE_MAX) {
                err_set(err, "the value of %.64s is longer than %u bytes", s, CONFIG_VALUE_MAX);
                return -EBADMSG;
        }
        return h->setting(s, value, line, err, h->arg);
}

// One line of n bytes without its line feed; room has space for LINE_MAX.
static int read_line(char *room, const char *s, size_t n, unsigned line, const struct config_read_handler *h,
        struct err *err)
{
        int r = check_bytes(s, n, err);

        if (r < 0)
                return err_trace(r);
        while (n && is_blank(*s)) {
                s++;
                n--;
        }
        while (n && is_blank(s[n - 1]))
                n--;
        if (n == 0 || *s == '#')
                return 0;
        if (n > LINE_MAX) {
                // Whose value it is helps more than that the line is long.
                const size_t key = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");

                if (key == 0)
                        return wrong(err, "the line is too long");
                err_set(err, "the value of %.*s is longer than %u bytes", key < 64 ? (int)key : 64, s,
                        CONFIG_VALUE_MAX);
                return -EBADMSG;
        }
        memcpy(room, s, n);
        room[n] = 0;
        return *room == '[' ? read_section(room, line, h, err) : read_setting(room, line, h, err);
}

int config_read(
        const char *file, const char *text, size_t n, const struct config_read_handler *h, struct err *err)
{
        cleanup_free char *room = NULL;
        unsigned line = 0;

        if (n > CONFIG_FILE_MAX) {
                err_set(err, "%s: larger than %u bytes", file, CONFIG_FILE_MAX);
                return -EBADMSG;
        }
        room = malloc(LINE_MAX + 1);
        if (!room)
                return -ENOMEM;
        for (size_t at = 0; at < n;) {
                const char *lf = memchr(text + at, '\n', n - at);
                size_t len = lf ? (size_t)(lf - (text + at)) : n - at;
                int r = read_line(room, text + at, len, ++line, h, err);

                if (r) {
                        if (r != -ENOMEM)
                                err_prefix(err, "%s:%u: ", file, line);
                        return r;
                }
                at += len + 1;
        }
        return 0;
}
