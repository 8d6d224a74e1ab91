// SPDX-License-Identifier: Apache-2.0
//
// The order of the questions is the security of it: root before anything is opened, the passwd file before
// any table, root's table before valetkeyd's. valetkeyd's table can therefore never speak about a local name.
#include "ours.h"

#include "name.h"
#include "reserved.h"

#include <string.h>

#define CLOCK_LEEWAY_S 300

// A name that means something to the system is nobody's to be made.
static int look_for_newcomer(struct ours_user *u, const struct table *t, const char *name)
{
        struct table_newcomers x;
        int r = table_newcomers(t, &x);

        if (r == 0 && (name_is_reserved(name) || !table_admits(&x, name)))
                r = TABLE_E_NOT_FOUND;
        if (r == 0)
                u->kind = OURS_NEWCOMER;
        return r;
}

static int look_up(struct ours_user *u, const struct ours_paths *p, const char *path, enum table_kind kind,
        const char *name)
{
        struct table t;
        int r = table_open(&t, path, kind, p->owners, p->n_owners);

        if (r == 0)
                r = table_find_name(&t, name, &u->entry);
        if (r == TABLE_E_NOT_FOUND && kind == TABLE_FEDERATED)
                r = look_for_newcomer(u, &t, name);
        u->max_offline_age_s = t.max_offline_age_s;
        table_close(&t);
        return r;
}

static void find_local(struct ours_user *u, const struct ours_paths *p, const char *name)
{
        int r;

        u->kind = OURS_NOT;
        if (u->uid == 0)
                return;
        r = look_up(u, p, p->root_table, TABLE_LOCAL, name);
        if (r == 0) {
                u->kind = OURS_LOCAL;
        } else if (r != TABLE_E_NOT_FOUND && r != TABLE_E_MISSING) {
                u->fault = r;
                u->fault_path = p->root_table;
                // No memory or no descriptor proves nothing; a broken table is the case we promised for.
                if (r < 0)
                        u->kind = OURS_UNKNOWN;
        }
}

void ours_find(struct ours_user *ret, const struct ours_paths *p, const char *name)
{
        struct local_user local;
        int r;

        *ret = (struct ours_user){.kind = OURS_NOT, .uid = TABLE_UID_NONE, .gid = TABLE_UID_NONE};
        if (!name_is_valid_user(name, strlen(name)) || strcmp(name, "root") == 0)
                return;
        r = local_find(p->passwd, name, &local);
        if (r < 0) {
                *ret = (struct ours_user){.kind = OURS_UNKNOWN, .fault = r, .fault_path = p->passwd};
                return;
        }
        if (r == 0) {
                ret->uid = local.uid;
                ret->gid = local.gid;
                find_local(ret, p, name);
                return;
        }
        r = look_up(ret, p, p->table, TABLE_FEDERATED, name);
        if (r == 0 && ret->kind != OURS_NEWCOMER) {
                ret->kind = OURS_FEDERATED;
                ret->uid = ret->entry.uid;
                ret->gid = ret->entry.gid;
        } else if (r != 0 && r != TABLE_E_NOT_FOUND) {
                ret->kind = OURS_UNKNOWN;
                ret->fault = r;
                ret->fault_path = p->table;
        }
}

enum ours_standing ours_standing(const struct ours_user *u, int64_t now_s, int64_t max_offline_age_s)
{
        const struct table_user *e = &u->entry;

        if (!max_offline_age_s || (u->max_offline_age_s && u->max_offline_age_s < max_offline_age_s))
                max_offline_age_s = u->max_offline_age_s;

        if (e->flags & TABLE_USER_LOCKED)
                return STANDING_LOCKED;
        if (e->expires_at_s && now_s >= e->expires_at_s)
                return STANDING_EXPIRED;
        if (e->refused_at_s && u->kind == OURS_FEDERATED)
                return STANDING_REFUSED;
        if ((max_offline_age_s || e->expires_at_s) && now_s < e->last_success_s - CLOCK_LEEWAY_S)
                return STANDING_CLOCK_WRONG;
        if (max_offline_age_s && u->kind == OURS_FEDERATED &&
                (!e->last_success_s || now_s - e->last_success_s > max_offline_age_s))
                return STANDING_TOO_OLD;
        return STANDING_GOOD;
}
