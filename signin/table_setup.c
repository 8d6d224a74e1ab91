// SPDX-License-Identifier: Apache-2.0
//
// A daemon that starts with the configuration it had before writes nothing.
#include "table_setup.h"

#include "memberships.h"
#include "write.h"

#include <stdio.h>
#include <string.h>

#define LOCK_WAIT_MS 2000

static bool set_age(struct table_edit *e, int64_t s)
{
        if (table_edit_max_offline_age(e) == s)
                return false;
        table_edit_set_max_offline_age(e, s);
        return true;
}

static int set_newcomers(struct table_edit *e, const struct config_identity *identity, bool *changed)
{
        struct table_newcomers had, want;

        memset(&want, 0, sizeof want); // compared whole
        for (char **p = identity ? identity->admit : NULL; p && *p && want.n < TABLE_NEWCOMERS_MAX; p++)
                snprintf(want.pattern[want.n++], TABLE_PATTERN_MAX, "%s", *p);
        table_edit_get_newcomers(e, &had);
        for (size_t i = 0; had.n == want.n && i < want.n; i++)
                if (strcmp(had.pattern[i], want.pattern[i]) != 0)
                        had.n = SIZE_MAX;
        if (had.n == want.n)
                return 0;
        *changed = true;
        return table_edit_set_newcomers(e, &want);
}

int table_setup(const struct ours_paths *paths, const char *group, const struct config *c,
        const struct config_identity *identity)
{
        struct table_edit *e = NULL;
        struct table t = TABLE_INIT;
        bool changed = false;
        int r = table_open(&t, paths->table, TABLE_FEDERATED, paths->owners, paths->n_owners);

        table_close(&t);
        if ((r != 0 && r != TABLE_E_MISSING) || (r == 0 && !c))
                return r;
        changed = r == TABLE_E_MISSING;
        r = table_edit_begin(&e, paths->table, TABLE_FEDERATED, paths->owners, paths->n_owners, LOCK_WAIT_MS);
        if (r == 0 && c) {
                changed |= set_age(e, c->signin.max_offline_age_s);
                r = set_newcomers(e, identity, &changed);
        }
        if (r == 0 && c)
                r = memberships_define(e, c, identity, paths->passwd, group, &changed);
        if (r == 0 && changed)
                r = table_edit_commit(e);
        table_edit_free(e);
        return r;
}
