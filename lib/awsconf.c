// SPDX-License-Identifier: Apache-2.0
//
// One pass over the lines. What a line is — blank, comment, continuation, section, setting — is decided as
// Python's RawConfigParser decides it (the file's first reader and the strictest), with the other SDKs' leniency
// where the reading says so. What RawConfigParser only finds by looking back (duplicates) is found by sorting
// afterwards, so that a hostile file costs no more than n log n.
#include "awsconf.h"

#include "awsconf_internal.h"
#include "buf.h"

struct line {
        const char *p;    // without its line end
        size_t n, indent; // indent: blank characters in front
        unsigned number;
};

struct reader {
        struct awsconf *c;
        enum awsconf_kind kind;
        struct buf value; // of the last key, while it may still be continued
        bool in_section, in_key;
        size_t indent, cap_sections, cap_keys;
        unsigned bad_line;
        const char *bad; // the first thing this reading refuses; NULL
};

static void refuse(struct reader *r, unsigned line, const char *why)
{
        if (r->bad && r->bad_line <= line)
                return;
        r->bad = why;
        r->bad_line = line;
}

static int grow(void *array, size_t *cap, size_t n, size_t size)
{
        void *old, *p;
        size_t want = *cap ? *cap * 2 : 16;

        if (n < *cap)
                return 0;
        memcpy(&old, array, sizeof old);
        p = reallocarray(old, want, size);
        if (!p)
                return -ENOMEM;
        memcpy(array, &p, sizeof p);
        *cap = want;
        return 0;
}

// The value that was collected becomes the last key's.
static int end_key(struct reader *r)
{
        struct awsconf_key *k;

        if (!r->in_key)
                return 0;
        k = &r->c->keys[r->c->n_keys - 1];
        r->in_key = false;
        r->value.n = awsconf_trim_end(buf_str(&r->value), r->value.n);
        k->value = strndup(buf_str(&r->value), r->value.n);
        buf_reset(&r->value);
        return k->value ? 0 : -ENOMEM;
}

static int begin_section(struct reader *r, const char *header, size_t n, unsigned line)
{
        struct awsconf *c = r->c;
        struct awsconf_section *s;

        if (grow(&c->sections, &r->cap_sections, c->n_sections, sizeof *c->sections) < 0)
                return -ENOMEM;
        s = &c->sections[c->n_sections];
        *s = (struct awsconf_section){.header = strndup(header, n), .line = line};
        if (!s->header)
                return -ENOMEM;
        c->n_sections++;
        r->in_section = true;
        return awsconf_profile_of(&s->profile, r->kind, s->header);
}

static int begin_key(struct reader *r, const char *name, size_t n, unsigned line)
{
        struct awsconf *c = r->c;
        struct awsconf_key *k;

        if (grow(&c->keys, &r->cap_keys, c->n_keys, sizeof *c->keys) < 0)
                return -ENOMEM;
        k = &c->keys[c->n_keys];
        *k = (struct awsconf_key){.name = strndup(name, n), .section = c->n_sections - 1, .line = line};
        if (!k->name)
                return -ENOMEM;
        for (char *s = k->name; *s; s++)
                if (*s >= 'A' && *s <= 'Z')
                        *s = (char)(*s - 'A' + 'a');
        c->n_keys++;
        r->in_key = true;
        return 0;
}

static bool is_strict(const struct reader *r)
{
        return r->c->reading == AWSCONF_BOTOCORE;
}

// "[HEADER]": up to the last bracket where botocore reads, to the first one elsewhere.
static int read_header(struct reader *r, const struct line *l, bool *ret_is)
{
        const char *end = is_strict(r) ? memrchr(l->p, ']', l->n) : memchr(l->p, ']', l->n);
        const char *p = l->p + 1;
        size_t n;

        *ret_is = end && end > p;
        if (!*ret_is)
                return 0;
        n = (size_t)(end - p);
        if (!is_strict(r))
                p = awsconf_trim(p, &n);
        return begin_section(r, p, n, l->number);
}

static const char *find_delimiter(const struct reader *r, const struct line *l)
{
        for (size_t i = 0; i < l->n; i++)
                if (l->p[i] == '=' || (l->p[i] == ':' && is_strict(r)))
                        return l->p + i;
        return NULL;
}

// Outside botocore a comment also begins behind a blank.
static size_t without_comment(const char *p, size_t n)
{
        for (size_t i = 1; i < n; i++)
                if ((p[i] == '#' || p[i] == ';') && (p[i - 1] == ' ' || p[i - 1] == '\t'))
                        return i;
        return n;
}

static int read_setting(struct reader *r, const struct line *l)
{
        const char *eq = find_delimiter(r, l), *value;
        size_t n, room;
        int e;

        if (!eq) {
                if (is_strict(r))
                        refuse(r, l->number, "neither a section nor a setting");
                return 0;
        }
        n = awsconf_trim_end(l->p, (size_t)(eq - l->p));
        if (n == 0) {
                if (is_strict(r))
                        refuse(r, l->number, "a setting without a name");
                return 0;
        }
        e = begin_key(r, l->p, n, l->number);
        if (e < 0)
                return e;
        room = (size_t)(l->p + l->n - eq - 1);
        if (!is_strict(r))
                room = without_comment(eq, room + 1) - 1;
        value = awsconf_trim(eq + 1, &room);
        return buf_append(&r->value, value, room);
}

// A line that is neither blank nor a comment; l->p is trimmed.
static int read_line(struct reader *r, const struct line *l)
{
        bool is_header = false;
        int e;

        if (r->in_section && r->in_key && l->indent > r->indent) {
                e = buf_append_char(&r->value, '\n');
                return e < 0 ? e : buf_append(&r->value, l->p, l->n);
        }
        r->indent = l->indent;
        if (l->p[0] == '[') {
                e = end_key(r);
                if (e == 0)
                        e = read_header(r, l, &is_header);
                if (e < 0 || is_header)
                        return e;
        }
        if (!r->in_section) {
                if (is_strict(r))
                        refuse(r, l->number, "a setting before the first section");
                return 0;
        }
        e = end_key(r);
        return e < 0 ? e : read_setting(r, l);
}

static int read_lines(struct reader *r, const char *text, size_t n)
{
        unsigned number = 0;

        for (size_t at = 0; at < n;) {
                size_t len = 0;
                struct line l = {.number = ++number};
                int e = 0;

                while (at + len < n && text[at + len] != '\n' && text[at + len] != '\r')
                        len++;
                l.n = len;
                l.p = awsconf_trim(text + at, &l.n);
                l.indent = awsconf_count(text + at, (size_t)(l.p - (text + at)));
                if (l.n == 0) {
                        if (r->in_key && is_strict(r))
                                e = buf_append_char(&r->value, '\n');
                } else if (l.p[0] != '#' && l.p[0] != ';') {
                        e = read_line(r, &l);
                }
                if (e < 0)
                        return e;
                at += len;
                if (at < n)
                        at += text[at] == '\r' && at + 1 < n && text[at + 1] == '\n' ? 2 : 1;
        }
        return end_key(r);
}

// botocore reads a value that begins on the next line as a block of settings, and refuses the file where it is none.
static void check_nested(struct reader *r)
{
        for (size_t i = 0; i < r->c->n_keys; i++) {
                const struct awsconf_key *k = &r->c->keys[i];

                if (k->value && k->value[0] == '\n' && !awsconf_is_block(k->value))
                        refuse(r, k->line, "an indented block that is not made of settings");
        }
}

static int read_all(struct reader *r, const char *text, size_t n)
{
        size_t bad;
        int e;

        if (is_strict(r) && !awsconf_is_utf8(text, n, &bad)) {
                refuse(r, awsconf_line_at(text, bad), "this is not UTF-8");
                return 0;
        }
        if (!is_strict(r) && n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
                text += 3;
                n -= 3;
        }
        e = read_lines(r, text, n);
        if (e < 0 || !is_strict(r))
                return e;
        check_nested(r);
        return awsconf_find_duplicate(r->c, &r->bad_line, &r->bad);
}

int awsconf_parse(struct awsconf **ret, enum awsconf_reading reading, enum awsconf_kind kind,
        const char *text, size_t n, unsigned *ret_line, struct err *err)
{
        _cleanup_(awsconf_freep) struct awsconf *c = calloc(1, sizeof *c);
        struct reader r = {.c = c, .kind = kind, .value = BUF_INIT(AWSCONF_SIZE_MAX)};
        char *room = NULL;
        int e;

        *ret_line = 0;
        if (n > AWSCONF_SIZE_MAX) {
                *ret_line = 1;
                err_set(err, "larger than %u bytes", AWSCONF_SIZE_MAX);
                return -EBADMSG;
        }
        room = calloc(1, n + 1);
        if (!c || !room) {
                free(room);
                return -ENOMEM;
        }
        c->reading = reading;
        // A NUL is a character like any other to the readers in other languages; to C it shall be one too.
        for (size_t i = 0; i < n; i++)
                room[i] = text[i] ? text[i] : '\1';
        e = read_all(&r, room, n);
        buf_deinit(&r.value);
        explicit_bzero(room, n);
        free(room);
        if (e < 0)
                return e;
        if (r.bad) {
                *ret_line = r.bad_line;
                err_set(err, "%s", r.bad);
                return -EBADMSG;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

static void drop(char *s)
{
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
}

struct awsconf *awsconf_free(struct awsconf *c)
{
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n_sections; i++) {
                free(c->sections[i].header);
                free(c->sections[i].profile);
        }
        for (size_t i = 0; i < c->n_keys; i++) {
                drop(c->keys[i].name);
                drop(c->keys[i].value);
        }
        free(c->sections);
        free(c->keys);
        free(c);
        return NULL;
}
