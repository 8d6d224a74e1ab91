// SPDX-License-Identifier: Apache-2.0
//
// Groups in the making. While a table is changed, one thing says who is in which group: the list of gids that each
// user's entry has. The members of a group are gathered from those lists when the sections are laid out.
#include "write_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t edit_group_place(const struct table_edit *e, uint32_t gid)
{
        size_t lo = 0, hi = e->n_groups;

        while (lo < hi) {
                size_t mid = lo + (hi - lo) / 2;

                if (e->groups[mid].gid < gid)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return lo;
}

static struct edit_group *find_gid(const struct table_edit *e, uint32_t gid)
{
        size_t i = edit_group_place(e, gid);

        return i < e->n_groups && e->groups[i].gid == gid ? &e->groups[i] : NULL;
}

// ---- changing

static int insert_group(struct table_edit *e, uint32_t gid, struct edit_group **ret)
{
        size_t i = edit_group_place(e, gid);
        struct edit_group *more;

        if (e->n_groups == TABLE_GROUPS_MAX)
                return -E2BIG;
        more = realloc(e->groups, (e->n_groups + 1) * sizeof *more);
        if (!more)
                return -ENOMEM;
        e->groups = more;
        *ret = more + i;
        memmove(more + i + 1, more + i, (e->n_groups++ - i) * sizeof *more);
        more[i] = (struct edit_group){.gid = gid};
        return 0;
}

int table_edit_set_group(struct table_edit *e, const char *name, uint32_t gid)
{
        struct table_group g = {.gid = gid};
        uint8_t head[TABLE_GROUP_HEAD_MAX];
        struct edit_group *x = find_gid(e, gid);
        size_t n = strnlen(name, sizeof g.name);
        int r = 0;

        if (n == sizeof g.name || e->kind != TABLE_FEDERATED)
                return TABLE_E_INVALID;
        memcpy(g.name, name, n);
        if (table_group_encode(head, &g) == 0)
                return TABLE_E_INVALID;
        if (!x)
                r = insert_group(e, gid, &x);
        if (r != 0)
                return r;
        e->told |= strcmp(x->name, g.name) != 0;
        memcpy(x->name, g.name, sizeof x->name);
        return 0;
}

// Takes the gid out of a user's list.
static void leave(struct entry *u, uint32_t gid)
{
        for (uint32_t i = 0; i < u->n_gids; i++)
                if (u->gids[i] == gid) {
                        memmove(u->gids + i, u->gids + i + 1, (u->n_gids - i - 1) * sizeof *u->gids);
                        u->n_gids--;
                        return;
                }
}

int table_edit_remove_group(struct table_edit *e, uint32_t gid)
{
        struct edit_group *x = find_gid(e, gid);

        if (!x)
                return TABLE_E_NOT_FOUND;
        for (size_t i = 0; i < e->n; i++)
                leave(&e->e[i], gid);
        memmove(x, x + 1, (size_t)(e->groups + e->n_groups - x - 1) * sizeof *x);
        e->n_groups--;
        e->told = true;
        return 0;
}

int table_edit_next_group(
        const struct table_edit *e, size_t *cursor, const char **ret_name, uint32_t *ret_gid)
{
        if (*cursor >= e->n_groups)
                return TABLE_E_NOT_FOUND;
        *ret_name = e->groups[*cursor].name;
        *ret_gid = e->groups[(*cursor)++].gid;
        return 0;
}

static int ascending(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

int table_edit_set_groups_of(struct table_edit *e, const char *user, const uint32_t *gids, size_t n_gids)
{
        struct entry *u = edit_find(e, user);
        uint32_t *list = NULL, n = 0;

        if (!u)
                return TABLE_E_NOT_FOUND;
        for (size_t i = 0; i < n_gids; i++)
                if (!find_gid(e, gids[i]))
                        return TABLE_E_INVALID;
        if (n_gids > 0) {
                list = malloc(n_gids * sizeof *list);
                if (!list)
                        return -ENOMEM;
                memcpy(list, gids, n_gids * sizeof *list);
                qsort(list, n_gids, sizeof *list, ascending);
                for (size_t i = 0; i < n_gids; i++)
                        if (n == 0 || list[n - 1] != list[i])
                                list[n++] = list[i];
        }
        if (n > TABLE_GROUPS_OF_USER_MAX) {
                free(list);
                return TABLE_E_INVALID;
        }
        e->told |= n != u->n_gids || (n > 0 && memcmp(list, u->gids, n * sizeof *list) != 0);
        free(u->gids);
        u->gids = list;
        u->n_gids = n;
        return 0;
}

int table_edit_get_groups_of(const struct table_edit *e, const char *user, struct table_membership *ret)
{
        const struct entry *u = edit_find(e, user);

        if (!u)
                return TABLE_E_NOT_FOUND;
        *ret = (struct table_membership){.uid = entry_uid(u), .n_gids = u->n_gids};
        for (uint32_t i = 0; i < u->n_gids; i++)
                ret->gids[i] = u->gids[i];
        return 0;
}

int table_edit_set_newcomers(struct table_edit *e, const struct table_newcomers *x)
{
        uint8_t p[TABLE_NEWCOMERS_LEN_MAX];

        if (e->kind != TABLE_FEDERATED || table_newcomers_encode(p, x) == 0)
                return TABLE_E_INVALID;
        e->newcomers = *x;
        return 0;
}

void table_edit_get_newcomers(const struct table_edit *e, struct table_newcomers *ret)
{
        *ret = e->newcomers;
}

// ---- loading

// The whole of a section, in memory of its own.
static int load_section(const struct table *t, enum table_section_id id, struct blob *ret)
{
        const struct table_section *s = &t->section[id];

        ret->n = (size_t)s->len;
        ret->p = malloc(ret->n ? ret->n : 1);
        if (!ret->p)
                return -ENOMEM;
        return table_read_at(t->fd, ret->p, ret->n, s->off);
}

static int load_groups(struct table_edit *e, const struct table *t)
{
        struct blob b = {0};
        int r = load_section(t, TABLE_SECTION_GROUPS, &b);

        for (size_t o = 0; r == 0 && o < b.n;) {
                struct table_group g;
                uint64_t len = 0;

                if (!table_group_decode(&g, b.p + o, b.n - o, &len) || len > b.n - o || find_gid(e, g.gid) ||
                        table_crc(0, b.p + o + g.members_off, g.members_len) != g.members_crc)
                        r = TABLE_E_CORRUPT;
                else
                        r = table_edit_set_group(e, g.name, g.gid);
                o += (size_t)len;
        }
        free(b.p);
        return r != 0 ? r : e->n_groups == t->section[TABLE_SECTION_GROUPS].n ? 0 : TABLE_E_CORRUPT;
}

// Memberships stand in the order of the users: one walk over both finds whose each is.
static int load_memberships(struct table_edit *e, const struct table *t)
{
        struct blob b = {0};
        struct table_membership m;
        size_t u = 0, found = 0;
        int r = load_section(t, TABLE_SECTION_MEMBERSHIPS, &b);

        for (size_t o = 0; r == 0 && o < b.n; found++, u++) {
                uint64_t len = 0;

                if (!table_membership_decode(&m, b.p + o, b.n - o, &len)) {
                        r = TABLE_E_CORRUPT;
                        break;
                }
                o += (size_t)len;
                while (u < e->n && entry_uid(&e->e[u]) != m.uid)
                        u++;
                if (u == e->n || m.n_gids == 0)
                        r = TABLE_E_CORRUPT;
                for (size_t i = 0; i < m.n_gids; i++)
                        if (!find_gid(e, m.gids[i]))
                                r = TABLE_E_CORRUPT;
                if (r != 0)
                        break;
                e->e[u].gids = calloc(m.n_gids, sizeof *m.gids);
                if (!e->e[u].gids) {
                        r = -ENOMEM;
                        break;
                }
                memcpy(e->e[u].gids, m.gids, m.n_gids * sizeof *m.gids);
                e->e[u].n_gids = (uint32_t)m.n_gids;
        }
        free(b.p);
        return r != 0 ? r : found == t->section[TABLE_SECTION_MEMBERSHIPS].n ? 0 : TABLE_E_CORRUPT;
}

int groups_load(struct table_edit *e, const struct table *t)
{
        int r = table_newcomers(t, &e->newcomers);

        if (r == 0 && t->section[TABLE_SECTION_GROUPS].n > 0)
                r = load_groups(e, t);
        if (r == 0 && e->n_groups > 0)
                r = load_memberships(e, t);
        e->told = false;
        return r;
}

// ---- checking

static int by_group_name(const void *a, const void *b)
{
        return strcmp(((const struct edit_group *)a)->name, ((const struct edit_group *)b)->name);
}

// Every user has a group of his name and of the number of his uid.
static bool is_users_own(const struct table_edit *e, const struct edit_group *sorted)
{
        for (size_t i = 0; i < e->n; i++) {
                struct view name = entry_name(&e->e[i]);
                struct edit_group key = {0};

                memcpy(key.name, name.p, name.n);
                if (find_gid(e, entry_uid(&e->e[i])) ||
                        bsearch(&key, sorted, e->n_groups, sizeof key, by_group_name))
                        return true;
        }
        return false;
}

int groups_check(const struct table_edit *e)
{
        struct edit_group *sorted;
        bool twice = false;

        if (e->n_groups == 0)
                return 0;
        sorted = malloc(e->n_groups * sizeof *sorted);
        if (!sorted)
                return -ENOMEM;
        memcpy(sorted, e->groups, e->n_groups * sizeof *sorted);
        qsort(sorted, e->n_groups, sizeof *sorted, by_group_name);
        for (size_t i = 1; i < e->n_groups; i++)
                twice |= by_group_name(&sorted[i - 1], &sorted[i]) == 0;
        twice |= is_users_own(e, sorted);
        free(sorted);
        return twice ? TABLE_E_DUPLICATE : 0;
}
