// SPDX-License-Identifier: Apache-2.0
//
// The admin's verbs on real files: who may be added, which ids they get, and that a refusal changes nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ids.h"
#include "outcome.h"
#include "table.h"
#include "user_cmd.h"
#include "util.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

static char dir[] = "/tmp/valetkey-test-XXXXXX";
static char state_dir[64], root_users[64], federated[64];

#define ISSUER    "https://login.example.com"
#define USER(...) user((char *[]){(char[]){"user"}, __VA_ARGS__, NULL})
#define S(s)      ((char[]){s})

static int user(char **argv)
{
        int argc = 0;

        while (argv[argc])
                argc++;
        return cmd_user(argc, argv, state_dir, root_users);
}

static int find(const char *path, enum table_kind kind, const char *name, struct table_user *ret)
{
        const uid_t owners[] = {0, geteuid()};
        struct table t = TABLE_INIT;
        int r = table_open(&t, path, kind, owners, 2);

        if (r == 0)
                r = table_find_name(&t, name, ret);
        table_close(&t);
        return r;
}

static void the_uid_comes_from_issuer_and_subject(void **state _unused_)
{
        uint32_t a, b;

        assert_int_equal(ids_derive(ISSUER, "248289761001", &a), 0);
        assert_int_equal(a, 1913907680); // fixed for ever: another number would change who owns the files
        assert_true(a >= TABLE_UID_MIN && a <= TABLE_UID_MAX);
        assert_int_equal(ids_derive(ISSUER "2", "48289761001", &b), 0);
        assert_int_not_equal(a, b); // where one ends and the other begins counts
}

// First of all tests: there is no table yet.
static void an_empty_table_is_made_once(void **state _unused_)
{
        struct table_user u;
        struct stat first, second;
        FILE *f;

        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.alice", &u), TABLE_E_MISSING);
        assert_int_equal(USER(S("init")), 0);
        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.alice", &u), TABLE_E_NOT_FOUND);
        assert_int_equal(stat(federated, &first), 0);
        assert_int_equal(USER(S("init")), 0);
        assert_int_equal(stat(federated, &second), 0);
        assert_int_equal(first.st_ino, second.st_ino); // it is there: not touched
        assert_int_equal(unlink(federated), 0);
        f = fopen(federated, "we");
        assert_non_null(f);
        assert_int_equal(fputs("not a table", f) < 0 || fclose(f) != 0, 0);
        assert_int_equal(USER(S("init")), outcome_info(OUTCOME_INTERNAL)->exit_code);
        assert_int_equal(unlink(federated), 0);
}

static void a_federated_user_is_added_locked_and_removed(void **state _unused_)
{
        struct table_user u;
        uint32_t uid;

        assert_int_equal(
                USER(S("add"), S("fed.alice"), S("--issuer"), S(ISSUER), S("--subject"), S("s-1")), 0);
        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.alice", &u), 0);
        assert_int_equal(ids_derive(ISSUER, "s-1", &uid), 0);
        assert_int_equal(u.uid, uid);
        assert_int_equal(u.gid, uid);
        assert_string_equal(u.subject, "s-1");
        assert_string_equal(u.home, "/home/fed.alice");
        assert_int_equal(USER(S("lock"), S("fed.alice")), 0);
        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.alice", &u), 0);
        assert_true(u.flags & TABLE_USER_LOCKED);
        assert_int_equal(USER(S("unlock"), S("fed.alice")), 0);
        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.alice", &u), 0);
        assert_false(u.flags & TABLE_USER_LOCKED);
        assert_int_equal(USER(S("remove"), S("fed.alice")), 0);
        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.alice", &u), TABLE_E_NOT_FOUND);
        assert_int_equal(USER(S("remove"), S("fed.alice")), outcome_info(OUTCOME_NOT_OURS)->exit_code);
}

static void one_subject_one_user(void **state _unused_)
{
        struct table_user u;

        assert_int_equal(USER(S("add"), S("fed.bob"), S("--issuer"), S(ISSUER), S("--subject"), S("s-2")), 0);
        assert_int_not_equal(
                USER(S("add"), S("fed.eve"), S("--issuer"), S(ISSUER), S("--subject"), S("s-2")), 0);
        assert_int_not_equal(
                USER(S("add"), S("fed.bob"), S("--issuer"), S(ISSUER), S("--subject"), S("s-3")), 0);
        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.eve", &u), TABLE_E_NOT_FOUND);
        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.bob", &u), 0);
        assert_string_equal(u.subject, "s-2");
}

static void no_system_id_and_no_system_name_gets_in(void **state _unused_)
{
        struct table_user u;

        for (size_t i = 0; i < 6; i++) {
                char *bad[] = {
                        S("0"), S("1000"), S("65534"), S("4294967295"), S("1879048191"), S("2147483647")};

                assert_int_equal(
                        USER(S("add"), S("fed.mallory"), S("--issuer"), S(ISSUER), S("--uid"), bad[i]),
                        outcome_info(OUTCOME_INVALID_REQUEST)->exit_code);
        }
        assert_int_not_equal(
                USER(S("add"), S("root"), S("--issuer"), S(ISSUER), S("--subject"), S("s-9")), 0);
        assert_int_not_equal(
                USER(S("add"), S("root"), S("--local"), S("--issuer"), S(ISSUER), S("--subject"), S("s-9")),
                0);
        assert_int_not_equal(
                USER(S("add"), S("Alice"), S("--issuer"), S(ISSUER), S("--subject"), S("s-9")), 0);
        assert_int_not_equal(
                USER(S("add"), S("a:0:0"), S("--issuer"), S(ISSUER), S("--subject"), S("s-9")), 0);
        assert_int_not_equal(USER(S("add"), S("fed.x"), S("--issuer"), S(ISSUER), S("--subject"), S("s-9"),
                                     S("--home"), S("/h:x")),
                0);
        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.mallory", &u), TABLE_E_NOT_FOUND);
        assert_int_equal(find(federated, TABLE_FEDERATED, "root", &u), TABLE_E_NOT_FOUND);
}

static void a_local_user_is_bound_in_roots_table_only(void **state _unused_)
{
        struct table_user u;
        char name[] = "daemon"; // every passwd file has it

        assert_int_not_equal(USER(S("add"), name, S("--issuer"), S(ISSUER), S("--subject"), S("s-7")), 0);
        assert_int_not_equal(USER(S("add"), S("no.such.local"), S("--local"), S("--issuer"), S(ISSUER),
                                     S("--subject"), S("s-7")),
                0);
        assert_int_not_equal(USER(S("add"), name, S("--local"), S("--issuer"), S(ISSUER)), 0);
        assert_int_equal(
                USER(S("add"), name, S("--local"), S("--issuer"), S(ISSUER), S("--subject"), S("s-7")), 0);
        assert_int_equal(find(root_users, TABLE_LOCAL, name, &u), 0);
        assert_int_equal(u.uid, TABLE_UID_NONE);
        assert_int_equal(find(federated, TABLE_FEDERATED, name, &u), TABLE_E_NOT_FOUND);
}

static void an_unbound_user_needs_a_uid(void **state _unused_)
{
        struct table_user u;

        assert_int_not_equal(USER(S("add"), S("fed.carol"), S("--issuer"), S(ISSUER)), 0);
        assert_int_equal(
                USER(S("add"), S("fed.carol"), S("--issuer"), S(ISSUER), S("--uid"), S("1900000001")), 0);
        assert_int_equal(find(federated, TABLE_FEDERATED, "fed.carol", &u), 0);
        assert_string_equal(u.subject, "");
        assert_int_equal(u.uid, 1900000001);
}

static void wrong_use_is_said(void **state _unused_)
{
        const int wrong = outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;

        assert_int_equal(USER(S("list"), S("somebody")), wrong);
        assert_int_equal(USER(S("init"), S("somebody")), wrong);
        assert_int_equal(USER(S("lock")), wrong);
        assert_int_equal(USER(S("lock"), S("a"), S("b")), wrong);
        assert_int_equal(USER(S("frobnicate"), S("a")), wrong);
        assert_int_equal(USER(S("remove"), S("a"), S("--uid"), S("1900000001")), wrong);
        assert_int_equal(user((char *[]){S("user"), NULL}), wrong);
        assert_int_equal(USER(S("list"), S("--json")), 0);
        assert_int_equal(USER(S("list")), 0);
}

static int setup(void **state _unused_)
{
        if (!mkdtemp(dir))
                return -1;
        snprintf(state_dir, sizeof state_dir, "%s/state", dir);
        snprintf(federated, sizeof federated, "%s/state/users", dir);
        snprintf(root_users, sizeof root_users, "%s/users", dir);
        return mkdir(state_dir, 0755);
}

static int teardown(void **state _unused_)
{
        static const char *const files[] = {
                "state/users", "state/users.lock", "state/removed", "users", "users.lock", "state"};
        char path[128];

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                snprintf(path, sizeof path, "%s/%s", dir, files[i]);
                remove(path);
        }
        return remove(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_uid_comes_from_issuer_and_subject),
                cmocka_unit_test(an_empty_table_is_made_once),
                cmocka_unit_test(a_federated_user_is_added_locked_and_removed),
                cmocka_unit_test(one_subject_one_user),
                cmocka_unit_test(no_system_id_and_no_system_name_gets_in),
                cmocka_unit_test(a_local_user_is_bound_in_roots_table_only),
                cmocka_unit_test(an_unbound_user_needs_a_uid),
                cmocka_unit_test(wrong_use_is_said),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
