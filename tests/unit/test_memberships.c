// SPDX-License-Identifier: Apache-2.0
//
// [group …] in the table: which are defined, whose name or gid wins, and who is in them by which token; and what a daemon writes
// when it starts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config_case.h"
#include "fault.h"
#include "groups.h"
#include "ids.h"
#include "memberships.h"
#include "removed.h"
#include "table_setup.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define ISSUER "https://login.example.com"
#define BASE                                                                                                 \
        "[identity corp]\nissuer = " ISSUER "\nclient_id = valetkey\nusername_claim = upn\n"                 \
        "username_claim_is_immutable = yes\nadmit = ext-*\n"
#define GROUPS                                                                                               \
        "[group cloud-admins]\nid = a1\ngid = 1900000001\n[group readers]\nid = b2\n[group local-one]\nid "  \
        "= c3\n"                                                                                             \
        "[group local-gid]\nid = d4\ngid = 1900000099\n[group alice]\nid = e5\n[group of-alice]\nid = "      \
        "f6\ngid = 1900000005\n"

static char dir[] = "/tmp/vk-groups-XXXXXX", table[64], passwd[64], group[64];
static uid_t owners[2];
static struct ours_paths paths;
static struct config *c;

static void write_text(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static struct table_edit *begin(void)
{
        struct table_edit *e = NULL;

        assert_int_equal(table_edit_begin(&e, table, TABLE_FEDERATED, owners, 2, 0), 0);
        return e;
}

static int setup(void **state)
{
        struct table_user alice = {.name = "alice",
                .uid = 1900000005,
                .gid = 1900000005,
                .issuer = ISSUER,
                .subject = "s-1",
                .home = "/home/alice",
                .shell = "/bin/sh"};
        struct table_edit *e;

        (void)state;
        snprintf(dir, sizeof dir, "/tmp/vk-groups-XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(table, sizeof table, "%s/users", dir);
        snprintf(passwd, sizeof passwd, "%s/passwd", dir);
        snprintf(group, sizeof group, "%s/group", dir);
        owners[1] = geteuid();
        paths = (struct ours_paths){.passwd = passwd, .table = table, .owners = owners, .n_owners = 2};
        write_text(passwd, "root:x:0:0::/root:/bin/sh\n");
        write_text(group, "root:x:0:\nlocal-one:x:1500:bob\nsomething:x:1900000099:\n");
        e = begin();
        assert_int_equal(table_edit_add(e, &alice), 0);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
        c = taken(BASE GROUPS);
        return 0;
}

static int teardown(void **state)
{
        static const char *const names[] = {"users", "users.lock", "passwd", "group", "removed"};
        char path[96];

        (void)state;
        c = config_unref(c);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                snprintf(path, sizeof path, "%s/%s", dir, names[i]);
                unlink(path);
        }
        return rmdir(dir);
}

static int set_up_table(void)
{
        return table_setup(&paths, group, c, &c->identities[0]);
}

// The names of the groups in the table with blanks behind them, in the order of their gids.
static const char *defined(void)
{
        static char text[256];
        struct table_edit *e = begin();
        const char *name;
        size_t cursor = 0;
        uint32_t gid;

        text[0] = 0;
        while (table_edit_next_group(e, &cursor, &name, &gid) == 0) {
                size_t at = strlen(text);

                assert_true(gid >= TABLE_UID_MIN && gid <= TABLE_UID_MAX);
                snprintf(text + at, sizeof text - at, "%s ", name);
        }
        table_edit_free(e);
        return text;
}

// A group of the machine's own wins by its name and by its gid, a user's own group does, and nothing else is lost over it.
static void local_groups_and_users_always_win(void **state)
{
        uint32_t readers;

        (void)state;
        assert_int_equal(set_up_table(), 0);
        assert_int_equal(ids_derive_group(ISSUER, "b2", &readers), 0);
        assert_string_equal(
                defined(), readers < 1900000001 ? "readers cloud-admins " : "cloud-admins readers ");
}

static void a_gid_is_derived_from_the_id_and_not_from_the_name(void **state)
{
        uint32_t gid, uid;

        (void)state;
        assert_int_equal(ids_derive_group(ISSUER, "3f0c9a4e", &gid), 0);
        assert_int_equal(gid, 2062963421); // fixed for ever: another number would change whose the files are
        assert_int_equal(ids_derive(ISSUER, "3f0c9a4e", &uid), 0);
        assert_int_not_equal(gid, uid); // a person and a group of one id do not meet
}

static void a_start_with_nothing_new_writes_nothing(void **state)
{
        struct stat before, after;

        (void)state;
        assert_int_equal(set_up_table(), 0);
        assert_int_equal(stat(table, &before), 0);
        assert_int_equal(set_up_table(), 0);
        assert_int_equal(stat(table, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        config_unref(c);
        c = taken(BASE "[group readers]\nid = b2\n");
        assert_int_equal(set_up_table(), 0);
        assert_string_equal(defined(), "readers ");
        config_unref(c);
        c = taken(BASE);
        assert_int_equal(set_up_table(), 0);
        assert_string_equal(defined(), "");
}

static void what_is_admitted_stands_in_the_table(void **state)
{
        struct ours_user u;

        (void)state;
        assert_int_equal(set_up_table(), 0);
        ours_find(&u, &paths, "ext-new");
        assert_int_equal(u.kind, OURS_NEWCOMER);
        ours_find(&u, &paths, "alice");
        assert_int_equal(u.kind, OURS_FEDERATED);
        ours_find(&u, &paths, "systemd-x");
        assert_int_equal(u.kind, OURS_NOT);
        config_unref(c);
        c = taken("[identity corp]\nissuer = " ISSUER "\nclient_id = valetkey\n");
        assert_int_equal(set_up_table(), 0);
        ours_find(&u, &paths, "ext-new");
        assert_int_equal(u.kind, OURS_NOT);
}

// The groups of alice's by name, after a token that says so.
static const char *after(const char *claims, bool renewal)
{
        static char text[256];
        struct table_edit *e = begin();
        struct table_membership m;
        struct jwt_claims t = {.all = json_loads(claims, 0, NULL)};
        const char *name;
        bool changed;
        uint32_t gid;

        assert_non_null(t.all);
        assert_int_equal(memberships_update(e, "alice", c, &c->identities[0], &t, renewal, &changed), 0);
        json_decref(t.all);
        assert_int_equal(table_edit_get_groups_of(e, "alice", &m), 0);
        text[0] = 0;
        for (size_t i = 0; i < m.n_gids; i++)
                for (size_t cursor = 0; table_edit_next_group(e, &cursor, &name, &gid) == 0;)
                        if (gid == m.gids[i]) {
                                size_t at = strlen(text);

                                snprintf(text + at, sizeof text - at, "%s ", name);
                        }
        assert_int_equal(changed ? table_edit_commit(e) : 0, 0);
        table_edit_free(e);
        return text;
}

static void cve_2025_49012_a_display_name_is_no_id(void **state)
{
        (void)state;
        assert_int_equal(set_up_table(), 0);
        assert_string_equal(
                after("{\"groups\":[\"cloud-admins\",\"readers\",\"A1\",\"a1 \",\"a\"]}", false), "");
        assert_string_equal(
                after("{\"groups\":[\"c3\",\"d4\",\"e5\",\"f6\"]}", false), ""); // those that were left out
        assert_string_equal(after("{\"groups\":[\"a1\"]}", false), "cloud-admins ");
        assert_string_equal(after("{\"groups\":\"a1\"}", false), "cloud-admins ");
}

static void what_is_not_told_gives_nothing(void **state)
{
        (void)state;
        assert_int_equal(set_up_table(), 0);
        assert_string_equal(after("{\"groups\":[\"a1\"]}", false), "cloud-admins ");
        assert_string_equal(after("{}", true), "cloud-admins "); // a refresh that leaves claims out
        assert_string_equal(after("{\"_claim_names\":{\"groups\":\"src1\"}}", true), "");
        assert_string_equal(after("{\"groups\":[\"a1\"]}", true), "cloud-admins ");
        assert_string_equal(after("{\"groups\":[\"a1\"],\"hasgroups\":true}", false), "");
        assert_string_equal(after("{\"groups\":[\"a1\"]}", false), "cloud-admins ");
        assert_string_equal(after("{}", false), ""); // a sign-in that tells none
}

// An administrator who puts the configuration aside for a moment does not lift the limit that keeps leavers out.
static void a_configuration_that_is_gone_loosens_nothing(void **state)
{
        struct table_newcomers x;
        struct table_edit *e;

        (void)state;
        config_unref(c);
        c = taken(BASE GROUPS "[signin]\nmax_offline_age = 12h\n");
        assert_int_equal(set_up_table(), 0);
        assert_int_equal(table_setup(&paths, group, NULL, NULL), 0);
        assert_true(strlen(defined()) > 0);
        e = begin();
        assert_int_equal(table_edit_max_offline_age(e), 12 * 3600);
        table_edit_get_newcomers(e, &x);
        assert_int_equal(x.n, 1);
        table_edit_free(e);
        assert_int_equal(unlink(table), 0);
        assert_int_equal(table_setup(&paths, group, NULL, NULL), 0);
        assert_int_equal(access(table, F_OK), 0); // without one nobody of another name service gets in
}

// Root writes into a folder of the daemon's: what a daemon that was taken over puts there is not opened for good (a pipe
// that nobody reads), not given away and not written to (somebody else's file under a second name).
static void what_stands_in_the_place_of_the_removed_is_left_alone(void **state)
{
        const struct table_user u = {.name = "old", .uid = 1900000044, .issuer = ISSUER, .subject = "o"};
        char path[96];
        struct stat before, after;

        (void)state;
        snprintf(path, sizeof path, "%s/removed", dir);
        assert_int_equal(mkfifo(path, 0644), 0);
        assert_true(removed_note(path, &u) < 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(link(group, path), 0);
        assert_int_equal(stat(group, &before), 0);
        assert_int_equal(removed_note(path, &u), -EPERM);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink(group, path), 0);
        assert_true(removed_note(path, &u) < 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(stat(group, &after), 0);
        assert_int_equal(before.st_size, after.st_size);
        assert_int_equal(removed_note(path, &u), 0);
}

// A disk that is full takes half a line; that must not stand there before the next one.
static void half_a_line_is_taken_back(void **state)
{
        struct table_user u = {.name = "old", .uid = 1900000044, .issuer = ISSUER, .subject = "o"};
        struct rlimit was, small;
        struct removed *x = NULL;
        struct stat st;
        char path[96];
        void (*before)(int);
        int r;

        (void)state;
        snprintf(path, sizeof path, "%s/removed", dir);
        assert_int_equal(removed_note(path, &u), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
        before = signal(SIGXFSZ, SIG_IGN);
        small = (struct rlimit){.rlim_cur = (rlim_t)st.st_size + 10, .rlim_max = was.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        u.uid++;
        r = removed_note(path, &u);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
        signal(SIGXFSZ, before);
        assert_int_equal(r, -EFBIG);
        u.subject[0] = 'p';
        assert_int_equal(removed_note(path, &u), 0);
        assert_int_equal(removed_load(&x, path), 0);
        u.subject[0] = 'q';
        assert_true(removed_clash(x, &u, NULL));
        removed_free(x);
}

static void memory_may_run_out(void **state)
{
        struct removed *x = NULL;
        struct table_user u = {.name = "old", .uid = 1900000044, .issuer = ISSUER, .subject = "o"};
        char path[96];
        unsigned failed = 0;
        int r = 0;

        (void)state;
        snprintf(path, sizeof path, "%s/removed", dir);
        FAULT_EACH(2000, r = set_up_table())
        {
                assert_true(r == -ENOMEM || r == -EIO);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 10);
        assert_true(strlen(defined()) > 0);
        FAULT_EACH(200, r = removed_note(path, &u)) assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
        FAULT_EACH(200, r = removed_load(&x, path))
        {
                assert_true(r == -ENOMEM || r == -EIO);
                assert_null(x);
        }
        assert_int_equal(r, 0);
        u.subject[0] = 'p';
        assert_true(removed_clash(x, &u, NULL));
        removed_free(x);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(local_groups_and_users_always_win),
                T(a_gid_is_derived_from_the_id_and_not_from_the_name),
                T(a_start_with_nothing_new_writes_nothing),
                T(what_is_admitted_stands_in_the_table),
                T(cve_2025_49012_a_display_name_is_no_id),
                T(what_is_not_told_gives_nothing),
                T(a_configuration_that_is_gone_loosens_nothing),
                T(what_stands_in_the_place_of_the_removed_is_left_alone),
                T(half_a_line_is_taken_back),
                T(memory_may_run_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
