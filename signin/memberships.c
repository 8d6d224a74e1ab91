// SPDX-License-Identifier: Apache-2.0
//
// What cannot be known gives nobody a right: whoever makes himself a member of very many groups, so that the provider stops
// telling them, is in none of ours. Everybody's own groups on this machine win: one of theirs is not given another meaning.
#include "memberships.h"

#include "groups.h"
#include "ids.h"
#include "local_names.h"
#include "log.h"

static int gid_of(const struct config_group *g, const struct config_identity *identity, uint32_t *ret)
{
        *ret = g->gid;
        return g->gid ? 0 : ids_derive_group(identity->issuer, g->id, ret);
}

// ---- defining

static const struct config_group *find_configured(
        const struct config *c, const struct config_identity *identity, const char *name, uint32_t gid)
{
        for (size_t i = 0; i < c->n_groups; i++) {
                uint32_t want;

                if (strcmp(c->groups[i].name, name) == 0 && gid_of(&c->groups[i], identity, &want) == 0 &&
                        want == gid)
                        return &c->groups[i];
        }
        return NULL;
}

static int remove_others(
        struct table_edit *e, const struct config *c, const struct config_identity *identity, bool *changed)
{
        const char *name;
        size_t cursor = 0;
        uint32_t gid;
        int r;

        while ((r = table_edit_next_group(e, &cursor, &name, &gid)) == 0) {
                if (identity && find_configured(c, identity, name, gid))
                        continue;
                r = table_edit_remove_group(e, gid);
                if (r != 0)
                        return r;
                *changed = true;
                cursor = 0;
        }
        return r == TABLE_E_NOT_FOUND ? 0 : r;
}

static bool is_defined(const struct table_edit *e, const char *name, uint32_t gid)
{
        const char *n;
        size_t cursor = 0;
        uint32_t g;

        while (table_edit_next_group(e, &cursor, &n, &g) == 0)
                if (g == gid && strcmp(n, name) == 0)
                        return true;
        return false;
}

// A user has a group of his own, with his name and his uid; so has whoever else was defined before.
static bool is_taken(const struct table_edit *e, const char *name, uint32_t gid, struct err *why)
{
        struct table_user u;
        const char *n;
        size_t cursor = 0;
        uint32_t g;

        if (table_edit_get(e, name, &u) == 0) {
                err_set(why, "there is a user %s", name);
                return true;
        }
        if (table_edit_get_uid(e, gid, &u) == 0) {
                err_set(why, "%u is the uid of the user %s", gid, u.name);
                return true;
        }
        while (table_edit_next_group(e, &cursor, &n, &g) == 0)
                if (g == gid || strcmp(n, name) == 0) {
                        err_set(why, "%u is the gid of the group %s", g, n);
                        return true;
                }
        return false;
}

int memberships_define(struct table_edit *e, const struct config *c, const struct config_identity *identity,
        const char *passwd, const char *group, bool *ret_changed)
{
        _cleanup_(local_names_freep) struct local_names *l = NULL;
        int r = local_names_load(&l, passwd, group);

        if (r == 0)
                r = remove_others(e, c, identity, ret_changed);
        for (size_t i = 0; r == 0 && identity && i < c->n_groups; i++) {
                const struct config_group *g = &c->groups[i];
                struct err why = ERR_INIT;
                uint32_t gid = 0;

                r = gid_of(g, identity, &gid);
                if (r != 0 || is_defined(e, g->name, gid))
                        continue;
                if (!local_names_leave(l, g->name, gid, &why) || is_taken(e, g->name, gid, &why)) {
                        log_event(LOG_E_WARNING, "group.unusable", "group=%s gid=%u reason=%s", g->name,
                                (unsigned)gid, why.text);
                        continue;
                }
                r = table_edit_set_group(e, g->name, gid);
                *ret_changed = true;
        }
        return r;
}

// ---- who is in them

static int cmp_gid(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

int memberships_update(struct table_edit *e, const char *user, const struct config *c,
        const struct config_identity *identity, const struct jwt_claims *claims, bool renewal,
        bool *ret_changed)
{
        enum groups_told told = groups_told(identity, claims);
        struct table_membership had = {.uid = 0};
        uint32_t gids[TABLE_GROUPS_OF_USER_MAX];
        size_t n = 0;
        int r;

        *ret_changed = false;
        if (c->n_groups == 0 || (renewal && told == GROUPS_ABSENT))
                return 0;
        for (size_t i = 0; told == GROUPS_TOLD && i < c->n_groups && n < TABLE_GROUPS_OF_USER_MAX; i++) {
                uint32_t gid;

                if (!groups_has(identity, claims, c->groups[i].id))
                        continue;
                r = gid_of(&c->groups[i], identity, &gid);
                if (r < 0)
                        return r;
                if (is_defined(e, c->groups[i].name, gid))
                        gids[n++] = gid;
        }
        if (told == GROUPS_TOO_MANY)
                log_event(LOG_E_WARNING, "groups.unknown", "user=%s reason=%s", user,
                        "the provider leaves them out of the token, because there are too many");
        qsort(gids, n, sizeof *gids, cmp_gid);
        r = table_edit_get_groups_of(e, user, &had);
        if (r != 0 && r != TABLE_E_NOT_FOUND)
                return r;
        if (had.n_gids == n && memcmp(had.gids, gids, n * sizeof *gids) == 0)
                return 0;
        *ret_changed = true;
        return table_edit_set_groups_of(e, user, gids, n);
}
