// SPDX-License-Identifier: Apache-2.0
//
// The bytes of groups, memberships and newcomers' patterns. The same rules as in format.c; ids are held to our
// range here too, so that no file can put anybody into a group of the system's.
#include "format.h"

#include "name.h"

#include <string.h>

static bool group_is_valid(const struct table_group *g)
{
        return name_is_valid_user(g->name, strnlen(g->name, sizeof g->name)) && table_id_is_ours(g->gid) &&
               g->n_members <= TABLE_USERS_MAX;
}

static uint32_t head_crc(const uint8_t *p, size_t head_len)
{
        return table_crc(table_crc(0, p, 4), p + 8, head_len - 8);
}

size_t table_group_encode(uint8_t *p, const struct table_group *g)
{
        size_t n = strnlen(g->name, sizeof g->name);

        if (!group_is_valid(g))
                return 0;
        table_put32(p, (uint32_t)(TABLE_GROUP_FIXED + n + g->members_len));
        table_put32(p + 8, g->gid);
        table_put32(p + 12, g->n_members);
        table_put32(p + 16, g->members_len);
        table_put32(p + 20, g->members_crc);
        table_put16(p + 24, (uint32_t)n);
        memcpy(p + TABLE_GROUP_FIXED, g->name, n);
        table_put32(p + 4, head_crc(p, TABLE_GROUP_FIXED + n));
        return TABLE_GROUP_FIXED + n;
}

bool table_group_decode(struct table_group *ret, const uint8_t *p, size_t n, uint64_t *ret_len)
{
        struct table_group g = {0};
        size_t name_len;

        if (n < TABLE_GROUP_FIXED)
                return false;
        name_len = table_get16(p + 24);
        if (name_len >= sizeof g.name || name_len > n - TABLE_GROUP_FIXED ||
                table_get32(p + 4) != head_crc(p, TABLE_GROUP_FIXED + name_len))
                return false;
        g.gid = table_get32(p + 8);
        g.n_members = table_get32(p + 12);
        g.members_len = table_get32(p + 16);
        g.members_crc = table_get32(p + 20);
        memcpy(g.name, p + TABLE_GROUP_FIXED, name_len);
        if (strlen(g.name) != name_len || !group_is_valid(&g) ||
                table_get32(p) != TABLE_GROUP_FIXED + name_len + (uint64_t)g.members_len)
                return false;
        g.members_off = TABLE_GROUP_FIXED + name_len;
        *ret_len = g.members_off + g.members_len;
        *ret = g;
        return true;
}

// A user's groups: at least one, ascending, so that none is there twice.
static bool gids_are_valid(const uint32_t *gids, size_t n)
{
        if (n == 0 || n > TABLE_GROUPS_OF_USER_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!table_id_is_ours(gids[i]) || (i > 0 && gids[i - 1] >= gids[i]))
                        return false;
        return true;
}

size_t table_membership_encode(uint8_t *p, const struct table_membership *m)
{
        size_t n = TABLE_MEMBERSHIP_FIXED + 4 * m->n_gids;

        if (!table_id_is_ours(m->uid) || !gids_are_valid(m->gids, m->n_gids))
                return 0;
        table_put32(p, (uint32_t)n);
        table_put32(p + 8, m->uid);
        for (size_t i = 0; i < m->n_gids; i++)
                table_put32(p + TABLE_MEMBERSHIP_FIXED + 4 * i, m->gids[i]);
        table_put32(p + 4, head_crc(p, n));
        return n;
}

bool table_membership_decode(struct table_membership *ret, const uint8_t *p, size_t n, uint64_t *ret_len)
{
        struct table_membership m;
        size_t len;

        if (n < TABLE_MEMBERSHIP_FIXED)
                return false;
        len = table_get32(p);
        if (len > n || len > TABLE_MEMBERSHIP_MAX || len < TABLE_MEMBERSHIP_FIXED ||
                (len - TABLE_MEMBERSHIP_FIXED) % 4 != 0 || table_get32(p + 4) != head_crc(p, len))
                return false;
        m.uid = table_get32(p + 8);
        m.n_gids = (len - TABLE_MEMBERSHIP_FIXED) / 4;
        for (size_t i = 0; i < m.n_gids; i++)
                m.gids[i] = table_get32(p + TABLE_MEMBERSHIP_FIXED + 4 * i);
        if (!table_id_is_ours(m.uid) || !gids_are_valid(m.gids, m.n_gids))
                return false;
        *ret_len = len;
        *ret = m;
        return true;
}

// ---- newcomers

// The literal part of a pattern; NULL when it is none.
static const char *literal(const char *pattern, size_t *ret_n, bool *ret_suffix)
{
        size_t n = strnlen(pattern, TABLE_PATTERN_MAX);

        if (n < 3 || n == TABLE_PATTERN_MAX)
                return NULL;
        *ret_n = n - 1;
        *ret_suffix = pattern[0] == '*';
        return *ret_suffix ? pattern + 1 : pattern[n - 1] == '*' ? pattern : NULL;
}

bool table_pattern_is_valid(const char *pattern)
{
        char name[TABLE_PATTERN_MAX + 2] = {0};
        const char *s;
        bool suffix;
        size_t n;

        s = literal(pattern, &n, &suffix);
        if (!s)
                return false;
        // It must be able to match: some name begins or ends like that.
        memcpy(name + suffix, s, n);
        if (suffix)
                name[0] = 'a';
        else
                name[n] = 'a';
        return name_is_valid_user(name, n + 1);
}

bool table_pattern_matches(const char *pattern, const char *name)
{
        size_t n, name_len = strlen(name);
        bool suffix;
        const char *s = literal(pattern, &n, &suffix);

        return s && name_len > n && memcmp(suffix ? name + name_len - n : name, s, n) == 0;
}

size_t table_newcomers_encode(uint8_t *p, const struct table_newcomers *x)
{
        size_t o = 4;

        if (x->n > TABLE_NEWCOMERS_MAX)
                return 0;
        for (size_t i = 0; i < x->n; i++) {
                size_t len = strnlen(x->pattern[i], TABLE_PATTERN_MAX);

                if (!table_pattern_is_valid(x->pattern[i]))
                        return 0;
                p[o++] = (uint8_t)len;
                memcpy(p + o, x->pattern[i], len);
                o += len;
        }
        table_put32(p, table_crc(0, p + 4, o - 4));
        return o;
}

bool table_newcomers_decode(struct table_newcomers *ret, const uint8_t *p, size_t len, uint32_t n)
{
        struct table_newcomers x = {.n = n};
        size_t o = 4;

        if (len < 4 || n > TABLE_NEWCOMERS_MAX || table_get32(p) != table_crc(0, p + 4, len - 4))
                return false;
        for (size_t i = 0; i < n; i++) {
                size_t k = o < len ? p[o] : 0;

                if (k == 0 || k >= TABLE_PATTERN_MAX || k > len - o - 1)
                        return false;
                memcpy(x.pattern[i], p + o + 1, k);
                if (strlen(x.pattern[i]) != k || !table_pattern_is_valid(x.pattern[i]))
                        return false;
                o += 1 + k;
        }
        if (o != len)
                return false;
        *ret = x;
        return true;
}
