// SPDX-License-Identifier: Apache-2.0
//
// The reader of groups, memberships and newcomers' patterns. A group may have a hundred thousand members: their
// names are read straight into the room they are for, and verified there.
#include "format.h"

#include "name.h"

#include <string.h>

// What there is of a section from `at` on, at most max bytes.
static int read_from(
        const struct table *t, enum table_section_id id, uint64_t at, uint8_t *p, size_t max, size_t *ret_n)
{
        const struct table_section *s = &t->section[id];
        uint64_t end = s->off + s->len;

        if (at < s->off || at >= end)
                return TABLE_E_CORRUPT;
        *ret_n = end - at < max ? (size_t)(end - at) : max;
        return table_read_at(t->fd, p, *ret_n, at);
}

static int read_group(const struct table *t, uint64_t at, struct table_group *ret)
{
        uint64_t len, end = t->section[TABLE_SECTION_GROUPS].off + t->section[TABLE_SECTION_GROUPS].len;
        uint8_t p[TABLE_GROUP_HEAD_MAX];
        struct table_group g;
        size_t n;
        int r = read_from(t, TABLE_SECTION_GROUPS, at, p, sizeof p, &n);

        if (r != 0)
                return r;
        if (!table_group_decode(&g, p, n, &len) || len > end - at)
                return TABLE_E_CORRUPT;
        g.members_off += at;
        *ret = g;
        return 0;
}

// Exactly one of name and gid is looked for.
static int find(const struct table *t, enum table_section_id index, uint32_t hash, const char *name,
        uint32_t gid, struct table_group *ret)
{
        uint64_t at[TABLE_SLOTS_MAX];
        struct table_group g;
        uint32_t n;
        int r = table_probe(t, &t->section[index], hash, at, &n);

        for (uint32_t i = 0; r == 0 && i < n; i++) {
                r = read_group(t, at[i], &g);
                if (r == 0 && (name ? strcmp(g.name, name) == 0 : g.gid == gid)) {
                        *ret = g;
                        return 0;
                }
        }
        return r != 0 ? r : TABLE_E_NOT_FOUND;
}

int table_find_group(const struct table *t, const char *name, struct table_group *ret)
{
        return find(t, TABLE_SECTION_BY_GROUP_NAME, table_hash(t->seed, name, strlen(name)), name, 0, ret);
}

int table_find_gid(const struct table *t, uint32_t gid, struct table_group *ret)
{
        if (!table_id_is_ours(gid))
                return TABLE_E_NOT_FOUND;
        return find(t, TABLE_SECTION_BY_GID, table_hash_uid(t->seed, gid), NULL, gid, ret);
}

int table_group_members(const struct table *t, const struct table_group *g, char *names, char **ret)
{
        size_t o = 0;
        int r = table_read_at(t->fd, names, g->members_len, g->members_off);

        if (r != 0)
                return r;
        if (table_crc(0, names, g->members_len) != g->members_crc)
                return TABLE_E_CORRUPT;
        for (uint32_t i = 0; i < g->n_members; i++) {
                size_t n = strnlen(names + o, g->members_len - o);

                ret[i] = names + o;
                if (n == g->members_len - o || !name_is_valid_user(ret[i], n) ||
                        (i > 0 && strcmp(ret[i - 1], ret[i]) >= 0))
                        return TABLE_E_CORRUPT;
                o += n + 1;
        }
        return o == g->members_len ? 0 : TABLE_E_CORRUPT;
}

int table_groups_of(const struct table *t, uint32_t uid, struct table_membership *ret)
{
        const struct table_section *s = &t->section[TABLE_SECTION_BY_MEMBER];
        uint64_t at[TABLE_SLOTS_MAX], len;
        uint8_t p[TABLE_MEMBERSHIP_MAX];
        struct table_membership m;
        uint32_t n;
        size_t k;
        int r = table_probe(t, s, table_hash_uid(t->seed, uid), at, &n);

        for (uint32_t i = 0; r == 0 && i < n; i++) {
                r = read_from(t, TABLE_SECTION_MEMBERSHIPS, at[i], p, sizeof p, &k);
                if (r != 0)
                        break;
                if (!table_membership_decode(&m, p, k, &len))
                        return TABLE_E_CORRUPT;
                if (m.uid == uid) {
                        *ret = m;
                        return 0;
                }
        }
        return r != 0 ? r : TABLE_E_NOT_FOUND;
}

int table_newcomers(const struct table *t, struct table_newcomers *ret)
{
        const struct table_section *s = &t->section[TABLE_SECTION_NEWCOMERS];
        uint8_t p[TABLE_NEWCOMERS_LEN_MAX];
        int r;

        if (s->len == 0) {
                *ret = (struct table_newcomers){0};
                return 0;
        }
        r = table_read_at(t->fd, p, (size_t)s->len, s->off);
        if (r != 0)
                return r;
        return table_newcomers_decode(ret, p, (size_t)s->len, s->n) ? 0 : TABLE_E_CORRUPT;
}

bool table_admits(const struct table_newcomers *x, const char *name)
{
        for (size_t i = 0; i < x->n; i++)
                if (table_pattern_matches(x->pattern[i], name))
                        return true;
        return false;
}
