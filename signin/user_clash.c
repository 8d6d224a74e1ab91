// SPDX-License-Identifier: Apache-2.0
//
// In the order in which a person would want to know: the name, the person, and only then the number.
#include "user_clash.h"

bool user_clash(const struct table_user *u, const struct table_user *x, struct err *err)
{
        bool name = strcmp(u->name, x->name) == 0, uid = u->uid == x->uid && u->uid != TABLE_UID_NONE,
             person = u->subject[0] && strcmp(u->subject, x->subject) == 0 &&
                      strcmp(u->issuer, x->issuer) == 0;

        if (name)
                err_set(err, "there is a user %s already", x->name);
        else if (person)
                err_set(err, "subject %.64s is the user %s already", x->subject, x->name);
        else if (uid)
                err_set(err,
                        "uid %u is that of the user %s already: pin another one (--uid), the same on every "
                        "host",
                        u->uid, x->name);
        return name || person || uid;
}

// A user has a group of his own, of his name and with his uid.
static int clash_with_group(const struct table *t, const struct table_user *u, struct err *err)
{
        struct table_group g;
        int r = table_find_group(t, u->name, &g);

        if (r == TABLE_E_NOT_FOUND)
                r = u->uid == TABLE_UID_NONE ? TABLE_E_NOT_FOUND : table_find_gid(t, u->uid, &g);
        if (r == 0)
                err_set(err, "there is a group %s with the gid %u, as [group %s] of the configuration says",
                        g.name, g.gid, g.name);
        return r == 0 ? TABLE_E_DUPLICATE : r == TABLE_E_NOT_FOUND ? 0 : r;
}

int user_clash_in(const struct table *t, const struct table_user *u, struct err *err)
{
        struct table_user x;
        uint64_t cursor = 0;
        int r;

        while ((r = table_next(t, &cursor, &x)) == 0)
                if (user_clash(u, &x, err))
                        return TABLE_E_DUPLICATE;
        return r == TABLE_E_NOT_FOUND ? clash_with_group(t, u, err) : r;
}
