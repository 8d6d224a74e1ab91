// SPDX-License-Identifier: Apache-2.0
//
// Reads passwd byte by byte: no line is too long, nothing is allocated by us, and fgetpwent()'s static buffer
// stays untouched in the process we are guests of.
#include "local.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct line {
        size_t name_at; // how much of the name matched; SIZE_MAX: another name
        unsigned field;
        uint64_t number[2]; // uid, gid
        bool digits[2];     // at least one digit seen
        bool bad;
};

static void take(struct line *l, const char *name, int c)
{
        if (c == ':') {
                if (l->field == 0 && (l->name_at == SIZE_MAX || name[l->name_at]))
                        l->bad = true;
                l->field++;
                return;
        }
        if (l->field == 0) {
                l->bad |= !name[l->name_at] || name[l->name_at] != c;
                if (!l->bad)
                        l->name_at++;
        } else if (l->field == 2 || l->field == 3) {
                unsigned i = l->field - 2;

                if (c < '0' || c > '9' || l->number[i] > UINT32_MAX) {
                        l->bad = true;
                        return;
                }
                l->number[i] = l->number[i] * 10 + (uint64_t)(c - '0');
                l->digits[i] = true;
        }
}

static bool is_user(const struct line *l)
{
        return !l->bad && l->field >= 3 && l->digits[0] && l->digits[1] && l->number[0] <= UINT32_MAX &&
               l->number[1] <= UINT32_MAX;
}

int local_find(const char *passwd_path, const char *name, struct local_user *ret)
{
        FILE *f = fopen(passwd_path, "re");
        struct line l = {0};
        int r = LOCAL_E_NOT_FOUND, c;

        if (!f)
                return -errno;
        do {
                c = getc_unlocked(f);
                if (c != '\n' && c != EOF) {
                        if (!l.bad)
                                take(&l, name, c);
                        continue;
                }
                if (is_user(&l)) {
                        *ret = (struct local_user){(uint32_t)l.number[0], (uint32_t)l.number[1]};
                        r = 0;
                }
                l = (struct line){0};
        } while (r != 0 && c != EOF);
        if (r != 0 && ferror(f))
                r = -EIO;
        fclose(f);
        return r;
}
