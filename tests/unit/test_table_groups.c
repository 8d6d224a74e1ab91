// SPDX-License-Identifier: Apache-2.0
//
// Groups, memberships and newcomers' patterns in the user table: written and read, changed, damaged, hostile; and that
// who reads only users is not disturbed by them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "format.h"
#include "util.h"
#include "write.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define ADMINS  (TABLE_UID_MIN + 1000)
#define READERS (TABLE_UID_MIN + 1001)

static char dir[64];
static uid_t me;

static const char *at(const char *name)
{
        static char path[4][128];
        static unsigned i;

        i = (i + 1) % 4;
        snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
        return path[i];
}

static int in_folder(void **state)
{
        (void)state;
        me = geteuid();
        snprintf(dir, sizeof dir, "/tmp/test_table_groups.XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int gone(void **state)
{
        (void)state;
        unlink(at("users"));
        unlink(at("users.lock"));
        unlink(at("users.changed/now"));
        rmdir(at("users.changed"));
        return rmdir(dir);
}

static int empty(void **state)
{
        (void)state;
        unlink(at("users"));
        return 0;
}

static struct table_edit *begin(void)
{
        struct table_edit *e = NULL;

        assert_int_equal(table_edit_begin(&e, at("users"), TABLE_FEDERATED, &me, 1, 0), 0);
        return e;
}

static struct table_edit *commit(struct table_edit *e)
{
        assert_int_equal(table_edit_commit(e), 0);
        return table_edit_free(e);
}

static void add(struct table_edit *e, const char *name, uint32_t i)
{
        struct table_user u = {.uid = TABLE_UID_MIN + i, .gid = TABLE_UID_MIN + i};

        snprintf(u.name, sizeof u.name, "%s", name);
        snprintf(u.issuer, sizeof u.issuer, "https://login.example.com");
        snprintf(u.subject, sizeof u.subject, "subject-%u", i);
        snprintf(u.home, sizeof u.home, "/home/%s", name);
        snprintf(u.shell, sizeof u.shell, "/bin/bash");
        assert_int_equal(table_edit_add(e, &u), 0);
}

static void set(struct table_edit *e, const char *user, size_t n, const uint32_t *gids)
{
        assert_int_equal(table_edit_set_groups_of(e, user, gids, n), 0);
}

// alice in both groups, bob in one, carol in none.
static void write_three(void)
{
        struct table_edit *e = begin();

        add(e, "carol", 2);
        add(e, "bob", 1);
        add(e, "alice", 0);
        assert_int_equal(table_edit_set_group(e, "readers", READERS), 0);
        assert_int_equal(table_edit_set_group(e, "admins", ADMINS), 0);
        set(e, "alice", 3, (const uint32_t[]){READERS, ADMINS, READERS});
        set(e, "bob", 1, (const uint32_t[]){READERS});
        commit(e);
}

static struct table opened(void)
{
        struct table t;

        assert_int_equal(table_open(&t, at("users"), TABLE_FEDERATED, &me, 1), 0);
        return t;
}

// The members of a group as "alice bob", or what went wrong.
static const char *members(const struct table *t, const struct table_group *g)
{
        static char text[256];
        char names[256], *list[16];

        assert_true(g->members_len <= sizeof names && g->n_members <= ARRAY_SIZE(list));
        if (table_group_members(t, g, names, list) != 0)
                return "corrupt";
        text[0] = 0;
        for (uint32_t i = 0; i < g->n_members; i++)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", list[i]);
        return text;
}

static void groups_and_members_are_found(void **state)
{
        struct table_membership m;
        struct table_group g;
        struct table_user u;
        struct table t;

        (void)state;
        write_three();
        t = opened();
        assert_int_equal(table_find_group(&t, "readers", &g), 0);
        assert_int_equal(g.gid, READERS);
        assert_string_equal(members(&t, &g), "alice bob");
        assert_int_equal(table_find_gid(&t, ADMINS, &g), 0);
        assert_string_equal(g.name, "admins");
        assert_string_equal(members(&t, &g), "alice");
        assert_int_equal(table_find_group(&t, "alice", &g), TABLE_E_NOT_FOUND);
        assert_int_equal(table_find_gid(&t, TABLE_UID_MIN, &g), TABLE_E_NOT_FOUND);
        assert_int_equal(table_find_gid(&t, 0, &g), TABLE_E_NOT_FOUND);
        assert_int_equal(table_find_gid(&t, TABLE_UID_MAX + 1, &g), TABLE_E_NOT_FOUND);
        assert_int_equal(table_groups_of(&t, TABLE_UID_MIN, &m), 0);
        assert_int_equal(m.n_gids, 2);
        assert_int_equal(m.gids[0], ADMINS);
        assert_int_equal(m.gids[1], READERS);
        assert_int_equal(table_groups_of(&t, TABLE_UID_MIN + 1, &m), 0);
        assert_int_equal(m.n_gids, 1);
        assert_int_equal(table_groups_of(&t, TABLE_UID_MIN + 2, &m), TABLE_E_NOT_FOUND);
        assert_int_equal(table_groups_of(&t, 0, &m), TABLE_E_NOT_FOUND);
        assert_int_equal(table_find_name(&t, "carol", &u), 0);
        table_close(&t);
}

static void a_table_without_groups_has_none(void **state)
{
        struct table_edit *e = begin();
        struct table_membership m;
        struct table_newcomers x;
        struct table_group g;
        struct table t;

        (void)state;
        add(e, "alice", 0);
        commit(e);
        t = opened();
        assert_int_equal(t.section[TABLE_SECTION_GROUPS].len, 0);
        assert_int_equal(table_find_group(&t, "alice", &g), TABLE_E_NOT_FOUND);
        assert_int_equal(table_find_gid(&t, TABLE_UID_MIN, &g), TABLE_E_NOT_FOUND);
        assert_int_equal(table_groups_of(&t, TABLE_UID_MIN, &m), TABLE_E_NOT_FOUND);
        assert_int_equal(table_newcomers(&t, &x), 0);
        assert_int_equal(x.n, 0);
        table_close(&t);
}

// What one commit wrote, the next has; changing one thing leaves the others.
static void groups_survive_other_changes(void **state)
{
        struct table_newcomers x = {.n = 1, .pattern = {"*@example.com"}};
        struct table_membership m;
        struct table_group g;
        struct table_edit *e;
        struct table_user u;
        const char *name;
        size_t cursor = 0;
        uint32_t gid;
        struct table t;

        (void)state;
        write_three();
        e = begin();
        assert_int_equal(table_edit_next_group(e, &cursor, &name, &gid), 0);
        assert_string_equal(name, "admins");
        assert_int_equal(table_edit_next_group(e, &cursor, &name, &gid), 0);
        assert_int_equal(gid, READERS);
        assert_int_equal(table_edit_next_group(e, &cursor, &name, &gid), TABLE_E_NOT_FOUND);
        assert_int_equal(table_edit_get(e, "alice", &u), 0);
        u.last_success_s = 5;
        assert_int_equal(table_edit_replace(e, &u), 0);
        assert_int_equal(table_edit_get_groups_of(e, "alice", &m), 0);
        assert_int_equal(m.n_gids, 2);
        assert_int_equal(table_edit_set_newcomers(e, &x), 0);
        commit(e);
        // another name for the same group, and one user less
        e = begin();
        assert_int_equal(table_edit_set_group(e, "viewers", READERS), 0);
        assert_int_equal(table_edit_remove(e, "bob"), 0);
        table_edit_get_newcomers(e, &x);
        assert_int_equal(x.n, 1);
        commit(e);
        t = opened();
        assert_int_equal(table_find_group(&t, "readers", &g), TABLE_E_NOT_FOUND);
        assert_int_equal(table_find_group(&t, "viewers", &g), 0);
        assert_string_equal(members(&t, &g), "alice");
        assert_int_equal(table_newcomers(&t, &x), 0);
        assert_true(table_admits(&x, "dave@example.com"));
        table_close(&t);
        e = begin();
        assert_int_equal(table_edit_remove_group(e, READERS), 0);
        assert_int_equal(table_edit_remove_group(e, READERS), TABLE_E_NOT_FOUND);
        set(e, "alice", 0, NULL);
        commit(e);
        t = opened();
        assert_int_equal(table_groups_of(&t, TABLE_UID_MIN, &m), TABLE_E_NOT_FOUND);
        assert_int_equal(table_find_group(&t, "admins", &g), 0);
        assert_string_equal(members(&t, &g), "");
        table_close(&t);
}

// GHSA-6gp8-pp9v-gx45 and CVE-2025-49012, of groups: no provider's number and no name of the system's gets in.
static void groups_that_nobody_may_have_are_not_written(void **state)
{
        static const uint32_t bad[] = {
                0, 1, 27, 1000, 65534, TABLE_UID_MIN - 1, TABLE_UID_MAX + 1, UINT32_MAX};
        struct table_edit *e = begin();
        uint32_t many[TABLE_GROUPS_OF_USER_MAX + 1];

        (void)state;
        add(e, "alice", 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(table_edit_set_group(e, "admins", bad[i]), TABLE_E_INVALID);
        assert_int_equal(table_edit_set_group(e, "Admins", ADMINS), TABLE_E_INVALID);
        assert_int_equal(table_edit_set_group(e, "", ADMINS), TABLE_E_INVALID);
        assert_int_equal(table_edit_set_group(e, "a\nroot:x:0:alice", ADMINS), TABLE_E_INVALID);
        assert_int_equal(
                table_edit_set_groups_of(e, "alice", (const uint32_t[]){ADMINS}, 1), TABLE_E_INVALID);
        assert_int_equal(table_edit_set_groups_of(e, "alice", (const uint32_t[]){27}, 1), TABLE_E_INVALID);
        assert_int_equal(table_edit_set_groups_of(e, "stranger", NULL, 0), TABLE_E_NOT_FOUND);
        for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
                char name[16];

                snprintf(name, sizeof name, "g%u", i);
                many[i] = ADMINS + i;
                assert_int_equal(table_edit_set_group(e, name, many[i]), 0);
        }
        assert_int_equal(table_edit_set_groups_of(e, "alice", many, ARRAY_SIZE(many)), TABLE_E_INVALID);
        set(e, "alice", ARRAY_SIZE(many) - 1, many);
        commit(e);
}

static void a_local_table_has_no_groups(void **state)
{
        struct table_newcomers x = {.n = 1, .pattern = {"ext-*"}};
        struct table_edit *e = NULL;

        (void)state;
        assert_int_equal(table_edit_begin(&e, at("users"), TABLE_LOCAL, &me, 1, 0), 0);
        assert_int_equal(table_edit_set_group(e, "admins", ADMINS), TABLE_E_INVALID);
        assert_int_equal(table_edit_set_newcomers(e, &x), TABLE_E_INVALID);
        table_edit_free(e);
}

static int commit_and_free(struct table_edit *e)
{
        int r = table_edit_commit(e);

        table_edit_free(e);
        return r;
}

static void no_group_is_there_twice_or_is_a_users(void **state)
{
        struct table_edit *e;

        (void)state;
        write_three();
        e = begin();
        assert_int_equal(table_edit_set_group(e, "admins", ADMINS + 7), 0);
        assert_int_equal(commit_and_free(e), TABLE_E_DUPLICATE);
        e = begin();
        assert_int_equal(table_edit_set_group(e, "alice", ADMINS + 7), 0);
        assert_int_equal(commit_and_free(e), TABLE_E_DUPLICATE);
        e = begin();
        assert_int_equal(table_edit_set_group(e, "others", TABLE_UID_MIN + 1), 0);
        assert_int_equal(commit_and_free(e), TABLE_E_DUPLICATE);
        e = begin();
        add(e, "dave", 1000); // the number of the group admins
        assert_int_equal(commit_and_free(e), TABLE_E_DUPLICATE);
        e = begin();
        add(e, "readers", 3);
        assert_int_equal(commit_and_free(e), TABLE_E_DUPLICATE);
        e = begin();
        add(e, "dave", 3);
        assert_int_equal(commit_and_free(e), 0);
}

static void patterns_match_what_they_say(void **state)
{
        static const struct {
                const char *pattern, *name;
                bool match;
        } rows[] = {
                {"*@example.com", "alice@example.com", true},
                {"*@example.com", "@example.com", false},
                {"*@example.com", "alice@example.com.evil.org", false},
                {"*@example.com", "alice@notexample.com", false},
                {"*@example.com", "alice", false},
                {"ext-*", "ext-bob", true},
                {"ext-*", "ext-", false},
                {"ext-*", "next-bob", false},
                {"ext-*", "", false},
        };
        static const char *const bad[] = {"", "*", "**", "a*", "*a", "alice", "a*b", "*@Example.com", "*a:b",
                "*.", "1x*", "-x*", "*a..b", "*@ex ample", "*@example.com\n", "../*",
                "*0123456789012345678901234567890123456789012345678901234567890123"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct table_newcomers x = {.n = 2, .pattern = {"zz-*"}};

                assert_true(table_pattern_is_valid(rows[i].pattern));
                assert_int_equal(table_pattern_matches(rows[i].pattern, rows[i].name), rows[i].match);
                snprintf(x.pattern[1], sizeof x.pattern[1], "%s", rows[i].pattern);
                assert_int_equal(table_admits(&x, rows[i].name), rows[i].match);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct table_newcomers x = {.n = 1};
                struct table_edit *e = begin();

                memcpy(x.pattern[0], bad[i], strnlen(bad[i], sizeof x.pattern[0]));
                assert_false(table_pattern_is_valid(bad[i]));
                assert_int_equal(table_edit_set_newcomers(e, &x), TABLE_E_INVALID);
                table_edit_free(e);
        }
}

// nscd is told where a name service would answer otherwise than before, and only there: not at every sign-in.
static void what_name_services_tell_is_marked_when_it_changes(void **state)
{
        struct table_edit *e = begin();
        struct table_user u;

        (void)state;
        add(e, "bob", 1);
        commit(e);
        assert_int_equal(access(at("users.changed"), F_OK), -1); // where nobody waits for it there is none
        assert_int_equal(mkdir(at("users.changed"), 0700), 0);
#define CHANGED(want, ...)                                                                                   \
        do {                                                                                                 \
                unlink(at("users.changed/now"));                                                             \
                e = begin();                                                                                 \
                __VA_ARGS__;                                                                                 \
                commit(e);                                                                                   \
                assert_int_equal(access(at("users.changed/now"), F_OK), (want) ? 0 : -1);                    \
        } while (0)
        CHANGED(true, add(e, "alice", 0));
        CHANGED(false, (void)0);
        CHANGED(true, table_edit_set_group(e, "readers", READERS));
        CHANGED(false, table_edit_set_group(e, "readers", READERS));
        CHANGED(true, table_edit_set_group(e, "viewers", READERS));
        CHANGED(true, set(e, "alice", 1, (const uint32_t[]){READERS}));
        CHANGED(false, set(e, "alice", 1, (const uint32_t[]){READERS}));
        CHANGED(true, set(e, "alice", 0, NULL));
        CHANGED(false, table_edit_set_max_offline_age(e, 77));
        CHANGED(false, table_edit_get(e, "alice", &u); u.last_success_s = 5; u.flags = TABLE_USER_LOCKED;
                table_edit_replace(e, &u));
        CHANGED(true, snprintf(u.shell, sizeof u.shell, "/bin/zsh"); table_edit_replace(e, &u));
        CHANGED(true, table_edit_remove_group(e, READERS));
        CHANGED(true, table_edit_remove(e, "alice"));
#undef CHANGED
}

// Many groups with many members each, of whom some are in many: everything is found again.
static void a_large_table_is_read_back(void **state)
{
        enum {
                USERS = 3000,
                GROUPS = 200
        };
        struct table_edit *e = begin();
        char *names = malloc(USERS * 16), **list = calloc(USERS, sizeof *list);
        size_t total = 0, of_users = 0;
        struct table t;

        (void)state;
        for (uint32_t g = 0; g < GROUPS; g++) {
                char name[16];

                snprintf(name, sizeof name, "g%u", g);
                assert_int_equal(table_edit_set_group(e, name, TABLE_UID_MAX - g), 0);
        }
        for (uint32_t i = 0; i < USERS; i++) {
                uint32_t gids[GROUPS], n = 0;
                char name[16];

                snprintf(name, sizeof name, "user%u", i);
                add(e, name, i);
                for (uint32_t g = 0; g < GROUPS; g++)
                        if (i % (g + 1) == 0)
                                gids[n++] = TABLE_UID_MAX - g;
                set(e, name, n, gids);
                of_users += n;
        }
        commit(e);
        commit(begin());
        t = opened();
        for (uint32_t g = 0; g < GROUPS; g++) {
                struct table_group x;
                char name[16];

                snprintf(name, sizeof name, "g%u", g);
                assert_int_equal(table_find_group(&t, name, &x), 0);
                assert_int_equal(x.gid, TABLE_UID_MAX - g);
                assert_int_equal(x.n_members, (USERS + g) / (g + 1));
                assert_true(x.members_len <= USERS * 16);
                assert_int_equal(table_group_members(&t, &x, names, list), 0);
                total += x.n_members;
        }
        assert_int_equal(total, of_users);
        for (uint32_t i = 0; i < USERS; i++) {
                struct table_membership m;

                assert_int_equal(table_groups_of(&t, TABLE_UID_MIN + i, &m), 0);
                of_users -= m.n_gids;
        }
        assert_int_equal(of_users, 0);
        table_close(&t);
        free(names);
        free(list);
}

static size_t slurp(uint8_t *p, size_t max)
{
        int fd = open(at("users"), O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, p, max);

        close(fd);
        assert_true(n > 0 && (size_t)n < max);
        return (size_t)n;
}

static void spill(const uint8_t *p, size_t n)
{
        int fd = open(at("users"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_int_equal(write(fd, p, n), n);
        close(fd);
}

static unsigned right_or_corrupt(int r, bool right)
{
        if (r != 0)
                assert_int_equal(r, TABLE_E_CORRUPT);
        else
                assert_true(right);
        return r == 0;
}

// Every question whose answer is known; how many were answered.
static unsigned ask_everything(void)
{
        struct table_newcomers x = {0};
        struct table_membership m = {0};
        struct table_group g = {0};
        unsigned right = 0;
        struct table t;
        int r = table_open(&t, at("users"), TABLE_FEDERATED, &me, 1);

        if (r != 0)
                return right_or_corrupt(r, false);
        r = table_find_group(&t, "readers", &g);
        right += right_or_corrupt(r, g.gid == READERS);
        if (r == 0) {
                const char *who = members(&t, &g);

                assert_true(strcmp(who, "alice bob") == 0 || strcmp(who, "corrupt") == 0);
                right += who[0] == 'a';
        }
        r = table_find_gid(&t, ADMINS, &g);
        right += right_or_corrupt(r, strcmp(g.name, "admins") == 0);
        r = table_groups_of(&t, TABLE_UID_MIN, &m);
        right += right_or_corrupt(r, m.n_gids == 2 && m.gids[0] == ADMINS && m.gids[1] == READERS);
        r = table_newcomers(&t, &x);
        right += right_or_corrupt(r, table_admits(&x, "ext-bob"));
        table_close(&t);
        return right;
}

static void any_damaged_byte_reads_as_corrupt_or_does_not_matter(void **state)
{
        struct table_newcomers x = {.n = 1, .pattern = {"ext-*"}};
        uint8_t good[4096], bad[4096];
        unsigned right = 0;
        struct table_edit *e;
        size_t n;

        (void)state;
        write_three();
        e = begin();
        assert_int_equal(table_edit_set_newcomers(e, &x), 0);
        commit(e);
        n = slurp(good, sizeof good);
        assert_int_equal(ask_everything(), 5);
        for (size_t i = 0; i < n; i++) {
                static const uint8_t flips[] = {0x01, 0x80, 0xff};

                for (size_t k = 0; k < ARRAY_SIZE(flips); k++) {
                        struct table_edit *refused = NULL;
                        int r;

                        memcpy(bad, good, n);
                        bad[i] ^= flips[k];
                        spill(bad, n);
                        right += ask_everything();
                        // The writer reads all of it, and does not write over what is damaged. Indexes it makes anew.
                        r = table_edit_begin(&refused, at("users"), TABLE_FEDERATED, &me, 1, 0);
                        assert_true(r == 0 || r == TABLE_E_CORRUPT);
                        table_edit_free(refused);
                }
        }
        assert_true(right > n * 3 * 3); // damage in one place leaves the others readable
}

static int rewrite(void)
{
        struct table_edit *e = NULL;
        int r = table_edit_begin(&e, at("users"), TABLE_FEDERATED, &me, 1, 0);

        if (r == 0)
                r = table_edit_set_group(e, "writers", ADMINS + 5);
        if (r == 0)
                r = table_edit_set_groups_of(e, "carol", (const uint32_t[]){ADMINS + 5}, 1);
        if (r == 0)
                r = table_edit_set_newcomers(
                        e, &(const struct table_newcomers){.n = 1, .pattern = {"ext-*"}});
        if (r == 0)
                r = table_edit_commit(e);
        table_edit_free(e);
        return r;
}

static void every_allocation_of_the_writer_may_fail(void **state)
{
        unsigned failed = 0;
        int r = 0;

        (void)state;
        write_three();
        FAULT_EACH(100, r = rewrite())
        {
                struct table t = opened();
                struct table_group g;

                assert_int_equal(r, -ENOMEM);
                assert_int_equal(
                        table_find_group(&t, "writers", &g), TABLE_E_NOT_FOUND); // the old table stands
                assert_int_equal(table_find_group(&t, "readers", &g), 0);
                table_close(&t);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 15);
}

// Files made by tests/fuzz/make_table_seeds from the description of the format, not by our writer.
static void groups_of_another_writer(void **state)
{
        static const struct {
                const char *seed;
                int opened, admins, members,
                        alice; // table_attach(), table_find_group(), its members, alice's groups
        } rows[] = {
                {"groups", 0, 0, 0, 0},
                {"two-users", 0, TABLE_E_NOT_FOUND, 0, TABLE_E_NOT_FOUND},
                {"group-without-members", 0, 0, 0, TABLE_E_NOT_FOUND},
                {"group-with-gid-zero", 0, TABLE_E_CORRUPT, 0, TABLE_E_NOT_FOUND},
                {"group-with-gid-of-sudo", 0, TABLE_E_CORRUPT, 0, TABLE_E_CORRUPT},
                {"group-with-gid-beyond-the-range", 0, TABLE_E_CORRUPT, 0, TABLE_E_NOT_FOUND},
                {"group-named-with-newline", 0, TABLE_E_NOT_FOUND, 0, TABLE_E_NOT_FOUND},
                {"group-of-fewer-than-it-says", 0, 0, TABLE_E_CORRUPT, TABLE_E_NOT_FOUND},
                {"group-of-more-than-it-says", 0, 0, TABLE_E_CORRUPT, TABLE_E_NOT_FOUND},
                {"group-of-a-billion", 0, TABLE_E_CORRUPT, 0, TABLE_E_NOT_FOUND},
                {"group-with-member-twice", 0, 0, TABLE_E_CORRUPT, TABLE_E_NOT_FOUND},
                {"group-with-members-unsorted", 0, 0, TABLE_E_CORRUPT, TABLE_E_NOT_FOUND},
                {"group-with-member-of-no-name", 0, 0, TABLE_E_CORRUPT, TABLE_E_NOT_FOUND},
                {"group-with-member-with-comma", 0, 0, TABLE_E_CORRUPT, TABLE_E_NOT_FOUND},
                {"group-record-of-another-name", 0, TABLE_E_NOT_FOUND, 0, TABLE_E_NOT_FOUND},
                {"membership-in-no-group", 0, 0, 0, TABLE_E_CORRUPT},
                {"membership-in-root", 0, 0, 0, TABLE_E_CORRUPT},
                {"membership-unsorted", 0, 0, 0, TABLE_E_CORRUPT},
                {"membership-in-256", 0, 0, 0, 0},
                {"membership-in-257", 0, 0, 0, TABLE_E_CORRUPT},
                {"membership-record-of-another", 0, 0, 0, TABLE_E_NOT_FOUND},
                {"groups-without-memberships", TABLE_E_CORRUPT, 0, 0, 0},
                {"groups-in-a-local-table", TABLE_E_CORRUPT, 0, 0, 0},
                {"newcomers-in-a-local-table", TABLE_E_CORRUPT, 0, 0, 0},
                {"newcomers-too-many", TABLE_E_CORRUPT, 0, 0, 0},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char path[128], names[256], *list[16];
                struct table_membership m;
                struct table_group g;
                struct table t;
                int fd;

                snprintf(path, sizeof path, "tests/fuzz/corpus/table/%s", rows[i].seed);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                assert_true(fd >= 0);
                assert_int_equal(table_attach(&t, fd, strstr(path, "local") ? TABLE_LOCAL : TABLE_FEDERATED),
                        rows[i].opened);
                if (rows[i].opened == 0) {
                        assert_int_equal(table_find_group(&t, "admins", &g), rows[i].admins);
                        if (rows[i].admins == 0)
                                assert_int_equal(table_group_members(&t, &g, names, list), rows[i].members);
                        assert_int_equal(table_groups_of(&t, TABLE_UID_MIN, &m), rows[i].alice);
                }
                close(fd);
        }
}

static void newcomers_of_another_writer(void **state)
{
        static const struct {
                const char *seed;
                int r;
                bool admits; // ext-bob
        } rows[] = {
                {"two-users", 0, false},
                {"newcomers", 0, true},
                {"newcomers-anybody", TABLE_E_CORRUPT, false},
                {"newcomers-of-one-letter", TABLE_E_CORRUPT, false},
                {"newcomers-of-no-name", TABLE_E_CORRUPT, false},
                {"newcomers-star-inside", TABLE_E_CORRUPT, false},
                {"newcomers-more-than-there-are", TABLE_E_CORRUPT, false},
                {"newcomers-fewer-than-there-are", TABLE_E_CORRUPT, false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct table_newcomers x = {0};
                char path[128];
                struct table t;
                int fd;

                snprintf(path, sizeof path, "tests/fuzz/corpus/table/%s", rows[i].seed);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                assert_true(fd >= 0);
                assert_int_equal(table_attach(&t, fd, TABLE_FEDERATED), 0);
                assert_int_equal(table_newcomers(&t, &x), rows[i].r);
                assert_int_equal(table_admits(&x, "ext-bob"), rows[i].admits);
                close(fd);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(groups_and_members_are_found, empty),
                cmocka_unit_test_setup(a_table_without_groups_has_none, empty),
                cmocka_unit_test_setup(groups_survive_other_changes, empty),
                cmocka_unit_test_setup(groups_that_nobody_may_have_are_not_written, empty),
                cmocka_unit_test_setup(a_local_table_has_no_groups, empty),
                cmocka_unit_test_setup(no_group_is_there_twice_or_is_a_users, empty),
                cmocka_unit_test_setup(patterns_match_what_they_say, empty),
                cmocka_unit_test_setup(what_name_services_tell_is_marked_when_it_changes, empty),
                cmocka_unit_test_setup(a_large_table_is_read_back, empty),
                cmocka_unit_test_setup(any_damaged_byte_reads_as_corrupt_or_does_not_matter, empty),
                cmocka_unit_test_setup(every_allocation_of_the_writer_may_fail, empty),
                cmocka_unit_test(groups_of_another_writer),
                cmocka_unit_test(newcomers_of_another_writer),
        };

        return cmocka_run_group_tests(tests, in_folder, gone);
}
