// SPDX-License-Identifier: Apache-2.0
//
// The sections of groups, memberships and newcomers, laid out in memory before anything is written: what a reader is
// asked (who is in this group? which groups is this user in?) is written as the answer.
#include "write_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
        return view_cmp(
                entry_name(*(const struct entry *const *)a), entry_name(*(const struct entry *const *)b));
}

// Lays out the groups; members are everybody in some group, in the order of their names.
static int lay_groups(
        struct group_sections *s, const struct table_edit *e, const struct entry *const *members)
{
        struct table_group *g = calloc(e->n_groups, sizeof *g);
        uint64_t at = 0;

        if (!g)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_members; i++)
                for (uint32_t k = 0; k < members[i]->n_gids; k++) {
                        struct table_group *x = &g[edit_group_place(e, members[i]->gids[k])];

                        x->n_members++;
                        x->members_len += (uint32_t)entry_name(members[i]).n + 1;
                }
        for (size_t i = 0; i < e->n_groups; i++) {
                memcpy(g[i].name, e->groups[i].name, sizeof g[i].name);
                g[i].gid = e->groups[i].gid;
                s->group_at[i] = at;
                at += TABLE_GROUP_FIXED + strlen(g[i].name);
                g[i].members_off = at;
                at += g[i].members_len;
        }
        s->groups = (struct blob){malloc(at), at};
        for (size_t i = 0; s->groups.p && i < s->n_members; i++)
                for (uint32_t k = 0; k < members[i]->n_gids; k++) {
                        struct table_group *x = &g[edit_group_place(e, members[i]->gids[k])];
                        struct view name = entry_name(members[i]);

                        memcpy(s->groups.p + x->members_off, name.p, name.n);
                        s->groups.p[x->members_off + name.n] = 0;
                        x->members_off += name.n + 1;
                }
        for (size_t i = 0; s->groups.p && i < e->n_groups; i++) {
                g[i].members_crc =
                        table_crc(0, s->groups.p + g[i].members_off - g[i].members_len, g[i].members_len);
                table_group_encode(s->groups.p + s->group_at[i], &g[i]);
        }
        free(g);
        return s->groups.p ? 0 : -ENOMEM;
}

static int lay_memberships(struct group_sections *s, const struct table_edit *e, size_t len)
{
        struct table_membership m;
        size_t at = 0, n = 0;

        s->memberships = (struct blob){malloc(len ? len : 1), len};
        if (!s->memberships.p)
                return -ENOMEM;
        for (size_t i = 0; i < e->n; i++) {
                if (e->e[i].n_gids == 0)
                        continue;
                m.uid = entry_uid(&e->e[i]);
                m.n_gids = e->e[i].n_gids;
                memcpy(m.gids, e->e[i].gids, m.n_gids * sizeof m.gids[0]);
                s->uid[n] = m.uid;
                s->member_at[n++] = at;
                at += table_membership_encode(s->memberships.p + at, &m);
        }
        return 0;
}

static int lay_all(struct group_sections *s, const struct table_edit *e)
{
        const struct entry **members = malloc((e->n ? e->n : 1) * sizeof *members);
        size_t len = 0;
        int r;

        if (!members)
                return -ENOMEM;
        for (size_t i = 0; i < e->n; i++)
                if (e->e[i].n_gids > 0) {
                        members[s->n_members++] = &e->e[i];
                        len += TABLE_MEMBERSHIP_FIXED + 4 * e->e[i].n_gids;
                }
        qsort(members, s->n_members, sizeof *members, by_name);
        s->group_at = calloc(e->n_groups, sizeof *s->group_at);
        s->member_at = calloc(s->n_members ? s->n_members : 1, sizeof *s->member_at);
        s->uid = calloc(s->n_members ? s->n_members : 1, sizeof *s->uid);
        r = s->group_at && s->member_at && s->uid ? 0 : -ENOMEM;
        if (r == 0)
                r = lay_groups(s, e, members);
        if (r == 0)
                r = lay_memberships(s, e, len);
        free(members);
        return r;
}

int group_sections_new(struct group_sections *s, const struct table_edit *e)
{
        int r = 0;

        *s = (struct group_sections){.edit = e};
        if (e->newcomers.n > 0) {
                s->newcomers.p = malloc(TABLE_NEWCOMERS_LEN_MAX);
                if (!s->newcomers.p)
                        return -ENOMEM;
                s->newcomers.n = table_newcomers_encode(s->newcomers.p, &e->newcomers);
        }
        if (e->n_groups == 0)
                return 0;
        r = lay_all(s, e);
        if (r == 0)
                r = index_new(&s->by_name, (uint32_t)e->n_groups);
        if (r == 0)
                r = index_new(&s->by_gid, (uint32_t)e->n_groups);
        if (r == 0)
                r = index_new(&s->by_member, (uint32_t)s->n_members);
        return r;
}

void group_sections_deinit(struct group_sections *s)
{
        free(s->groups.p);
        free(s->memberships.p);
        free(s->newcomers.p);
        free(s->group_at);
        free(s->member_at);
        free(s->uid);
        index_deinit(&s->by_name);
        index_deinit(&s->by_gid);
        index_deinit(&s->by_member);
        *s = (struct group_sections){0};
}

static uint32_t name_hash(const void *arg, uint32_t i, uint32_t seed)
{
        const char *name = ((const struct group_sections *)arg)->edit->groups[i].name;

        return table_hash(seed, name, strlen(name));
}

static uint32_t gid_hash(const void *arg, uint32_t i, uint32_t seed)
{
        return table_hash_uid(seed, ((const struct group_sections *)arg)->edit->groups[i].gid);
}

static uint32_t uid_hash(const void *arg, uint32_t i, uint32_t seed)
{
        return table_hash_uid(seed, ((const struct group_sections *)arg)->uid[i]);
}

bool group_sections_fill(struct group_sections *s, uint32_t seed)
{
        return s->edit->n_groups == 0 ||
               (index_fill(&s->by_name, name_hash, s, seed) && index_fill(&s->by_gid, gid_hash, s, seed) &&
                       index_fill(&s->by_member, uid_hash, s, seed));
}

static uint64_t place(struct table *t, enum table_section_id id, size_t n, uint64_t len, uint64_t at)
{
        t->section[id] = (struct table_section){.n = (uint32_t)n, .off = at, .len = len};
        return at + len;
}

uint64_t group_sections_place(const struct group_sections *s, struct table *t, uint64_t at)
{
        if (s->edit->n_groups > 0) {
                at = place(t, TABLE_SECTION_GROUPS, s->edit->n_groups, s->groups.n, at);
                at = place(t, TABLE_SECTION_BY_GROUP_NAME, s->by_name.n_buckets, index_len(&s->by_name), at);
                at = place(t, TABLE_SECTION_BY_GID, s->by_gid.n_buckets, index_len(&s->by_gid), at);
                at = place(t, TABLE_SECTION_MEMBERSHIPS, s->n_members, s->memberships.n, at);
                at = place(t, TABLE_SECTION_BY_MEMBER, s->by_member.n_buckets, index_len(&s->by_member), at);
        }
        if (s->newcomers.n > 0)
                at = place(t, TABLE_SECTION_NEWCOMERS, s->edit->newcomers.n, s->newcomers.n, at);
        return at;
}

void group_sections_write(struct group_sections *s, const struct table *t, FILE *f)
{
        if (s->edit->n_groups > 0) {
                for (size_t i = 0; i < s->edit->n_groups; i++)
                        s->group_at[i] += t->section[TABLE_SECTION_GROUPS].off;
                for (size_t i = 0; i < s->n_members; i++)
                        s->member_at[i] += t->section[TABLE_SECTION_MEMBERSHIPS].off;
                fwrite(s->groups.p, s->groups.n, 1, f);
                index_write(&s->by_name, f, t->section[TABLE_SECTION_BY_GROUP_NAME].off, s->group_at);
                index_write(&s->by_gid, f, t->section[TABLE_SECTION_BY_GID].off, s->group_at);
                fwrite(s->memberships.p, s->memberships.n, 1, f);
                index_write(&s->by_member, f, t->section[TABLE_SECTION_BY_MEMBER].off, s->member_at);
        }
        if (s->newcomers.p)
                fwrite(s->newcomers.p, s->newcomers.n, 1, f);
}
