// SPDX-License-Identifier: Apache-2.0
//
// A log line is built by a formatter of its own instead of vsnprintf(): only so is each value known as a
// value and can be cleaned and quoted before it meets the next key. Nothing is allocated, and a line is one
// write(), so lines of several processes on one stderr do not mix.
#include "log.h"

#include "err.h"
#include "journal.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define LINE_MAX_   2048
#define LIMIT_LINES 10
#define LIMIT_MS    60000

static char program_name[32] = "valetkey";
static enum log_level level_max = LOG_E_INFO;
static bool to_journal;
static const char *journal_path = "/run/systemd/journal/socket";
static int journal_fd = -1;

struct line {
        char p[LINE_MAX_];
        size_t n;
};

// The last bytes are kept free for "..." and the newline.
static void put(struct line *l, const char *s, size_t n)
{
        size_t room = sizeof l->p - 5 - l->n;

        if (n > room)
                n = room;
        memcpy(l->p + l->n, s, n);
        l->n += n;
}

static bool needs_quotes(const char *s)
{
        if (!*s)
                return true;
        for (; *s; s++)
                if (!isalnum((unsigned char)*s) && !strchr("_.:/@+,;%~*#?&-", *s) && (unsigned char)*s < 0x80)
                        return true;
        return false;
}

static void put_value(struct line *l, const char *s, size_t n)
{
        char clean[1024];

        err_sanitise(clean, sizeof clean, s, n);
        if (!needs_quotes(clean)) {
                put(l, clean, strlen(clean));
                return;
        }
        put(l, "\"", 1);
        for (const char *c = clean; *c; c++) {
                if (*c == '"' || *c == '\\')
                        put(l, "\\", 1);
                put(l, c, 1);
        }
        put(l, "\"", 1);
}

struct spec {
        int precision; // -1: none
        unsigned longs;
        bool size; // z
        char conv;
};

// Reads one conversion behind its '%'; returns what follows it.
static const char *read_spec(struct spec *s, const char *f, va_list *ap)
{
        *s = (struct spec){.precision = -1};
        while (isdigit((unsigned char)*f) || *f == '-')
                f++;
        if (*f == '.') {
                f++;
                if (*f == '*') {
                        s->precision = va_arg(*ap, int);
                        f++;
                } else {
                        s->precision = (int)strtol(f, (char **)&f, 10);
                }
        }
        for (; *f == 'l' || *f == 'z' || *f == 'j' || *f == 'h'; f++) {
                s->longs += *f == 'l' || *f == 'j' ? 1 : 0;
                s->size |= *f == 'z';
        }
        s->conv = *f;
        return *f ? f + 1 : f;
}

static void put_number(struct line *l, const struct spec *s, va_list *ap)
{
        char t[32];
        unsigned long long v;

        if (s->conv == 'd' || s->conv == 'i') {
                long long d = s->longs > 1 ? va_arg(*ap, long long)
                              : s->longs   ? va_arg(*ap, long)
                              : s->size    ? va_arg(*ap, ssize_t)
                                           : va_arg(*ap, int);
                snprintf(t, sizeof t, "%lld", d);
        } else {
                v = s->longs > 1 ? va_arg(*ap, unsigned long long)
                    : s->longs   ? va_arg(*ap, unsigned long)
                    : s->size    ? va_arg(*ap, size_t)
                                 : va_arg(*ap, unsigned);
                snprintf(t, sizeof t, s->conv == 'x' ? "%llx" : s->conv == 'o' ? "%llo" : "%llu", v);
        }
        put(l, t, strlen(t));
}

static void put_conversion(struct line *l, const struct spec *s, va_list *ap)
{
        const char *text;
        char c;

        switch (s->conv) {
        case 's':
                text = va_arg(*ap, const char *);
                if (!text)
                        put(l, "-", 1);
                else
                        put_value(l, text,
                                s->precision >= 0 ? strnlen(text, (size_t)s->precision) : strlen(text));
                return;
        case 'c':
                c = (char)va_arg(*ap, int);
                put_value(l, &c, 1);
                return;
        case '%':
                put(l, "%", 1);
                return;
        case 'd':
        case 'i':
        case 'u':
        case 'x':
        case 'o':
                put_number(l, s, ap);
                return;
        default:
                // No %p (addresses), no %n, no floats: a conversion of another kind is a programmer's error.
                abort();
        }
}

static void put_format(struct line *l, const char *f, va_list *ap)
{
        while (*f) {
                size_t n = strcspn(f, "%");
                struct spec s;

                put(l, f, n);
                f += n;
                if (*f == '%') {
                        f = read_spec(&s, f + 1, ap);
                        put_conversion(l, &s, ap);
                }
        }
}

// JOURNAL_STREAM is inherited by children whose stderr has long gone elsewhere, so the inode decides.
static bool stderr_is_journal(void)
{
        const char *v = getenv("JOURNAL_STREAM");
        char ours[48];
        struct stat st;

        if (!v || fstat(STDERR_FILENO, &st) < 0)
                return false;
        snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        return strcmp(v, ours) == 0;
}

// program: copied.
void log_init(const char *program, enum log_level max)
{
        snprintf(program_name, sizeof program_name, "%s", program);
        level_max = max;
        to_journal = stderr_is_journal();
}

void log_journal_at(const char *path)
{
        journal_path = path;
}

static void write_line(const struct line *l)
{
        ssize_t w;

        do
                w = write(STDERR_FILENO, l->p, l->n);
        while (w < 0 && errno == EINTR);
}

// With its fields; true: it is said.
static bool tell_journal(enum log_level level, const struct line *l, size_t from)
{
        char entry[JOURNAL_ENTRY_MAX];
        size_t n = journal_entry(entry, program_name, (int)level, l->p + from, l->n - from);

        return journal_send(&journal_fd, journal_path, entry, n) == 0;
}

// Writes one line; see log.h for the form. errno is kept.
void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
        struct line l = {.n = 0};
        int saved = errno;
        char head[64];
        va_list ap;

        if (level > level_max)
                return;
        if (to_journal)
                snprintf(head, sizeof head, "<%d>", (int)level);
        else
                snprintf(head, sizeof head, "%s: ", program_name);
        put(&l, head, strlen(head));
        put(&l, event, strlen(event));
        if (fmt && *fmt) {
                put(&l, " ", 1);
                va_start(ap, fmt);
                put_format(&l, fmt, &ap);
                va_end(ap);
        }
        if (l.n == sizeof l.p - 5) {
                memcpy(l.p + l.n, "...", 3);
                l.n += 3;
        }
        if (!to_journal || !tell_journal(level, &l, strlen(head))) {
                l.p[l.n++] = '\n';
                write_line(&l);
        }
        errno = saved;
}

bool log_limit_allows(struct log_limit *l, const char *event, const struct clock *clock)
{
        int64_t now_ms = clock->boot_ms(clock);

        if (l->n == 0 || now_ms - l->since_ms >= LIMIT_MS) {
                if (l->n > LIMIT_LINES)
                        log_event(LOG_E_WARNING, "log.suppressed", "event=%s lines=%u", event,
                                l->n - LIMIT_LINES);
                *l = (struct log_limit){.since_ms = now_ms};
        }
        if (l->n < UINT_MAX)
                l->n++;
        return l->n <= LIMIT_LINES;
}
