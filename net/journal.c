// SPDX-License-Identifier: Apache-2.0
//
// Values hold no control character and no blank outside of quotes: log.c has seen to that. So neither a value nor what stands in
// one can become a field of its own.
#include "journal.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

struct entry {
        char *p;
        size_t n;
};

// A field whole, or not at all.
static void begin(struct entry *e, size_t *ret_at, const char *name, size_t name_n)
{
        *ret_at = e->n;
        if (e->n + name_n + 2 > JOURNAL_ENTRY_MAX)
                return;
        memcpy(e->p + e->n, name, name_n);
        e->n += name_n;
        e->p[e->n++] = '=';
}

static void put(struct entry *e, char c)
{
        if (e->n < JOURNAL_ENTRY_MAX)
                e->p[e->n++] = c;
}

static void end(struct entry *e, size_t at)
{
        if (e->n < JOURNAL_ENTRY_MAX)
                e->p[e->n++] = '\n';
        else
                e->n = at;
}

static void put_field(struct entry *e, const char *name, const char *value, size_t n)
{
        size_t at;

        begin(e, &at, name, strlen(name));
        for (size_t i = 0; i < n; i++)
                put(e, value[i]);
        end(e, at);
}

static bool is_key(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!islower((unsigned char)s[i]) && s[i] != '_' && (i == 0 || !isdigit((unsigned char)s[i])))
                        return false;
        return n > 0 && n < 32;
}

// The value at s: *ret_n bytes until it is over. False: it has no end.
static bool put_value(struct entry *e, const char *s, const char *stop, size_t *ret_n)
{
        const char *p = s;

        if (p == stop || *p != '"') {
                while (p < stop && *p != ' ')
                        put(e, *p++);
                *ret_n = (size_t)(p - s);
                return true;
        }
        for (p++; p < stop && *p != '"'; p++) {
                if (*p == '\\' && p + 1 < stop)
                        p++;
                put(e, *p);
        }
        *ret_n = (size_t)(p - s) + 1;
        return p < stop;
}

static const char *put_pair(struct entry *e, const char *s, const char *stop)
{
        const char *word_end = memchr(s, ' ', (size_t)(stop - s)),
                   *equals = memchr(s, '=', (size_t)(stop - s));
        char name[48];
        size_t at, n;

        if (!word_end)
                word_end = stop;
        if (!equals || equals > word_end || !is_key(s, (size_t)(equals - s)))
                return word_end;
        n = (size_t)snprintf(name, sizeof name, "VALETKEY_%.*s", (int)(equals - s), s);
        for (size_t i = 0; i < n; i++)
                name[i] = (char)toupper((unsigned char)name[i]);
        begin(e, &at, name, n);
        if (!put_value(e, equals + 1, stop, &n) || (n == 1 && equals[1] == '-'))
                e->n = at;
        else
                end(e, at);
        return n < (size_t)(stop - equals - 1) ? equals + 1 + n : stop;
}

size_t journal_entry(
        char out[JOURNAL_ENTRY_MAX], const char *program, int priority, const char *line, size_t n)
{
        struct entry e = {.p = out};
        const char *s = line, *stop = line + n;
        char digit = (char)('0' + priority % 8);

        while (s < stop && *s != ' ')
                s++;
        put_field(&e, "PRIORITY", &digit, 1);
        put_field(&e, "SYSLOG_IDENTIFIER", program, strlen(program));
        put_field(&e, "MESSAGE", line, n);
        put_field(&e, "VALETKEY_EVENT", line, (size_t)(s - line));
        while (s < stop) {
                if (*s == ' ')
                        s++;
                else
                        s = put_pair(&e, s, stop);
        }
        return e.n;
}

int journal_send(int *fd, const char *path, const char *entry, size_t n)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};

        if (strlen(path) >= sizeof a.sun_path)
                return -ENAMETOOLONG;
        memcpy(a.sun_path, path, strlen(path));
        if (*fd < 0)
                *fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (*fd < 0 ||
                sendto(*fd, entry, n, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&a, sizeof a) < 0)
                return -errno;
        return 0;
}
