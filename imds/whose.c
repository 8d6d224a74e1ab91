// SPDX-License-Identifier: Apache-2.0
//
// Names of the passwd file only, past NSS: what valetkeyd itself adds to the names of this machine counts for nothing here.
#include "whose.h"

#include "local.h"
#include "table.h"

static int add(struct whose *w, uid_t uid)
{
        uid_t *more = realloc(w->local, (w->n + 1) * sizeof *more);

        if (!more)
                return -ENOMEM;
        more[w->n++] = uid;
        w->local = more;
        return 0;
}

int whose_read(struct whose *ret, const char *root_table, const char *passwd)
{
        const uid_t root = 0;
        struct whose w = {0};
        struct table t = TABLE_INIT;
        struct table_user u;
        uint64_t at = 0;
        int r = 0, k = table_open(&t, root_table, TABLE_LOCAL, &root, 1);

        while (r == 0 && k == 0 && (k = table_next(&t, &at, &u)) == 0) {
                struct local_user l;

                if (local_find(passwd, u.name, &l) == 0 && l.uid != 0)
                        r = add(&w, l.uid);
        }
        table_close(&t);
        if (r < 0) {
                whose_deinit(&w);
                return r;
        }
        w.fault = k == TABLE_E_NOT_FOUND || k == TABLE_E_MISSING ? 0 : k;
        *ret = w;
        return 0;
}

void whose_deinit(struct whose *w)
{
        free(w->local);
        *w = (struct whose){0};
}

bool whose_is_ours(const struct whose *w, uid_t uid)
{
        if (uid >= TABLE_UID_MIN && uid <= TABLE_UID_MAX)
                return true;
        for (size_t i = 0; i < w->n; i++)
                if (w->local[i] == uid)
                        return true;
        return false;
}
