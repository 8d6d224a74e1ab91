// SPDX-License-Identifier: Apache-2.0
//
// The user table: what was written is what is read; what is damaged says so and is never "no such user" nor
// another user; ids outside our range do not pass either end.
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
#include <sys/wait.h>

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
        snprintf(dir, sizeof dir, "/tmp/test_table.XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int gone(void **state)
{
        (void)state;
        unlink(at("users"));
        unlink(at("users.lock"));
        unlink(at("users.new"));
        unlink(at("other"));
        return rmdir(dir);
}

static struct table_user user(const char *name, uint32_t i)
{
        struct table_user u = {.uid = TABLE_UID_MIN + i, .gid = TABLE_UID_MIN + i};

        snprintf(u.name, sizeof u.name, "%s", name);
        snprintf(u.issuer, sizeof u.issuer, "https://login.example.com");
        snprintf(u.subject, sizeof u.subject, "subject-%u", i);
        snprintf(u.display, sizeof u.display, "Number %u", i);
        snprintf(u.home, sizeof u.home, "/home/%s", name);
        snprintf(u.shell, sizeof u.shell, "/bin/bash");
        return u;
}

static struct table_edit *begin(void)
{
        struct table_edit *e = NULL;

        assert_int_equal(table_edit_begin(&e, at("users"), TABLE_FEDERATED, &me, 1, 0), 0);
        return e;
}

static void write_users(unsigned n)
{
        struct table_edit *e = begin();

        for (unsigned i = 0; i < n; i++) {
                char name[16];
                struct table_user u;

                snprintf(name, sizeof name, "user%u", i);
                u = user(name, i);
                u.last_success_s = 1000 + i;
                assert_int_equal(table_edit_add(e, &u), 0);
        }
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

static int open_users(struct table *t)
{
        return table_open(t, at("users"), TABLE_FEDERATED, &me, 1);
}

static void every_user_is_found_by_name_and_uid(void **state)
{
        static const unsigned sizes[] = {0, 1, 2, 3, 100, 5000};
        struct table_user u;
        struct table t;

        (void)state;
        for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
                uint64_t cursor = 0;
                unsigned walked = 0;

                unlink(at("users"));
                write_users(sizes[k]);
                assert_int_equal(open_users(&t), 0);
                assert_int_equal(t.n_users, sizes[k]);
                for (unsigned i = 0; i < sizes[k]; i++) {
                        char name[16];
                        struct table_user want;

                        snprintf(name, sizeof name, "user%u", i);
                        want = user(name, i);
                        want.last_success_s = 1000 + i;
                        assert_int_equal(table_find_name(&t, name, &u), 0);
                        assert_memory_equal(&u, &want, sizeof u);
                        assert_int_equal(table_find_uid(&t, TABLE_UID_MIN + i, &u), 0);
                        assert_string_equal(u.name, name);
                }
                assert_int_equal(table_find_name(&t, "nobody-of-that-name", &u), TABLE_E_NOT_FOUND);
                assert_int_equal(table_find_name(&t, "", &u), TABLE_E_NOT_FOUND);
                assert_int_equal(table_find_uid(&t, TABLE_UID_MIN + sizes[k], &u), TABLE_E_NOT_FOUND);
                assert_int_equal(table_find_uid(&t, 0, &u), TABLE_E_NOT_FOUND);
                assert_int_equal(table_find_uid(&t, UINT32_MAX, &u), TABLE_E_NOT_FOUND);
                while (table_next(&t, &cursor, &u) == 0)
                        walked++;
                assert_int_equal(walked, sizes[k]);
                table_close(&t);
                table_close(&t);
        }
}

// CVE-2025-5689 (gid left 0), GHSA-6gp8-pp9v-gx45 (an id of the system's): refused by the encoder…
static void ids_out_of_range_are_not_written(void **state)
{
        static const uint32_t bad[] = {0, 1, 999, 1000, 61184, 65534, 65535, TABLE_UID_MIN - 1,
                TABLE_UID_MAX + 1, 0x80000000u, UINT32_MAX};
        struct table_edit *e = begin();

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct table_user u = user("alice", 1);

                u.uid = bad[i];
                assert_int_equal(table_edit_add(e, &u), TABLE_E_INVALID);
                u = user("alice", 1);
                u.gid = bad[i];
                assert_int_equal(table_edit_add(e, &u), TABLE_E_INVALID);
        }
        table_edit_free(e);
}

// …and by the decoder, whoever wrote the file and however right its checksums are.
static void ids_out_of_range_are_not_read(void **state)
{
        uint8_t p[TABLE_RECORD_MAX];
        struct table_user u = user("alice", 1), got;
        size_t n = table_record_encode(p, &u, TABLE_FEDERATED);

        (void)state;
        assert_true(n > 0);
        assert_true(table_record_decode(&got, p, n, TABLE_FEDERATED));
        for (int field = 8; field <= 12; field += 4) {
                static const uint32_t bad[] = {
                        0, 1000, 65534, TABLE_UID_MIN - 1, TABLE_UID_MAX + 1, UINT32_MAX};

                for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                        uint8_t q[TABLE_RECORD_MAX];

                        memcpy(q, p, n);
                        table_put32(q + field, bad[i]);
                        table_put32(q + 4, table_crc(table_crc(0, q, 4), q + 8, n - 8));
                        assert_false(table_record_decode(&got, q, n, TABLE_FEDERATED));
                }
        }
        assert_false(table_record_decode(&got, p, n, TABLE_LOCAL));
        u.uid = u.gid = TABLE_UID_NONE;
        n = table_record_encode(p, &u, TABLE_LOCAL);
        assert_true(n > 0);
        assert_true(table_record_decode(&got, p, n, TABLE_LOCAL));
        assert_false(table_record_decode(&got, p, n, TABLE_FEDERATED));
}

// GHSA-x259-23ph-65m5: what would break a passwd line, a path or a log never gets in.
static void values_that_would_break_a_line_are_refused(void **state)
{
        struct table_edit *e = begin();
        struct table_user u;

        (void)state;
#define REFUSED(field, text)                                                                                 \
        do {                                                                                                 \
                u = user("alice", 1);                                                                        \
                snprintf(u.field, sizeof u.field, "%s", text);                                               \
                assert_int_equal(table_edit_add(e, &u), TABLE_E_INVALID);                                    \
        } while (0)
        REFUSED(name, "");
        REFUSED(name, "Alice");
        REFUSED(name, "al:ice");
        REFUSED(name, "al\nice");
        REFUSED(name, "../etc");
        REFUSED(display, "a:b");
        REFUSED(display, "a\nroot::0:0::/:/bin/sh");
        REFUSED(home, "home/alice");
        REFUSED(home, "");
        REFUSED(home, "/home/a:b");
        REFUSED(shell, "/bin/sh\n");
        REFUSED(shell, "");
        REFUSED(issuer, "");
        REFUSED(issuer, "https://a b");
        REFUSED(subject, "a\nb");
        REFUSED(subject, "\xff");
        u = user("alice", 1);
        u.flags = 1u << 31;
        assert_int_equal(table_edit_add(e, &u), TABLE_E_INVALID);
        u = user("alice", 1);
        u.expires_at_s = -1;
        assert_int_equal(table_edit_add(e, &u), TABLE_E_INVALID);
        table_edit_free(e);
}

static int add_and_commit(const struct table_user *u)
{
        struct table_edit *e = begin();
        int r = table_edit_add(e, u);

        if (r == 0)
                r = table_edit_commit(e);
        table_edit_free(e);
        return r;
}

static void nothing_is_there_twice(void **state)
{
        struct table_user a = user("alice", 1), u;
        struct table t;

        (void)state;
        unlink(at("users"));
        assert_int_equal(add_and_commit(&a), 0);
        u = user("alice", 2);
        assert_int_equal(add_and_commit(&u), TABLE_E_DUPLICATE);
        u = user("bob", 2);
        u.uid = a.uid;
        assert_int_equal(add_and_commit(&u), TABLE_E_DUPLICATE);
        u = user("bob", 2);
        strcpy(u.subject, a.subject);
        assert_int_equal(add_and_commit(&u), TABLE_E_DUPLICATE);
        strcpy(u.issuer, "https://elsewhere.example.com");
        assert_int_equal(add_and_commit(&u), 0);
        // Two that are not bound yet are not the same one.
        u = user("carol", 3);
        u.subject[0] = 0;
        assert_int_equal(add_and_commit(&u), 0);
        u = user("dave", 4);
        u.subject[0] = 0;
        assert_int_equal(add_and_commit(&u), 0);
        assert_int_equal(open_users(&t), 0);
        assert_int_equal(t.n_users, 4);
        table_close(&t);
}

static void entries_change_and_go(void **state)
{
        struct table_edit *e;
        struct table_user u;
        struct table t;
        uint64_t serial;

        (void)state;
        unlink(at("users"));
        write_users(10);
        assert_int_equal(open_users(&t), 0);
        serial = t.serial;
        table_close(&t);
        e = begin();
        assert_int_equal(table_edit_get(e, "user3", &u), 0);
        u.flags |= TABLE_USER_LOCKED;
        assert_int_equal(table_edit_replace(e, &u), 0);
        assert_int_equal(table_edit_remove(e, "user4"), 0);
        assert_int_equal(table_edit_remove(e, "user4"), TABLE_E_NOT_FOUND);
        assert_int_equal(table_edit_get(e, "user4", &u), TABLE_E_NOT_FOUND);
        u = user("nobody", 90);
        assert_int_equal(table_edit_replace(e, &u), TABLE_E_NOT_FOUND);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
        assert_int_equal(open_users(&t), 0);
        assert_true(t.serial > serial);
        assert_int_equal(table_find_name(&t, "user3", &u), 0);
        assert_int_equal(u.flags, TABLE_USER_LOCKED);
        assert_int_equal(table_find_name(&t, "user4", &u), TABLE_E_NOT_FOUND);
        assert_int_equal(table_find_name(&t, "user9", &u), 0);
        table_close(&t);
}

// A reader that does not know of refusals must not let in whom they are about: it refuses the whole record.
static void a_refusal_is_kept_and_an_old_reader_refuses_it(void **state)
{
        uint8_t with[TABLE_RECORD_MAX], without[TABLE_RECORD_MAX];
        struct table_user u = user("alice", 1), got = {0};
        size_t n, m;

        (void)state;
        m = table_record_encode(without, &u, TABLE_FEDERATED);
        u.refused_at_s = 1800000000;
        n = table_record_encode(with, &u, TABLE_FEDERATED);
        assert_int_equal(n, m + 8);
        assert_true(table_get32(with + 16) & TABLE_USER_REFUSED);
        assert_true(table_record_decode(&got, with, n, TABLE_FEDERATED));
        assert_int_equal(got.refused_at_s, u.refused_at_s);
        assert_int_equal(got.flags, u.flags);
        assert_string_equal(got.shell, u.shell);
        for (size_t cut = 1; cut <= 8; cut++)
                assert_false(table_record_decode(&got, with, n - cut, TABLE_FEDERATED));
        u.refused_at_s = -1;
        assert_int_equal(table_record_encode(with, &u, TABLE_FEDERATED), 0);
        u.refused_at_s = 0;
        u.flags |= TABLE_USER_REFUSED; // of the file, not of the struct
        assert_int_equal(table_record_encode(with, &u, TABLE_FEDERATED), 0);
}

static void the_longest_age_is_kept_through_other_changes(void **state)
{
        struct table_edit *e;
        struct table_user u = user("late", 50);
        struct table t;

        (void)state;
        unlink(at("users"));
        e = begin();
        assert_int_equal(table_edit_max_offline_age(e), 0);
        table_edit_set_max_offline_age(e, 86400);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
        assert_int_equal(add_and_commit(&u), 0);
        assert_int_equal(open_users(&t), 0);
        assert_int_equal(t.max_offline_age_s, 86400);
        assert_int_equal(t.n_users, 1);
        table_close(&t);
}

static size_t slurp(const char *path, uint8_t *p, size_t max)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, p, max);

        close(fd);
        assert_true(n > 0);
        return (size_t)n;
}

static void spill(const char *path, const uint8_t *p, size_t n)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_int_equal(write(fd, p, n), n);
        close(fd);
}

// What may be answered about a user who is there: himself to the byte, or "corrupt".
static void right_or_corrupt(int r, const struct table_user *got, const struct table_user *want)
{
        if (r == 0)
                assert_memory_equal(got, want, sizeof *got);
        else
                assert_int_equal(r, TABLE_E_CORRUPT);
}

static void look_everywhere(unsigned n, unsigned *right)
{
        struct table_user u, want;
        struct table t;
        int r = open_users(&t);

        if (r != 0) {
                assert_int_equal(r, TABLE_E_CORRUPT);
                return;
        }
        for (unsigned i = 0; i < n; i++) {
                char name[16];

                snprintf(name, sizeof name, "user%u", i);
                want = user(name, i);
                want.last_success_s = 1000 + i;
                r = table_find_name(&t, name, &u);
                right_or_corrupt(r, &u, &want);
                *right += r == 0;
                r = table_find_uid(&t, want.uid, &u);
                right_or_corrupt(r, &u, &want);
        }
        r = table_find_name(&t, "stranger", &u);
        assert_true(r == TABLE_E_NOT_FOUND || r == TABLE_E_CORRUPT);
        table_close(&t);
}

static void any_damaged_byte_reads_as_corrupt_or_does_not_matter(void **state)
{
        uint8_t good[4096], bad[4096];
        unsigned right = 0;
        size_t n;

        (void)state;
        unlink(at("users"));
        write_users(5);
        n = slurp(at("users"), good, sizeof good);
        for (size_t i = 0; i < n; i++) {
                static const uint8_t flips[] = {0x01, 0x80, 0xff};

                for (size_t k = 0; k < ARRAY_SIZE(flips); k++) {
                        memcpy(bad, good, n);
                        bad[i] ^= flips[k];
                        spill(at("users"), bad, n);
                        look_everywhere(5, &right);
                }
        }
        // Damage in one record or bucket leaves the others readable.
        assert_true(right > n * 3 * 2);
}

static void any_cut_reads_as_corrupt(void **state)
{
        uint8_t good[4096];
        unsigned right = 0;
        struct table t;
        size_t n;

        (void)state;
        unlink(at("users"));
        write_users(5);
        n = slurp(at("users"), good, sizeof good);
        for (size_t i = 0; i < n; i++) {
                spill(at("users"), good, i);
                assert_int_equal(open_users(&t), TABLE_E_CORRUPT);
        }
        memset(good + n, 0, 8);
        spill(at("users"), good, n + 8);
        assert_int_equal(open_users(&t), TABLE_E_CORRUPT);
        spill(at("users"), good, n);
        look_everywhere(5, &right);
        assert_int_equal(right, 5);
}

// A mapping would end the process that reads here; what is read with pread() only ends early.
static void a_file_that_shrinks_under_the_reader_is_corrupt(void **state)
{
        struct table_user u;
        struct table t;

        (void)state;
        unlink(at("users"));
        write_users(100);
        assert_int_equal(open_users(&t), 0);
        assert_int_equal(truncate(at("users"), 200), 0);
        assert_int_equal(table_find_name(&t, "user7", &u), TABLE_E_CORRUPT);
        assert_int_equal(table_find_uid(&t, TABLE_UID_MIN + 7, &u), TABLE_E_CORRUPT);
        table_close(&t);
}

static void only_the_right_file_is_opened(void **state)
{
        uid_t other = me + 1;
        struct table t;

        (void)state;
        unlink(at("users"));
        assert_int_equal(open_users(&t), TABLE_E_MISSING);
        assert_int_equal(table_open(&t, at("none/users"), TABLE_FEDERATED, &me, 1), TABLE_E_MISSING);
        write_users(1);
        assert_int_equal(open_users(&t), 0);
        table_close(&t);
        assert_int_equal(table_open(&t, at("users"), TABLE_LOCAL, &me, 1), TABLE_E_CORRUPT);
        assert_int_equal(table_open(&t, at("users"), TABLE_FEDERATED, &other, 1), TABLE_E_UNSAFE);
        assert_int_equal(table_open(&t, at("users"), TABLE_FEDERATED, NULL, 0), TABLE_E_UNSAFE);
        chmod(at("users"), 0664);
        assert_int_equal(open_users(&t), TABLE_E_UNSAFE);
        chmod(at("users"), 0646);
        assert_int_equal(open_users(&t), TABLE_E_UNSAFE);
        assert_int_equal(rename(at("users"), at("other")), 0);
        assert_int_equal(symlink("other", at("users")), 0);
        assert_int_equal(open_users(&t), TABLE_E_UNSAFE);
        unlink(at("users"));
        assert_int_equal(mkfifo(at("users"), 0600), 0);
        assert_int_equal(open_users(&t), TABLE_E_UNSAFE); // and does not wait for a writer
        unlink(at("users"));
        assert_int_equal(mkdir(at("users"), 0700), 0);
        assert_int_equal(open_users(&t), TABLE_E_UNSAFE);
        rmdir(at("users"));
        unlink(at("other"));
}

static void a_damaged_table_is_not_written_over(void **state)
{
        uint8_t good[4096];
        struct table_edit *e = NULL;
        size_t n;

        (void)state;
        unlink(at("users"));
        write_users(5);
        n = slurp(at("users"), good, sizeof good);
        good[n / 3] ^= 1; // in a record
        spill(at("users"), good, n);
        assert_int_equal(table_edit_begin(&e, at("users"), TABLE_FEDERATED, &me, 1, 0), TABLE_E_CORRUPT);
        assert_null(e);
}

static void writers_wait_for_each_other(void **state)
{
        struct table_edit *e, *second = NULL;
        struct stat st;

        (void)state;
        unlink(at("users"));
        e = begin();
        assert_int_equal(table_edit_begin(&second, at("users"), TABLE_FEDERATED, &me, 1, 30), TABLE_E_BUSY);
        assert_int_equal(stat(at("users.lock"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600); // nobody else can hold it
        table_edit_free(e);
        assert_int_equal(table_edit_begin(&second, at("users"), TABLE_FEDERATED, &me, 1, 0), 0);
        assert_int_equal(table_edit_commit(second), 0);
        table_edit_free(second);
        assert_int_equal(stat(at("users"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0644);
}

// The folder may be valetkeyd's, and root's edit gives the lock to the folder's owner: a link to somebody else's file in
// its place would be a gift of that file.
static void a_lock_that_is_more_than_a_lock_is_refused(void **state)
{
        struct table_edit *e = NULL;

        (void)state;
        unlink(at("users"));
        unlink(at("users.lock"));
        spill(at("shadow"), (const uint8_t *)"root:*:19000::::::\n", 19);
        assert_int_equal(link(at("shadow"), at("users.lock")), 0);
        assert_int_equal(table_edit_begin(&e, at("users"), TABLE_FEDERATED, &me, 1, 0), TABLE_E_UNSAFE);
        assert_int_equal(unlink(at("shadow")), 0); // the race: the other name has just gone
        assert_int_equal(table_edit_begin(&e, at("users"), TABLE_FEDERATED, &me, 1, 0), TABLE_E_UNSAFE);
        assert_int_equal(unlink(at("users.lock")), 0);
        table_edit_free(begin());
}

static void two_processes_lose_nothing(void **state)
{
        struct table t;
        pid_t pid[2];

        (void)state;
        unlink(at("users"));
        for (unsigned p = 0; p < 2; p++) {
                pid[p] = fork();
                if (pid[p] == 0) {
                        for (unsigned i = 0; i < 20; i++) {
                                struct table_edit *e = NULL;
                                struct table_user u;
                                char name[16];

                                snprintf(name, sizeof name, "p%u-%u", p, i);
                                u = user(name, p * 100 + i);
                                if (table_edit_begin(&e, at("users"), TABLE_FEDERATED, &me, 1, 20000) != 0 ||
                                        table_edit_add(e, &u) != 0 || table_edit_commit(e) != 0)
                                        _exit(1);
                                table_edit_free(e);
                        }
                        _exit(0);
                }
        }
        for (unsigned p = 0; p < 2; p++) {
                int status = -1;

                assert_int_equal(waitpid(pid[p], &status, 0), pid[p]);
                assert_int_equal(status, 0);
        }
        assert_int_equal(open_users(&t), 0);
        assert_int_equal(t.n_users, 40);
        table_close(&t);
}

static int rewrite(void)
{
        struct table_edit *e = NULL;
        struct table_user u = user("late", 50);
        int r = table_edit_begin(&e, at("users"), TABLE_FEDERATED, &me, 1, 0);

        if (r == 0)
                r = table_edit_add(e, &u);
        if (r == 0)
                r = table_edit_commit(e);
        table_edit_free(e);
        return r;
}

static void every_allocation_of_the_writer_may_fail(void **state)
{
        unsigned failed = 0;
        struct table t;
        int r = 0;

        (void)state;
        unlink(at("users"));
        write_users(20);
        FAULT_EACH(100, r = rewrite())
        {
                assert_int_equal(r, -ENOMEM);
                assert_int_equal(open_users(&t), 0);
                assert_int_equal(t.n_users, 20); // the old table stands
                table_close(&t);
                assert_int_equal(access(at("users.new"), F_OK), -1);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 5);
}

static void names_that_share_a_bucket_get_another_seed(void **state)
{
        // All hashes end alike under seed 0, which an empty table starts with: the writer must choose
        // another.
        struct table_edit *e = begin();
        struct table_user u;
        struct table t;
        unsigned found = 0;

        (void)state;
        unlink(at("users"));
        table_edit_free(e);
        e = begin();
        for (unsigned i = 0; found < TABLE_SLOTS_MAX + 10; i++) {
                char name[16];

                snprintf(name, sizeof name, "x%u", i);
                if ((table_hash(0, name, strlen(name)) & 127) != 5)
                        continue;
                u = user(name, i);
                assert_int_equal(table_edit_add(e, &u), 0);
                found++;
        }
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
        assert_int_equal(open_users(&t), 0);
        assert_int_not_equal(t.seed, 0);
        assert_int_equal(table_find_name(&t, u.name, &u), 0);
        table_close(&t);
}

static void checksums_are_zlibs_however_they_are_cut(void **state)
{
        const char text[] = "The quick brown fox jumps over the lazy dog";

        (void)state;
        assert_int_equal(table_crc(0, "123456789", 9), 0xcbf43926);
        assert_int_equal(table_crc(0, "", 0), 0);
        for (size_t i = 0; i < sizeof text; i++)
                assert_int_equal(table_crc(table_crc(0, text, i), text + i, sizeof text - 1 - i), 0x414fa339);
}

// Files made by tests/fuzz/make_table_seeds from the description of the format, not by our writer.
static void tables_of_another_writer(void **state)
{
        static const struct {
                const char *seed;
                int opened, alice; // what table_attach() and looking for alice say
        } rows[] = {
                {"empty", 0, TABLE_E_NOT_FOUND},
                {"two-users", 0, 0},
                {"forty-users", 0, TABLE_E_NOT_FOUND},
                {"locked", 0, 0},
                {"not-bound", 0, 0},
                {"unknown-section", 0, 0},
                {"max-offline-age", 0, 0},
                {"negative-max-offline-age", TABLE_E_CORRUPT, 0},
                {"local-kind", TABLE_E_CORRUPT, 0},
                {"half", TABLE_E_CORRUPT, 0},
                {"trailing-bytes", TABLE_E_CORRUPT, 0},
                {"uid-zero", 0, TABLE_E_CORRUPT},
                {"gid-zero", 0, TABLE_E_CORRUPT},
                {"uid-of-a-system-user", 0, TABLE_E_CORRUPT},
                {"unknown-flag", 0, TABLE_E_CORRUPT},
                {"newline-in-display", 0, TABLE_E_CORRUPT},
                {"colon-in-home", 0, TABLE_E_CORRUPT},
                {"too-long-subject", 0, TABLE_E_CORRUPT},
                {"record-of-another-name", 0, TABLE_E_NOT_FOUND},
        };
        struct table_user u;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct table t;
                char path[128];
                int fd;

                snprintf(path, sizeof path, "tests/fuzz/corpus/table/%s", rows[i].seed);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                assert_true(fd >= 0);
                assert_int_equal(table_attach(&t, fd, TABLE_FEDERATED), rows[i].opened);
                if (rows[i].opened == 0)
                        assert_int_equal(table_find_name(&t, "alice", &u), rows[i].alice);
                close(fd);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_user_is_found_by_name_and_uid),
                cmocka_unit_test(ids_out_of_range_are_not_written),
                cmocka_unit_test(ids_out_of_range_are_not_read),
                cmocka_unit_test(values_that_would_break_a_line_are_refused),
                cmocka_unit_test(nothing_is_there_twice),
                cmocka_unit_test(entries_change_and_go),
                cmocka_unit_test(a_refusal_is_kept_and_an_old_reader_refuses_it),
                cmocka_unit_test(the_longest_age_is_kept_through_other_changes),
                cmocka_unit_test(any_damaged_byte_reads_as_corrupt_or_does_not_matter),
                cmocka_unit_test(any_cut_reads_as_corrupt),
                cmocka_unit_test(a_file_that_shrinks_under_the_reader_is_corrupt),
                cmocka_unit_test(only_the_right_file_is_opened),
                cmocka_unit_test(a_damaged_table_is_not_written_over),
                cmocka_unit_test(writers_wait_for_each_other),
                cmocka_unit_test(a_lock_that_is_more_than_a_lock_is_refused),
                cmocka_unit_test(two_processes_lose_nothing),
                cmocka_unit_test(every_allocation_of_the_writer_may_fail),
                cmocka_unit_test(checksums_are_zlibs_however_they_are_cut),
                cmocka_unit_test(tables_of_another_writer),
                cmocka_unit_test(names_that_share_a_bucket_get_another_seed),
        };

        return cmocka_run_group_tests(tests, in_folder, gone);
}
