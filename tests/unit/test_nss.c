// SPDX-License-Identifier: Apache-2.0
//
// The NSS module's functions, called as libc calls them but for the paths: what they answer, what they never answer, and
// that they leave the process they are in as it was.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "group.h"
#include "initgroups.h"
#include "passwd.h"
#include "util.h"
#include "write.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ALICE   TABLE_UID_MIN
#define BOB     (TABLE_UID_MIN + 1)
#define ADMINS  (TABLE_UID_MIN + 1000)
#define READERS (TABLE_UID_MIN + 1001)

static char dir[64], table[96], passwd[96], group[96];
static const struct guest_paths at = {.table = table, .passwd = passwd, .group = group};
static uid_t me;

static int in_folder(void **state)
{
        (void)state;
        me = geteuid();
        snprintf(dir, sizeof dir, "/tmp/test_nss.XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(table, sizeof table, "%s/users", dir);
        snprintf(passwd, sizeof passwd, "%s/passwd", dir);
        snprintf(group, sizeof group, "%s/group", dir);
        return 0;
}

static int gone(void **state)
{
        static const char *const names[] = {"users", "users.lock", "passwd", "group"};
        char path[96];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                snprintf(path, sizeof path, "%s/%s", dir, names[i]);
                unlink(path);
        }
        return rmdir(dir);
}

static void write_text(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static void write_passwd(uid_t daemon, const char *others)
{
        char text[512];

        snprintf(text, sizeof text, "root:x:0:0::/root:/bin/bash\nvaletkey:x:%u:998::/:/bin/false\n%s",
                daemon, others);
        write_text(passwd, text);
}

static void add(struct table_edit *e, const char *name, uint32_t uid)
{
        struct table_user u = {
                .uid = uid, .gid = uid, .issuer = "https://login.example.com", .shell = "/bin/bash"};

        snprintf(u.name, sizeof u.name, "%s", name);
        snprintf(u.subject, sizeof u.subject, "subject-%u", uid);
        snprintf(u.display, sizeof u.display, "%s Example", name);
        snprintf(u.home, sizeof u.home, "/home/%s", name);
        assert_int_equal(table_edit_add(e, &u), 0);
}

static void set(struct table_edit *e, const char *user, size_t n, const uint32_t *gids)
{
        assert_int_equal(table_edit_set_groups_of(e, user, gids, n), 0);
}

static struct table_edit *begin(void)
{
        struct table_edit *e = NULL;

        assert_int_equal(table_edit_begin(&e, table, TABLE_FEDERATED, &me, 1, 5000), 0);
        return e;
}

static void commit(struct table_edit *e)
{
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

// alice and bob; alice in admins, both in readers; whoever is called ext-… is welcome.
static int fresh(void **state)
{
        const struct table_newcomers x = {.n = 1, .pattern = {"ext-*"}};
        struct table_edit *e;

        (void)state;
        unlink(table);
        write_passwd(me, "local:x:1000:1000::/home/local:/bin/bash\n");
        write_text(group, "root:x:0:\nplain:x:1000:local\n");
        e = begin();
        add(e, "alice", ALICE);
        add(e, "bob", BOB);
        assert_int_equal(table_edit_set_group(e, "admins", ADMINS), 0);
        assert_int_equal(table_edit_set_group(e, "readers", READERS), 0);
        set(e, "alice", 2, (const uint32_t[]){ADMINS, READERS});
        set(e, "bob", 1, (const uint32_t[]){READERS});
        assert_int_equal(table_edit_set_newcomers(e, &x), 0);
        commit(e);
        return 0;
}

static int by_name(const char *name)
{
        struct passwd p;
        char buf[1024];

        return passwd_by_name(&at, name, &p, buf, sizeof buf);
}

static int by_uid(uint32_t uid)
{
        struct passwd p;
        char buf[1024];

        return passwd_by_uid(&at, uid, &p, buf, sizeof buf);
}

static int group_name(const char *name)
{
        struct group g;
        char buf[1024];

        return group_by_name(&at, name, &g, buf, sizeof buf);
}

static int group_gid(uint32_t gid)
{
        struct group g;
        char buf[1024];

        return group_by_gid(&at, gid, &g, buf, sizeof buf);
}

static int groups_of(const char *name)
{
        struct table_membership m;

        return group_of_user(&at, name, &m);
}

static void a_user_is_found_by_name_and_uid(void **state)
{
        struct passwd p;
        char buf[1024];

        (void)state;
        for (int k = 0; k < 2; k++) {
                memset(&p, 0xff, sizeof p);
                if (k == 0)
                        assert_int_equal(passwd_by_name(&at, "alice", &p, buf, sizeof buf), 0);
                else
                        assert_int_equal(passwd_by_uid(&at, ALICE, &p, buf, sizeof buf), 0);
                assert_string_equal(p.pw_name, "alice");
                assert_string_equal(p.pw_passwd, "*");
                assert_int_equal(p.pw_uid, ALICE);
                assert_int_equal(p.pw_gid, ALICE);
                assert_string_equal(p.pw_gecos, "alice Example");
                assert_string_equal(p.pw_dir, "/home/alice");
                assert_string_equal(p.pw_shell, "/bin/bash");
        }
        assert_int_equal(by_name("carol"), TABLE_E_NOT_FOUND);
        assert_int_equal(by_uid(BOB + 1), TABLE_E_NOT_FOUND);
}

static void a_user_has_a_group_of_his_own(void **state)
{
        struct group g;
        char buf[1024];

        (void)state;
        for (int k = 0; k < 2; k++) {
                if (k == 0)
                        assert_int_equal(group_by_name(&at, "alice", &g, buf, sizeof buf), 0);
                else
                        assert_int_equal(group_by_gid(&at, ALICE, &g, buf, sizeof buf), 0);
                assert_string_equal(g.gr_name, "alice");
                assert_string_equal(g.gr_passwd, "*");
                assert_int_equal(g.gr_gid, ALICE);
                assert_null(g.gr_mem[0]);
        }
}

static void a_group_has_its_members(void **state)
{
        struct table_membership m;
        struct group g;
        char buf[1024];

        (void)state;
        for (int k = 0; k < 2; k++) {
                if (k == 0)
                        assert_int_equal(group_by_name(&at, "readers", &g, buf, sizeof buf), 0);
                else
                        assert_int_equal(group_by_gid(&at, READERS, &g, buf, sizeof buf), 0);
                assert_string_equal(g.gr_name, "readers");
                assert_string_equal(g.gr_passwd, "*");
                assert_int_equal(g.gr_gid, READERS);
                assert_string_equal(g.gr_mem[0], "alice");
                assert_string_equal(g.gr_mem[1], "bob");
                assert_null(g.gr_mem[2]);
        }
        assert_int_equal(group_of_user(&at, "alice", &m), 0);
        assert_int_equal(m.n_gids, 2);
        assert_int_equal(m.gids[0], ADMINS);
        assert_int_equal(m.gids[1], READERS);
        assert_int_equal(group_name("writers"), TABLE_E_NOT_FOUND);
        assert_int_equal(group_gid(READERS + 1), TABLE_E_NOT_FOUND);
        assert_int_equal(groups_of("carol"), TABLE_E_NOT_FOUND);
}

typedef int ask(char *buf, size_t n, void *result);

static int ask_passwd(char *buf, size_t n, void *result)
{
        return passwd_by_name(&at, "alice", result, buf, n);
}

static int ask_own_group(char *buf, size_t n, void *result)
{
        return group_by_gid(&at, ALICE, result, buf, n);
}

static int ask_group(char *buf, size_t n, void *result)
{
        return group_by_name(&at, "readers", result, buf, n);
}

// From no byte to more than enough, at every alignment: too small a buffer changes nothing, the first that is large enough
// does, and nothing is written behind it (blocks of exactly that size, for the sanitiser; a canary without it).
static void buffers_of_every_size(void **state)
{
        static ask *const asks[] = {ask_passwd, ask_own_group, ask_group};
        static const size_t results[] = {sizeof(struct passwd), sizeof(struct group), sizeof(struct group)};

        (void)state;
        for (size_t k = 0; k < ARRAY_SIZE(asks); k++)
                for (size_t shift = 0; shift < 16; shift++) {
                        size_t enough = 0;

                        for (size_t n = 0; n < 160; n++) {
                                uint8_t result[128], before[128];
                                char *buf = malloc(shift + n + 8);
                                int r;

                                assert_non_null(buf);
                                memset(buf, 0x5a, shift + n + 8);
                                memset(result, 0xa5, sizeof result);
                                memcpy(before, result, sizeof before);
                                r = asks[k](buf + shift, n, result);
                                if (r == 0 && !enough)
                                        enough = n;
                                assert_int_equal(r, enough ? 0 : -ERANGE);
                                if (r != 0)
                                        assert_memory_equal(result, before, results[k]);
                                for (size_t i = 0; i < shift; i++)
                                        assert_int_equal(buf[i], 0x5a);
                                for (size_t i = 0; i < 8; i++)
                                        assert_int_equal(buf[shift + n + i], 0x5a);
                                if (r == 0 && k > 0)
                                        assert_int_equal((uintptr_t)((struct group *)(void *)result)->gr_mem %
                                                                 _Alignof(char *),
                                                0);
                                free(buf);
                        }
                        assert_in_range(enough, 8, 120);
                }
}

// Decided before anything is opened: the files named here do not exist.
static void what_cannot_be_ours_is_not_looked_for(void **state)
{
        static const char *const names[] = {"", "root", "pam_unix_non_existent:", "Alice", "a:b", "a\nb",
                "../etc/passwd", "a b", "-", "+", "alice.", "systemd-network", "_apt", "docker", "sudo",
                "valetkey", "nobody", "a123456789012345678901234567890123456789012345678901234567890abcd",
                "\xc3\xa4"};
        static const uint32_t ids[] = {0, 1, 27, 999, 1000, 65534, 65535, TABLE_UID_MIN - 1,
                TABLE_UID_MAX + 1, INT32_MAX, 0x80000000u, UINT32_MAX};
        const struct guest_paths nowhere = {
                .table = "/nonexistent/t", .passwd = "/nonexistent/p", .group = "/nonexistent/g"};
        struct table_membership m;
        struct passwd p;
        struct group g;
        char buf[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                assert_int_equal(passwd_by_name(&nowhere, names[i], &p, buf, sizeof buf), TABLE_E_NOT_FOUND);
                assert_int_equal(group_by_name(&nowhere, names[i], &g, buf, sizeof buf), TABLE_E_NOT_FOUND);
                assert_int_equal(group_of_user(&nowhere, names[i], &m), TABLE_E_NOT_FOUND);
        }
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
                assert_int_equal(passwd_by_uid(&nowhere, ids[i], &p, buf, sizeof buf), TABLE_E_NOT_FOUND);
                assert_int_equal(group_by_gid(&nowhere, ids[i], &g, buf, sizeof buf), TABLE_E_NOT_FOUND);
        }
        assert_int_equal(passwd_by_name(&nowhere, "alice", &p, buf, sizeof buf), TABLE_E_MISSING);
}

// CVE-2025-49012 and its kind, of NSS: a local name means the local user, by whatever question.
static void a_local_users_name_is_never_ours(void **state)
{
        struct table_membership m;
        struct group g;
        char buf[256];

        (void)state;
        write_passwd(me, "  alice:x:1001:1001::/home/alice:/bin/bash\n");
        assert_int_equal(by_name("alice"), TABLE_E_NOT_FOUND);
        assert_int_equal(by_uid(ALICE), TABLE_E_NOT_FOUND);
        assert_int_equal(group_name("alice"), TABLE_E_NOT_FOUND);
        assert_int_equal(group_gid(ALICE), TABLE_E_NOT_FOUND);
        // the local alice does not get the groups of ours, nor is she named as a member of them
        assert_int_equal(group_of_user(&at, "alice", &m), TABLE_E_NOT_FOUND);
        assert_int_equal(group_by_name(&at, "readers", &g, buf, sizeof buf), 0);
        assert_string_equal(g.gr_mem[0], "bob");
        assert_null(g.gr_mem[1]);
        assert_int_equal(group_by_name(&at, "admins", &g, buf, sizeof buf), 0);
        assert_null(g.gr_mem[0]);
        assert_int_equal(by_name("bob"), 0);
}

// sudo asks for the name of every gid that its caller has, and goes by it: %wheelers in sudoers is the local group.
static void a_local_groups_name_is_never_ours(void **state)
{
        (void)state;
        write_text(group, "root:x:0:\nreaders:x:50:\nbob:x:51:\n");
        assert_int_equal(group_name("readers"), TABLE_E_NOT_FOUND);
        assert_int_equal(group_gid(READERS), TABLE_E_NOT_FOUND);
        assert_int_equal(group_name("bob"), TABLE_E_NOT_FOUND);
        assert_int_equal(group_gid(BOB), TABLE_E_NOT_FOUND);
        assert_int_equal(by_name("bob"), 0);
        assert_int_equal(group_gid(ADMINS), 0);
}

// Whoever takes valetkeyd over may write what he likes into its table: not even then is there a user "docker".
static void names_of_the_systems_accounts_are_nobodys(void **state)
{
        struct table_edit *e;

        (void)state;
        unlink(table);
        e = begin();
        add(e, "docker", ALICE);
        assert_int_equal(table_edit_set_group(e, "sudo", ADMINS), 0);
        set(e, "docker", 1, (const uint32_t[]){ADMINS});
        commit(e);
        assert_int_equal(by_name("docker"), TABLE_E_NOT_FOUND);
        assert_int_equal(by_uid(ALICE), TABLE_E_NOT_FOUND);
        assert_int_equal(group_name("sudo"), TABLE_E_NOT_FOUND);
        assert_int_equal(group_gid(ADMINS), TABLE_E_NOT_FOUND);
        assert_int_equal(group_gid(ALICE), TABLE_E_NOT_FOUND);
        assert_int_equal(groups_of("docker"), TABLE_E_NOT_FOUND);
}

static void every_question(int want_known, int want_unknown)
{
        assert_int_equal(by_name("alice"), want_known);
        assert_int_equal(by_uid(ALICE), want_known);
        assert_int_equal(group_name("alice"), want_known);
        assert_int_equal(group_gid(READERS), want_known);
        assert_int_equal(groups_of("alice"), want_known);
        assert_int_equal(by_name("carol"), want_unknown);
        assert_int_equal(by_uid(BOB + 7), want_unknown);
        assert_int_equal(group_name("carol"), want_unknown);
        assert_int_equal(group_gid(READERS + 7), want_unknown);
        assert_int_equal(groups_of("carol"), want_unknown);
}

// A table of somebody else's is believed in nothing, its "no" included.
static void a_table_that_is_not_ours_is_not_believed(void **state)
{
        (void)state;
        every_question(0, TABLE_E_NOT_FOUND);
        chmod(table, 0664);
        every_question(TABLE_E_UNSAFE, TABLE_E_UNSAFE);
        chmod(table, 0646);
        every_question(TABLE_E_UNSAFE, TABLE_E_UNSAFE);
        chmod(table, 0644);
        if (me == 0) {
                assert_int_equal(chown(table, 4321, 0), 0);
                every_question(TABLE_E_UNSAFE, TABLE_E_UNSAFE);
                write_passwd(4321, "");
                every_question(0, TABLE_E_NOT_FOUND);
        } else {
                write_passwd(me + 1, "");
                every_question(TABLE_E_UNSAFE, TABLE_E_UNSAFE);
        }
        unlink(passwd);
        every_question(-ENOENT, -ENOENT);
}

static void a_table_that_is_broken_says_so(void **state)
{
        struct stat st;

        (void)state;
        assert_int_equal(stat(table, &st), 0);
        assert_int_equal(truncate(table, st.st_size - 1), 0);
        every_question(TABLE_E_CORRUPT, TABLE_E_CORRUPT);
        assert_int_equal(truncate(table, 0), 0);
        every_question(TABLE_E_CORRUPT, TABLE_E_CORRUPT);
        unlink(table);
        every_question(TABLE_E_MISSING, TABLE_E_MISSING);
        assert_int_equal(symlink(passwd, table), 0);
        every_question(TABLE_E_UNSAFE, TABLE_E_UNSAFE);
        unlink(table);
        assert_int_equal(mkfifo(table, 0644), 0);
        every_question(TABLE_E_UNSAFE, TABLE_E_UNSAFE);
        unlink(table);
}

// Who may sign in without being in the table yet is nobody until he has: not even sshd is told of him (CVE-2025-5689).
static void a_newcomer_is_nobody_yet(void **state)
{
        struct table_edit *e;

        (void)state;
        assert_int_equal(by_name("ext-carol"), TABLE_E_NOT_FOUND);
        assert_int_equal(group_name("ext-carol"), TABLE_E_NOT_FOUND);
        assert_int_equal(groups_of("ext-carol"), TABLE_E_NOT_FOUND);
        e = begin();
        add(e, "ext-carol", BOB + 1);
        commit(e);
        assert_int_equal(by_name("ext-carol"), 0);
}

static void what_libc_is_told(void **state)
{
        static const struct {
                int r;
                enum nss_status status;
                int error;
        } rows[] = {
                {0, NSS_STATUS_SUCCESS, 77},
                {TABLE_E_NOT_FOUND, NSS_STATUS_NOTFOUND, ENOENT},
                {TABLE_E_MISSING, NSS_STATUS_UNAVAIL, ENOENT},
                {TABLE_E_UNSAFE, NSS_STATUS_UNAVAIL, ENOENT},
                {TABLE_E_CORRUPT, NSS_STATUS_UNAVAIL, ENOENT},
                {-EACCES, NSS_STATUS_UNAVAIL, ENOENT},
                {-EIO, NSS_STATUS_UNAVAIL, ENOENT},
                {-ERANGE, NSS_STATUS_TRYAGAIN, ERANGE},
                {-ENOMEM, NSS_STATUS_TRYAGAIN, ENOMEM},
                {-EMFILE, NSS_STATUS_TRYAGAIN, EMFILE},
                {-ENFILE, NSS_STATUS_TRYAGAIN, ENFILE},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct guest g;
                int error = 77, old;

                errno = ENOTTY;
                g = guest_enter();
                errno = EBADF;
                assert_int_equal(guest_leave(&g, rows[i].r, &error), rows[i].status);
                assert_int_equal(errno, ENOTTY);
                assert_int_equal(error, rows[i].error);
                // libc mostly hands over errno itself
                g = guest_enter();
                errno = EBADF;
                guest_leave(&g, rows[i].r, &errno);
                assert_int_equal(errno, rows[i].r ? rows[i].error : ENOTTY);
                // may be cancelled again
                pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
                assert_int_equal(old, PTHREAD_CANCEL_ENABLE);
        }
}

static unsigned open_descriptors(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static void no_descriptor_is_left_or_needed_for_long(void **state)
{
        unsigned before = open_descriptors();
        struct rlimit old, none;

        (void)state;
        every_question(0, TABLE_E_NOT_FOUND);
        assert_int_equal(truncate(table, 300), 0);
        every_question(TABLE_E_CORRUPT, TABLE_E_CORRUPT);
        fresh(NULL);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        // three are open, the table would be the fourth; then the table and no other file
        for (rlim_t more = 0; more < 2; more++) {
                int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

                close(fd);
                none = (struct rlimit){(rlim_t)fd + more, old.rlim_max};
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
                int r = by_name("alice");
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
                assert_int_equal(r, -EMFILE);
        }
        every_question(0, TABLE_E_NOT_FOUND);
        assert_int_equal(open_descriptors(), before);
}

// A host may have closed its standard streams: the table must not become its standard output.
static void standard_streams_are_not_stood_in_for(void **state)
{
        int status = -1;
        pid_t pid;

        (void)state;
        pid = fork();
        if (pid == 0) {
                close(0);
                close(1);
                close(2);
                _exit(by_name("alice") == 0 && by_uid(BOB) == 0 && fcntl(0, F_GETFD) < 0 &&
                                        fcntl(3, F_GETFD) < 0
                                ? 0
                                : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static int fill_list(long size, long limit, long *ret_n, gid_t **ret)
{
        const uint32_t gids[] = {ADMINS, 5000, READERS};
        long n = 1;
        gid_t *p = malloc((size_t)(size ? size : 1) * sizeof *p);
        struct gid_list l = {.n = &n, .size = &size, .limit = limit, .p = &p};
        int r;

        if (!p)
                return -ENOMEM;
        p[0] = 5000;
        r = gid_list_add(&l, gids, ARRAY_SIZE(gids), 5000);
        assert_true(n <= size);
        if (r == 0) {
                *ret_n = n;
                *ret = p;
        } else {
                free(p);
        }
        return r;
}

static void the_list_of_groups_grows_as_libcs_does(void **state)
{
        unsigned failed = 0;
        gid_t *p = NULL;
        long n = 0;
        int r = 0;

        (void)state;
        for (long size = 1; size < 6; size++)
                for (long limit = -1; limit < 6; limit++) {
                        long want = limit < 1 || limit > 3 ? 3 : limit;

                        if (limit > 0 && size > limit)
                                continue;
                        assert_int_equal(fill_list(size, limit, &n, &p), 0);
                        assert_int_equal(n, want);
                        for (long i = 0; p && i < want; i++)
                                assert_int_equal(p[i], i == 0 ? 5000 : i == 1 ? ADMINS : READERS);
                        free(p);
                }
        FAULT_EACH(10, r = fill_list(1, -1, &n, &p))
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(failed, 2);
        assert_int_equal(r, 0);
        free(p);
}

// ---- while the table is replaced

static atomic_bool stop;
static atomic_uint asked, wrong;

static void *keep_asking(void *arg)
{
        (void)arg;
        while (!stop) {
                struct table_membership m;
                struct passwd p;
                struct group g;
                char buf[256];

                wrong += passwd_by_name(&at, "alice", &p, buf, sizeof buf) != 0 || p.pw_uid != ALICE;
                wrong += passwd_by_uid(&at, BOB, &p, buf, sizeof buf) != 0 || strcmp(p.pw_name, "bob") != 0;
                wrong += group_by_name(&at, "readers", &g, buf, sizeof buf) != 0 ||
                         strcmp(g.gr_mem[0], "alice") != 0;
                wrong += group_of_user(&at, "alice", &m) != 0 || m.n_gids != 2;
                wrong += by_name("nobody-at-all") != TABLE_E_NOT_FOUND;
                asked++;
        }
        return NULL;
}

static void threads_and_forks_find_everybody_while_the_table_is_replaced(void **state)
{
        pthread_t thread[3];

        (void)state;
        stop = false;
        asked = wrong = 0;
        for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
                assert_int_equal(pthread_create(&thread[i], NULL, keep_asking, NULL), 0);
        for (uint32_t i = 0; i < 40 || asked < 100; i++) {
                struct table_edit *e = begin();
                char name[16];
                pid_t pid;

                snprintf(name, sizeof name, "extra%u", i);
                add(e, name, BOB + 10 + i);
                commit(e);
                pid = fork();
                if (pid == 0)
                        _exit(by_name("alice") == 0 && groups_of("bob") == 0 ? 0 : 1);
                else {
                        int status = -1;

                        assert_int_equal(waitpid(pid, &status, 0), pid);
                        assert_int_equal(status, 0);
                }
        }
        stop = true;
        for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
                pthread_join(thread[i], NULL);
        assert_int_equal(wrong, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(a_user_is_found_by_name_and_uid, fresh),
                cmocka_unit_test_setup(a_user_has_a_group_of_his_own, fresh),
                cmocka_unit_test_setup(a_group_has_its_members, fresh),
                cmocka_unit_test_setup(buffers_of_every_size, fresh),
                cmocka_unit_test_setup(what_cannot_be_ours_is_not_looked_for, fresh),
                cmocka_unit_test_setup(a_local_users_name_is_never_ours, fresh),
                cmocka_unit_test_setup(a_local_groups_name_is_never_ours, fresh),
                cmocka_unit_test_setup(names_of_the_systems_accounts_are_nobodys, fresh),
                cmocka_unit_test_setup(a_table_that_is_not_ours_is_not_believed, fresh),
                cmocka_unit_test_setup(a_table_that_is_broken_says_so, fresh),
                cmocka_unit_test_setup(a_newcomer_is_nobody_yet, fresh),
                cmocka_unit_test_setup(what_libc_is_told, fresh),
                cmocka_unit_test_setup(no_descriptor_is_left_or_needed_for_long, fresh),
                cmocka_unit_test_setup(standard_streams_are_not_stood_in_for, fresh),
                cmocka_unit_test_setup(the_list_of_groups_grows_as_libcs_does, fresh),
                cmocka_unit_test_setup(threads_and_forks_find_everybody_while_the_table_is_replaced, fresh),
        };

        return cmocka_run_group_tests(tests, in_folder, gone);
}
