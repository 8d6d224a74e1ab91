// SPDX-License-Identifier: Apache-2.0
//
// A uid of the passwd file is that of whoever stands there, who is ours where root's table says so; any other is looked for
// in the daemon's own table.
#include "admit_uid.h"

#include "name.h"

#include <pwd.h>
#include <stdio.h>

// Several lines may have one uid.
static enum outcome find_local(const struct ours_paths *paths, uid_t uid, int64_t now_s,
        struct ours_user *ret, bool *ret_known, struct err *err)
{
        FILE *f = fopen(paths->passwd, "re");
        enum outcome o = OUTCOME_NOT_OURS;
        const struct passwd *p;

        *ret_known = false;
        if (!f) {
                err_set(err, "%s cannot be read: %s", paths->passwd, strerror(errno));
                return OUTCOME_INTERNAL;
        }
        while (o != OUTCOME_OK && (p = fgetpwent(f))) {
                char name[NAME_MAX_USER + 1];

                if (p->pw_uid != uid)
                        continue;
                *ret_known = true;
                if ((size_t)snprintf(name, sizeof name, "%s", p->pw_name) >= sizeof name)
                        continue;
                err_clear(err);
                o = admit_user(paths, name, now_s, ret, err);
                if (o == OUTCOME_OK && (ret->kind != OURS_LOCAL || ret->uid != uid))
                        o = OUTCOME_NOT_OURS;
        }
        fclose(f);
        return o;
}

static enum outcome find_federated(
        const struct ours_paths *paths, uid_t uid, int64_t now_s, struct ours_user *ret, struct err *err)
{
        struct table t = TABLE_INIT;
        struct table_user entry;
        enum outcome o;
        int r = table_open(&t, paths->table, TABLE_FEDERATED, paths->owners, paths->n_owners);

        if (r == 0)
                r = table_find_uid(&t, uid, &entry);
        table_close(&t);
        if (r == TABLE_E_NOT_FOUND)
                return OUTCOME_NOT_OURS;
        if (r != 0) {
                err_set(err, "%s: %s.", paths->table, table_result_text(r));
                return OUTCOME_INTERNAL;
        }
        o = admit_user(paths, entry.name, now_s, ret, err);
        return o == OUTCOME_OK && (ret->kind != OURS_FEDERATED || ret->uid != uid) ? OUTCOME_NOT_OURS : o;
}

enum outcome admit_uid(
        const struct ours_paths *paths, uid_t uid, int64_t now_s, struct ours_user *ret, struct err *err)
{
        bool known = false;
        enum outcome o = OUTCOME_NOT_OURS;

        if (uid == 0)
                return o; // root is never ours
        o = find_local(paths, uid, now_s, ret, &known, err);
        return known || o != OUTCOME_NOT_OURS ? o : find_federated(paths, uid, now_s, ret, err);
}
