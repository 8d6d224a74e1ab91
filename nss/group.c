// SPDX-License-Identifier: Apache-2.0
//
// Programs give rights by a group's name: sudo asks for the name of each gid its caller has, and for the members of each
// group it knows by name. So a group of ours never has the name of a local group, and the members of one are never
// local users who happen to be called like ours.
#include "group.h"

#include <errno.h>
#include <string.h>

// Where in the caller's buffer what goes: pointers first, then the members' names as the table has them.
struct room {
        char **members, *names, *name, *password;
};

static int divide(struct room *ret, const struct table_group *g, char *buf, size_t n)
{
        size_t pad = -(uintptr_t)buf % _Alignof(char *),
               pointers = ((size_t)g->n_members + 1) * sizeof(char *), name = strlen(g->name) + 1,
               need = pad + pointers + g->members_len + name + sizeof "*";

        if (n < need)
                return -ERANGE;
        ret->members = (void *)(buf + pad);
        ret->names = buf + pad + pointers;
        ret->name = ret->names + g->members_len;
        ret->password = ret->name + name;
        return 0;
}

static int pack(const struct guest_paths *p, const struct table *t, const struct table_group *g,
        struct group *ret, char *buf, size_t buf_len)
{
        size_t n = g->n_members;
        struct room room;
        int r = divide(&room, g, buf, buf_len);

        if (r == 0)
                r = table_group_members(t, g, room.names, room.members);
        if (r == 0)
                r = guest_drop_local(p, room.members, &n);
        if (r != 0)
                return r;
        room.members[n] = NULL;
        *ret = (struct group){
                .gr_name = memcpy(room.name, g->name, strlen(g->name) + 1),
                .gr_passwd = memcpy(room.password, "*", sizeof "*"),
                .gr_gid = g->gid,
                .gr_mem = room.members,
        };
        return 0;
}

// A user's own group: nobody is a member of it but by his passwd entry.
static void make_own(struct table_group *g, const struct table_user *u)
{
        *g = (struct table_group){.gid = u->uid};
        memcpy(g->name, u->name, sizeof g->name);
}

// Exactly one of name and gid is looked for. *ret_user: it is a user's own.
static int find(const struct table *t, const char *name, uint32_t gid, struct table_group *ret, bool *ret_own)
{
        struct table_user u;
        int r = name ? table_find_name(t, name, &u) : table_find_uid(t, gid, &u);

        *ret_own = r == 0 && u.gid == u.uid;
        if (*ret_own)
                make_own(ret, &u);
        else if (r == 0 || r == TABLE_E_NOT_FOUND)
                r = name ? table_find_group(t, name, ret) : table_find_gid(t, gid, ret);
        return r;
}

static int lookup(
        const struct guest_paths *p, const char *name, uint32_t gid, struct group *ret, char *buf, size_t n)
{
        struct table_group g = {0};
        struct table t;
        bool own;
        int r;

        r = table_open_unowned(&t, p->table, TABLE_FEDERATED);
        if (r != 0)
                return r;
        r = find(&t, name, gid, &g, &own);
        r = guest_believe(p, &t, r, own ? g.name : NULL);
        if (r == 0)
                r = guest_is_name(g.name) ? guest_believe_group(p, g.name) : TABLE_E_NOT_FOUND;
        if (r == 0)
                r = pack(p, &t, &g, ret, buf, n);
        table_close(&t);
        return r;
}

int group_by_name(const struct guest_paths *p, const char *name, struct group *ret, char *buf, size_t n)
{
        return guest_is_name(name) ? lookup(p, name, 0, ret, buf, n) : TABLE_E_NOT_FOUND;
}

int group_by_gid(const struct guest_paths *p, uint32_t gid, struct group *ret, char *buf, size_t n)
{
        return gid >= TABLE_UID_MIN && gid <= TABLE_UID_MAX ? lookup(p, NULL, gid, ret, buf, n)
                                                            : TABLE_E_NOT_FOUND;
}

int group_of_user(const struct guest_paths *p, const char *name, struct table_membership *ret)
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
        if (r == 0) {
                r = table_groups_of(&t, u.uid, ret);
                if (r == TABLE_E_NOT_FOUND) {
                        *ret = (struct table_membership){.uid = u.uid};
                        r = 0;
                }
        }
        table_close(&t);
        return r;
}
