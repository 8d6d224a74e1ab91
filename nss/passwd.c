// SPDX-License-Identifier: Apache-2.0
//
// There is no password anywhere: "*" matches none, and unlike "x" sends nobody to look into a shadow file (the user's
// service manager would not start). There is no walk over all users: a login program that lists a hundred thousand
// people helps nobody, and whoever must know them has "valetkeyd user list".
#include "passwd.h"

#include <errno.h>
#include <string.h>

static char *put(char **p, const char *s)
{
        size_t n = strlen(s) + 1;
        char *start = memcpy(*p, s, n);

        *p += n;
        return start;
}

static int pack(const struct table_user *u, struct passwd *ret, char *buf, size_t n)
{
        static const char password[] = "*";

        if (n < strlen(u->name) + strlen(u->display) + strlen(u->home) + strlen(u->shell) + sizeof password +
                        4)
                return -ERANGE;
        *ret = (struct passwd){
                .pw_name = put(&buf, u->name),
                .pw_passwd = put(&buf, password),
                .pw_uid = u->uid,
                .pw_gid = u->gid,
                .pw_gecos = put(&buf, u->display),
                .pw_dir = put(&buf, u->home),
                .pw_shell = put(&buf, u->shell),
        };
        return 0;
}

int passwd_by_name(const struct guest_paths *p, const char *name, struct passwd *ret, char *buf, size_t n)
{
        struct table_user u;
        struct table t;
        int r;

        if (!guest_is_name(name))
                return TABLE_E_NOT_FOUND;
        r = table_open_unowned(&t, p->table, TABLE_FEDERATED);
        if (r != 0)
                return r;
        r = table_find_name(&t, name, &u);
        r = guest_believe(p, &t, r, name);
        table_close(&t);
        return r != 0 ? r : pack(&u, ret, buf, n);
}

int passwd_by_uid(const struct guest_paths *p, uint32_t uid, struct passwd *ret, char *buf, size_t n)
{
        struct table_user u;
        struct table t;
        int r;

        if (uid < TABLE_UID_MIN || uid > TABLE_UID_MAX)
                return TABLE_E_NOT_FOUND;
        r = table_open_unowned(&t, p->table, TABLE_FEDERATED);
        if (r != 0)
                return r;
        r = table_find_uid(&t, uid, &u);
        r = guest_believe(p, &t, r, u.name);
        table_close(&t);
        if (r == 0 && !guest_is_name(u.name))
                r = TABLE_E_NOT_FOUND;
        return r != 0 ? r : pack(&u, ret, buf, n);
}
