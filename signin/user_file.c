// SPDX-License-Identifier: Apache-2.0
//
// Whatever the text is: each line is counted, and is either an entry that a table would take or told of.
#include "user_file.h"

#include "ids.h"
#include "user_verbs.h"

#include <stdio.h>

#define FIELDS 4

// Cuts a line at its tabs. How many fields it has; FIELDS + 1: too many.
static size_t cut(char *line, char *field[FIELDS])
{
        size_t n = 0;

        for (char *s = line; s; n++) {
                char *tab = strchr(s, '\t');

                if (n == FIELDS)
                        return FIELDS + 1;
                field[n] = s;
                if (tab)
                        *tab++ = 0;
                s = tab;
        }
        return n;
}

static bool copy(char *dst, size_t size, const char *src)
{
        size_t n = strlen(src);

        if (n >= size)
                return false;
        memcpy(dst, src, n + 1);
        return true;
}

bool user_line_entry(const struct user_line *l, struct table_user *ret, const char **ret_why)
{
        *ret = (struct table_user){.uid = l->uid, .gid = l->uid, .shell = "/bin/bash"};
        if (!copy(ret->name, sizeof ret->name, l->name) ||
                !copy(ret->issuer, sizeof ret->issuer, l->issuer) ||
                !copy(ret->subject, sizeof ret->subject, l->subject)) {
                *ret_why = "the name, the issuer or the subject is too long";
                return false;
        }
        snprintf(ret->home, sizeof ret->home, "/home/%s", ret->name);
        *ret_why = table_user_check(ret, TABLE_FEDERATED);
        return !*ret_why;
}

// 0; 1 and *ret_why: it is none; -EIO.
static int read_line(struct user_line *ret, char *line, size_t len, const char **ret_why)
{
        char *field[FIELDS] = {NULL};
        struct table_user u;
        size_t n;

        *ret_why = "there is a NUL in it";
        if (strlen(line) != len)
                return 1;
        n = cut(line, field);
        *ret_why = "it is not NAME, ISSUER, SUBJECT and perhaps UID, with one tab between them";
        if (n < FIELDS - 1 || n > FIELDS)
                return 1;
        ret->name = field[0];
        ret->issuer = field[1];
        ret->subject = field[2];
        *ret_why = "the uid is not a number of the range that federated users have";
        if (n == FIELDS && user_parse_uid(field[3], strlen(field[3]), &ret->uid) < 0)
                return 1;
        *ret_why = "without a subject there is nothing to derive a uid from: pin one";
        if (n < FIELDS && !field[2][0])
                return 1;
        if (n < FIELDS && ids_derive(ret->issuer, ret->subject, &ret->uid) < 0)
                return -EIO;
        return user_line_entry(ret, &u, ret_why) ? 0 : 1;
}

int user_file_parse(struct user_file *ret, char *text, size_t n,
        void (*wrong)(unsigned line, const char *why, void *arg), void *arg)
{
        size_t room = 0;
        unsigned number = 0;

        *ret = (struct user_file){0};
        for (size_t at = 0; at < n;) {
                char *line = text + at, *end = memchr(line, '\n', n - at);
                size_t len = end ? (size_t)(end - line) : n - at;
                struct user_line l = {.line = ++number};
                const char *why;
                int r;

                at += len + 1;
                line[len] = 0; // behind the text there is room for one
                if (len > 0 && line[len - 1] == '\r')
                        line[--len] = 0;
                if (len == 0 || line[0] == '#')
                        continue;
                r = read_line(&l, line, len, &why);
                if (r < 0)
                        return err_trace(r);
                if (r > 0) {
                        wrong(number, why, arg);
                        continue;
                }
                if (ret->n == USER_FILE_LINES)
                        return -EFBIG;
                if (ret->n == room) {
                        struct user_line *more;

                        room = room ? room * 2 : 64;
                        more = realloc(ret->lines, room * sizeof *more); // bounded above
                        if (!more)
                                return -ENOMEM;
                        ret->lines = more;
                }
                ret->lines[ret->n++] = l;
        }
        return 0;
}

void user_file_deinit(struct user_file *f)
{
        free(f->lines);
        *f = (struct user_file){0};
}
