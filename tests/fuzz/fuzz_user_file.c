// SPDX-License-Identifier: Apache-2.0
//
// A list of people as somebody exported it: every line is an entry that a table takes, or told of by its number, once.
#include "user_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                abort();
}

static void wrong(unsigned line, const char *why, void *arg)
{
        unsigned *last = arg;

        must(line > *last && why && why[0]);
        *last = line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct user_file f;
        unsigned last = 0;
        char *text = malloc(size + 1);

        if (!text)
                abort();
        if (size)
                memcpy(text, data, size);
        must(user_file_parse(&f, text, size, wrong, &last) == 0);
        last = 0;
        for (size_t i = 0; i < f.n; i++) {
                struct table_user u;
                const char *why;

                must(f.lines[i].line > last);
                last = f.lines[i].line;
                must(user_line_entry(&f.lines[i], &u, &why) && !table_user_check(&u, TABLE_FEDERATED));
                must(u.subject[0] || f.lines[i].uid);
        }
        user_file_deinit(&f);
        free(text);
        return 0;
}
