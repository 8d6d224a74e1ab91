// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a user table, once as they are and once with every checksum put right, so that the checks
// behind the checksums are reached too. Whatever is answered must be a user that the decoder's own rules
// allow.
#include "format.h"
#include "mend_table.h"
#include "util.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
        if (!good)
                abort();
}

static bool ours(uint32_t id)
{
        return id >= TABLE_UID_MIN && id <= TABLE_UID_MAX;
}

static void look_at_members(const struct table *t, const struct table_group *g)
{
        char *names = malloc(g->members_len + 1), **list = calloc(g->n_members + 1, sizeof *list);

        expect(names && list && ours(g->gid));
        if (g->members_len <= 1 << 20 && table_group_members(t, g, names, list) == 0)
                for (uint32_t i = 0; i < g->n_members; i++)
                        expect(strlen(list[i]) < 65 && (i == 0 || strcmp(list[i - 1], list[i]) < 0));
        free(names);
        free(list);
}

static void look_at_groups(const struct table *t)
{
        static const char *const names[] = {"admins", "readers", ""};
        struct table_membership m;
        struct table_newcomers x;
        struct table_group g;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (table_find_group(t, names[i], &g) == 0) {
                        expect(strcmp(g.name, names[i]) == 0);
                        look_at_members(t, &g);
                }
        for (uint32_t i = 1000; i < 1004; i++)
                if (table_find_gid(t, TABLE_UID_MIN + i, &g) == 0) {
                        expect(g.gid == TABLE_UID_MIN + i);
                        look_at_members(t, &g);
                }
        for (uint32_t i = 0; i < 4; i++)
                if (table_groups_of(t, TABLE_UID_MIN + i, &m) == 0) {
                        expect(m.uid == TABLE_UID_MIN + i && m.n_gids > 0 &&
                                m.n_gids <= TABLE_GROUPS_OF_USER_MAX);
                        for (size_t k = 0; k < m.n_gids; k++)
                                expect(ours(m.gids[k]));
                }
        expect(table_find_gid(t, 0, &g) == TABLE_E_NOT_FOUND && table_groups_of(t, 0, &m) != 0);
        if (table_newcomers(t, &x) == 0) {
                expect(x.n <= TABLE_NEWCOMERS_MAX && !table_admits(&x, ""));
                for (size_t i = 0; i < x.n; i++)
                        expect(table_pattern_is_valid(x.pattern[i]));
        }
}

static void look(const uint8_t *p, size_t n, enum table_kind kind)
{
        static const char *const names[] = {"alice", "bob", "", "a-name-that-is-as-long-as-names-can-be"};
        int fd = memfd_create("table", MFD_CLOEXEC);
        struct table_user u;
        struct table t;
        uint64_t cursor = 0;

        expect(fd >= 0 && write(fd, p, n) == (ssize_t)n);
        if (table_attach(&t, fd, kind) == 0) {
                for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                        if (table_find_name(&t, names[i], &u) == 0)
                                expect(!table_user_check(&u, kind) && strcmp(u.name, names[i]) == 0);
                for (uint32_t i = 0; i < 4; i++)
                        if (table_find_uid(&t, TABLE_UID_MIN + i, &u) == 0)
                                expect(u.uid == TABLE_UID_MIN + i && u.gid >= TABLE_UID_MIN);
                for (unsigned i = 0; i < 1000 && table_next(&t, &cursor, &u) == 0; i++)
                        expect(!table_user_check(&u, kind));
                look_at_groups(&t);
        }
        close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *p = calloc(1, size + 1);

        expect(p != NULL);
        if (size)
                memcpy(p, data, size);
        look(p, size, TABLE_FEDERATED);
        look(p, size, TABLE_LOCAL);
        mend_table(p, size);
        look(p, size, TABLE_FEDERATED);
        look(p, size, TABLE_LOCAL);
        free(p);
        return 0;
}
