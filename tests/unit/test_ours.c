// SPDX-License-Identifier: Apache-2.0
//
// "Is this user ours?" and "may he come in?": each row of the decision, and what a broken file does to it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ours.h"
#include "util.h"
#include "write.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static char dir[64], passwd[96], root_table[96], table[96];
static uid_t me;
static struct ours_paths paths;

static void put_text(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        fclose(f);
}

static void add(const char *path, enum table_kind kind, const char *name, uint32_t id)
{
        struct table_edit *e = NULL;
        struct table_user u = {.uid = id, .gid = id};

        snprintf(u.name, sizeof u.name, "%s", name);
        strcpy(u.issuer, "https://login.example.com");
        snprintf(u.subject, sizeof u.subject, "subject-of-%s", name);
        strcpy(u.home, "/home/x");
        strcpy(u.shell, "/bin/sh");
        assert_int_equal(table_edit_begin(&e, path, kind, &me, 1, 0), 0);
        assert_int_equal(table_edit_add(e, &u), 0);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

static int world(void **state)
{
        (void)state;
        me = geteuid();
        snprintf(dir, sizeof dir, "/tmp/test_ours.XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(passwd, sizeof passwd, "%s/passwd", dir);
        snprintf(root_table, sizeof root_table, "%s/root-users", dir);
        snprintf(table, sizeof table, "%s/users", dir);
        paths = (struct ours_paths){passwd, root_table, table, &me, 1};
        put_text(passwd, "root:x:0:0:root:/root:/bin/bash\n"
                         "toor:x:0:0:also root:/root:/bin/bash\n"
                         "local:x:1000:1001:Local:/home/local:/bin/bash\n"
                         "bound:x:1002:1003::/home/bound:/bin/bash\n"
                         "nothing:x:y:z::/:\n"
                         "last:x:1004:1004::/home/last:/bin/sh");
        add(root_table, TABLE_LOCAL, "bound", TABLE_UID_NONE);
        add(root_table, TABLE_LOCAL, "toor", TABLE_UID_NONE);
        add(root_table, TABLE_LOCAL, "root", TABLE_UID_NONE);
        add(root_table, TABLE_LOCAL, "ghost", TABLE_UID_NONE);
        add(table, TABLE_FEDERATED, "alice", TABLE_UID_MIN + 7);
        add(table, TABLE_FEDERATED, "local", TABLE_UID_MIN + 8);
        add(table, TABLE_FEDERATED, "root", TABLE_UID_MIN + 9);
        add(table, TABLE_FEDERATED, "toor", TABLE_UID_MIN + 10);
        return 0;
}

static int gone(void **state)
{
        static const char *const names[] = {
                "passwd", "users", "users.lock", "root-users", "root-users.lock", "away", NULL};

        (void)state;
        for (int i = 0; names[i]; i++) {
                char path[160];

                snprintf(path, sizeof path, "%s/%s", dir, names[i]);
                unlink(path);
        }
        return rmdir(dir);
}

static enum ours kind(const char *name)
{
        struct ours_user u;

        ours_find(&u, &paths, name);
        return u.kind;
}

static void each_kind_of_user(void **state)
{
        struct ours_user u;

        (void)state;
        ours_find(&u, &paths, "alice");
        assert_int_equal(u.kind, OURS_FEDERATED);
        assert_int_equal(u.uid, TABLE_UID_MIN + 7);
        ours_find(&u, &paths, "bound");
        assert_int_equal(u.kind, OURS_LOCAL);
        assert_int_equal(u.uid, 1002);
        assert_int_equal(u.gid, 1003);
        assert_string_equal(u.entry.subject, "subject-of-bound");
        assert_int_equal(kind("last"), OURS_NOT);
        assert_int_equal(kind("stranger"), OURS_NOT);
        assert_int_equal(kind("ghost"), OURS_NOT); // root's table binds local users, and he is none
}

// CVE-2025-49012 and its kind: a name in valetkeyd's table never reaches a local user, root least of all.
static void a_local_name_wins_over_the_daemons_table(void **state)
{
        (void)state;
        assert_int_equal(kind("local"), OURS_NOT);
        assert_int_equal(kind("root"), OURS_NOT);
        assert_int_equal(kind("toor"), OURS_NOT); // uid 0 under another name, and in both tables
}

// Whom the provider no longer stands for is refused, a lock counts more, and a local user is the admin's.
static void a_refusal_of_the_provider_counts(void **state)
{
        struct ours_user u = {
                .kind = OURS_FEDERATED, .entry = {.refused_at_s = 1800000000, .last_success_s = 1800000000}};

        (void)state;
        assert_int_equal(ours_standing(&u, 1800000001, 0), STANDING_REFUSED);
        assert_int_equal(ours_standing(&u, 1800000001, 3600), STANDING_REFUSED);
        u.entry.flags = TABLE_USER_LOCKED;
        assert_int_equal(ours_standing(&u, 1800000001, 0), STANDING_LOCKED);
        u.entry.flags = 0;
        u.kind = OURS_LOCAL;
        assert_int_equal(ours_standing(&u, 1800000001, 0), STANDING_GOOD);
        u.kind = OURS_FEDERATED;
        u.entry.refused_at_s = 0;
        assert_int_equal(ours_standing(&u, 1800000001, 0), STANDING_GOOD);
}

static void names_that_cannot_be_ours(void **state)
{
        static const char *const names[] = {"", "Alice", "alice\n", "al:ice",
                "pam_unix_non_existent:", "../alice", "alice.", "a..b", "-alice", "1alice", " alice",
                "alice ",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                assert_int_equal(kind(names[i]), OURS_NOT);
}

static void with_file_away(const char *path, void (*check)(void))
{
        char away[160];

        snprintf(away, sizeof away, "%s/away", dir);
        assert_int_equal(rename(path, away), 0);
        check();
        assert_int_equal(rename(away, path), 0);
}

static void broken_daemon_table(void)
{
        assert_int_equal(kind("root"), OURS_NOT);
        assert_int_equal(kind("local"), OURS_NOT);
        assert_int_equal(kind("bound"), OURS_LOCAL);
        assert_int_equal(kind("alice"), OURS_UNKNOWN);
        assert_int_equal(kind("stranger"), OURS_UNKNOWN);
}

static void broken_root_table(void)
{
        assert_int_equal(kind("root"), OURS_NOT);
        assert_int_equal(kind("local"), OURS_NOT);
        assert_int_equal(kind("bound"), OURS_NOT);
        assert_int_equal(kind("alice"), OURS_FEDERATED);
}

static void no_passwd(void)
{
        assert_int_equal(kind("root"), OURS_NOT);
        assert_int_equal(kind("local"), OURS_UNKNOWN);
        assert_int_equal(kind("alice"), OURS_UNKNOWN); // perhaps he is local: who can tell?
}

static void a_missing_file_stops_only_whom_it_must(void **state)
{
        (void)state;
        with_file_away(table, broken_daemon_table);
        with_file_away(root_table, broken_root_table);
        with_file_away(passwd, no_passwd);
}

static void an_unsafe_file_counts_as_broken(void **state)
{
        struct ours_user u;

        (void)state;
        chmod(table, 0666);
        broken_daemon_table();
        ours_find(&u, &paths, "alice");
        assert_int_equal(u.fault, TABLE_E_UNSAFE);
        assert_string_equal(u.fault_path, table);
        chmod(table, 0644);
        chmod(root_table, 0666);
        broken_root_table();
        ours_find(&u, &paths, "bound");
        assert_int_equal(u.fault, TABLE_E_UNSAFE);
        chmod(root_table, 0644);
}

static void a_corrupt_file_counts_as_broken(void **state)
{
        struct stat st;
        char last;
        int fd;

        (void)state;
        for (int i = 0; i < 2; i++) {
                const char *path = i ? root_table : table;

                assert_int_equal(stat(path, &st), 0);
                fd = open(path, O_RDWR | O_CLOEXEC);
                assert_int_equal(pread(fd, &last, 1, st.st_size - 1), 1);
                assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
                if (i)
                        broken_root_table();
                else
                        broken_daemon_table();
                assert_int_equal(pwrite(fd, &last, 1, st.st_size - 1), 1);
                close(fd);
        }
        each_kind_of_user(NULL);
}

static void standing_is_told_from_the_entry_alone(void **state)
{
        struct ours_user u = {.kind = OURS_FEDERATED};
        const int64_t now = 1800000000, day = 86400;

        (void)state;
        assert_int_equal(ours_standing(&u, now, 0), STANDING_GOOD);
        assert_int_equal(ours_standing(&u, now, day), STANDING_TOO_OLD); // never signed in
        u.entry.last_success_s = now - day;
        assert_int_equal(ours_standing(&u, now, day), STANDING_GOOD);
        assert_int_equal(ours_standing(&u, now + 1, day), STANDING_TOO_OLD);
        assert_int_equal(ours_standing(&u, now + 1, 0), STANDING_GOOD);
        u.entry.expires_at_s = now;
        assert_int_equal(ours_standing(&u, now - 1, 0), STANDING_GOOD);
        assert_int_equal(ours_standing(&u, now, 0), STANDING_EXPIRED);
        u.entry.flags = TABLE_USER_LOCKED;
        assert_int_equal(ours_standing(&u, now - 1, 0), STANDING_LOCKED);
        // A clock that stands before the last success would make everybody fresh for ever.
        u = (struct ours_user){.kind = OURS_FEDERATED, .entry.last_success_s = now};
        assert_int_equal(ours_standing(&u, now - day, day), STANDING_CLOCK_WRONG);
        assert_int_equal(ours_standing(&u, now - 60, day), STANDING_GOOD);
        assert_int_equal(ours_standing(&u, now - day, 0), STANDING_GOOD);
        u.entry.expires_at_s = now + day;
        assert_int_equal(ours_standing(&u, now - day, 0), STANDING_CLOCK_WRONG);
        // The stricter of the module's and the table's limit counts.
        u = (struct ours_user){.kind = OURS_FEDERATED, .max_offline_age_s = day, .entry.last_success_s = now};
        assert_int_equal(ours_standing(&u, now + day + 1, 0), STANDING_TOO_OLD);
        assert_int_equal(ours_standing(&u, now + day + 1, 2 * day), STANDING_TOO_OLD);
        assert_int_equal(ours_standing(&u, now + day, 2 * day), STANDING_GOOD);
        assert_int_equal(ours_standing(&u, now + day, day / 2), STANDING_TOO_OLD);
        u = (struct ours_user){.kind = OURS_LOCAL};
        assert_int_equal(ours_standing(&u, now, day), STANDING_GOOD);
        u.entry.flags = TABLE_USER_LOCKED;
        assert_int_equal(ours_standing(&u, now, 0), STANDING_LOCKED);
}

static void passwd_lines_of_every_shape(void **state)
{
        struct local_user l;
        char path[96];
        FILE *f;

        (void)state;
        snprintf(path, sizeof path, "%s/away", dir);
        f = fopen(path, "we");
        assert_non_null(f);
        for (int i = 0; i < 100000; i++)
                fputc('x', f);
        fputs("\n\n:::\nalic:x:1:1::/:\nalice2:x:2:2::/:\nalice\nalice:x\nalice:x:99999999999999999999:1::/"
              ":\n"
              "alice:x:-1:1::/:\nalice:x:4294967296:1::/:\nalice:x:77:78::/home/alice:/bin/sh\nalice:x:5:5::/"
              ":\n",
                f);
        fclose(f);
        assert_int_equal(local_find(path, "alice", &l), 0);
        assert_int_equal(l.uid, 77);
        assert_int_equal(l.gid, 78);
        assert_int_equal(local_find(path, "ali", &l), LOCAL_E_NOT_FOUND);
        assert_int_equal(local_find(path, "", &l), LOCAL_E_NOT_FOUND);
        assert_int_equal(local_find(passwd, "last", &l), 0); // no newline at the end of the file
        assert_int_equal(l.uid, 1004);
        assert_int_equal(local_find(dir, "alice", &l), -EISDIR);
        assert_int_equal(local_find("/nonexistent/passwd", "alice", &l), -ENOENT);
        unlink(path);
}

static bool count(void *arg, const struct local_entry *e)
{
        unsigned *n = arg;

        if (strcmp(e->name, "alice") == 0 && e->id != 770000) {
                assert_int_equal(e->id, 77);
                (*n)++;
        }
        return false;
}

// Wherever a long line is cut for reading: what follows the cut is not the beginning of a line, and no number ends there.
static void lines_that_are_longer_than_what_is_read_at_once(void **state)
{
        char path[96];

        (void)state;
        snprintf(path, sizeof path, "%s/away", dir);
        for (int pad = 4080; pad < 4110; pad++) {
                FILE *f = fopen(path, "we");
                unsigned n = 0;

                assert_non_null(f);
                for (int i = 0; i < pad; i++)
                        fputc('x', f);
                fputs("alice:x:0:0::/:\nalice:x:77:78::/:\n", f);
                fprintf(f, "alice:%*s:770000:0::/:\n", pad, "");
                fputs("alice:x:77:78\n\talice:x:77:0:", f);
                fclose(f);
                assert_int_equal(local_each(path, LOCAL_FILE_GROUP, count, &n), 0);
                assert_int_equal(n, 3);
        }
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_kind_of_user),
                cmocka_unit_test(a_local_name_wins_over_the_daemons_table),
                cmocka_unit_test(a_refusal_of_the_provider_counts),
                cmocka_unit_test(names_that_cannot_be_ours),
                cmocka_unit_test(a_missing_file_stops_only_whom_it_must),
                cmocka_unit_test(an_unsafe_file_counts_as_broken),
                cmocka_unit_test(a_corrupt_file_counts_as_broken),
                cmocka_unit_test(standing_is_told_from_the_entry_alone),
                cmocka_unit_test(passwd_lines_of_every_shape),
                cmocka_unit_test(lines_that_are_longer_than_what_is_read_at_once),
        };

        return cmocka_run_group_tests(tests, world, gone);
}
