// SPDX-License-Identifier: Apache-2.0
//
// valetkeyd user check: what would collide is found before anybody is added, and told by its line.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "ids.h"
#include "outcome.h"
#include "user_cmd.h"
#include "user_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define I        "https://login.example.com"
#define WRONG    (outcome_info(OUTCOME_INVALID_REQUEST)->exit_code)
#define RUN(...) run((char *[]){(char[]){"user"}, __VA_ARGS__, NULL})
#define S(s)     ((char[]){s})

static char dir[] = "/tmp/valetkey-test-XXXXXX";
static char state_dir[64], root_users[64], list[64], out[65536];

static const char *in_dir(const char *name)
{
        static char path[128];

        snprintf(path, sizeof path, "%s/%s", dir, name);
        return path;
}

// A verb, with what it prints in out.
static int run(char **argv)
{
        int argc = 0, saved, fd, r;
        ssize_t n;

        while (argv[argc])
                argc++;
        fflush(stdout);
        saved = dup(STDOUT_FILENO);
        fd = open(in_dir("out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
        r = cmd_user(argc, argv, state_dir, root_users);
        fflush(stdout);
        dup2(saved, STDOUT_FILENO);
        close(saved);
        n = pread(fd, out, sizeof out - 1, 0);
        assert_true(n >= 0);
        out[n] = 0;
        close(fd);
        return r;
}

static int check(const char *text)
{
        FILE *f = fopen(list, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        fclose(f);
        return RUN(S("check"), list);
}

// That line, and nothing else, is told of in those words.
static void finds(const char *text, unsigned line, const char *what)
{
        char start[128];
        const char *lf;

        assert_int_equal(check(text), WRONG);
        snprintf(start, sizeof start, "%s:%u: ", list, line);
        lf = strchr(out, '\n');
        if (strncmp(out, start, strlen(start)) != 0 || !strstr(out, what) || !lf || lf[1])
                fail_msg("says \"%s\" and not line %u: \"%s\"", out, line, what);
}

static void good_lists_say_nothing(void **state _unused_)
{
        assert_int_equal(check(""), 0);
        assert_string_equal(out, "");
        assert_int_equal(
                check("# people\n\nann\t" I "\ts-1\nben\t" I "\ts-2\t1900000000\r\ncyn\t" I "\t\t1900000001"),
                0);
        assert_string_equal(out, "");
}

static void what_is_there_twice_is_found(void **state _unused_)
{
        finds("ann\t" I "\ts-1\nann\t" I "\ts-2\n", 2, "ann has the name of ann on line 1");
        finds("ann\t" I "\ts-1\t1900000000\nben\t" I "\ts-2\t1900000000\n", 2,
                "ben has the uid of ann on line 1: pin another one");
        finds("ann\t" I "\ts-1\t1900000001\nben\t" I "\ts-1\t1900000002\n", 2,
                "ben has the person (issuer and subject) of ann on line 1");
        // the same subject at another issuer is another person; nobody at all is nobody twice
        assert_int_equal(check("ann\t" I "\ts-1\nben\t" I "/x\ts-1\ncyn\t" I "\t\t1900000000\ndan\t" I
                               "\t\t1900000001\n"),
                0);
}

// Two subjects whose derived uids are one: found by search, as whoever attacks would.
static void derived_uids_that_meet_are_found(void **state _unused_)
{
        static uint32_t uid[60000];
        char text[512];

        for (unsigned i = 0; i < ARRAY_SIZE(uid); i++) {
                char sub[16];

                snprintf(sub, sizeof sub, "p-%u", i);
                assert_int_equal(ids_derive(I, sub, &uid[i]), 0);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(uid); i++)
                for (unsigned k = i + 1; k < ARRAY_SIZE(uid); k++)
                        if (uid[i] == uid[k]) {
                                snprintf(text, sizeof text, "ann\t" I "\tp-%u\nben\t" I "\tp-%u\n", i, k);
                                finds(text, 2, "ben has the uid of ann on line 1");
                                // and what it says to do helps
                                snprintf(text, sizeof text,
                                        "ann\t" I "\tp-%u\nben\t" I "\tp-%u\t1900000000\n", i, k);
                                assert_int_equal(check(text), 0);
                                return;
                        }
        fail_msg("sixty thousand people and no two meet: the derivation is not what it was");
}

static void values_that_cannot_be_are_found(void **state _unused_)
{
        static const char *const uids[] = {
                "0", "1000", "65534", "1879048191", "4294967295", "-1", "x", "", "99999999999999999999"};
        char text[256];

        for (size_t i = 0; i < ARRAY_SIZE(uids); i++) {
                snprintf(text, sizeof text, "ann\t" I "\ts-1\t%s\n", uids[i]);
                finds(text, 1, "the uid is not a number of the range");
        }
        finds("ann\t" I "\t\n", 1, "pin one");
        finds("ann " I " s-1\n", 1, "with one tab between them");
        finds("ann\t" I "\ts-1\t1900000000\tx\n", 1, "with one tab between them");
        finds("Ann\t" I "\ts-1\n", 1, "not a valid user name");
        finds("a:0:0\t" I "\ts-1\n", 1, "not a valid user name");
        finds("ann\t\ts-1\n", 1, "the issuer");
        finds("ann\t" I "\t\xc3\xbc\n", 1, "the subject");
}

static void names_and_ids_of_this_machine_are_found(void **state _unused_)
{
        finds("root\t" I "\ts-1\n", 1, "a name of the system's");
        finds("systemd-xyz\t" I "\ts-1\n", 1, "a name of the system's");
        finds("www-data\t" I "\ts-1\n", 1, "a name of the system's");
        finds("_apt\t" I "\ts-1\n", 1, "a name of the system's");
}

static void who_is_in_the_table_is_found(void **state _unused_)
{
        assert_int_equal(RUN(S("add"), S("ann"), S("--issuer"), S(I), S("--subject"), S("s-1"), S("--uid"),
                                 S("1900000000")),
                0);
        assert_int_equal(check("ann\t" I "\ts-1\t1900000000\nben\t" I "\ts-2\n"), 0); // she herself
        finds("ann\t" I "\ts-9\n", 1, "on this machine there is a user ann already");
        finds("ben\t" I "\ts-1\n", 1, "on this machine subject s-1 is the user ann already");
        finds("ben\t" I "\ts-2\t1900000000\n", 1,
                "on this machine uid 1900000000 is that of the user ann already");
        // a uid once given stays: the same person with another one is told of, by name alone
        finds("ann\t" I "\ts-1\n", 1, "on this machine there is a user ann already");
        assert_int_equal(RUN(S("remove"), S("ann")), 0);
}

static void nobody_can_be_added_who_was_found(void **state _unused_)
{
        assert_int_equal(RUN(S("add"), S("ann"), S("--issuer"), S(I), S("--subject"), S("s-1"), S("--uid"),
                                 S("1900000000")),
                0);
        assert_int_equal(RUN(S("add"), S("ben"), S("--issuer"), S(I), S("--subject"), S("s-2"), S("--uid"),
                                 S("1900000000")),
                WRONG);
        assert_int_equal(RUN(S("add"), S("ben"), S("--issuer"), S(I), S("--subject"), S("s-1")), WRONG);
        assert_int_equal(RUN(S("add"), S("www-data"), S("--issuer"), S(I), S("--subject"), S("s-2")), WRONG);
        assert_int_equal(RUN(S("add"), S("systemd-x"), S("--issuer"), S(I), S("--subject"), S("s-2")), WRONG);
        assert_int_equal(RUN(S("remove"), S("ann")), 0);
}

static void what_makes_somebody_who_he_is_is_not_set(void **state _unused_)
{
        assert_int_equal(RUN(S("add"), S("ann"), S("--issuer"), S(I), S("--uid"), S("1900000002")), 0);
        assert_int_equal(RUN(S("set"), S("ann"), S("--shell"), S("/bin/zsh"), S("--display"), S("Ann"),
                                 S("--expires"), S("2030-01-01T00:00:00Z")),
                0);
        assert_int_equal(RUN(S("show"), S("ann"), S("--json")), 0);
        assert_non_null(strstr(out, "\"shell\": \"/bin/zsh\""));
        assert_non_null(strstr(out, "\"expires_at\": 1893456000"));
        assert_int_equal(RUN(S("set"), S("ann"), S("--expires"), S("never"), S("--subject"), S("s-1")),
                0); // not bound till now
        assert_int_equal(RUN(S("set"), S("ann"), S("--subject"), S("s-2")), WRONG);
        assert_int_equal(RUN(S("set"), S("ann"), S("--uid"), S("1900000003")), WRONG);
        assert_int_equal(RUN(S("set"), S("ann"), S("--issuer"), S(I "/x")), WRONG);
        assert_int_equal(RUN(S("set"), S("ann"), S("--home"), S("h")), WRONG);
        assert_int_equal(RUN(S("set"), S("ann"), S("--shell"), S("/bin/x:y")), WRONG);
        assert_int_equal(RUN(S("set"), S("ann"), S("--expires"), S("tomorrow")), WRONG);
        assert_int_equal(RUN(S("set"), S("ann")), WRONG);
        assert_int_equal(
                RUN(S("set"), S("ghost"), S("--display"), S("x")), outcome_info(OUTCOME_NOT_OURS)->exit_code);
        assert_int_equal(RUN(S("add"), S("ben"), S("--issuer"), S(I), S("--uid"), S("1900000003")), 0);
        assert_int_equal(RUN(S("set"), S("ben"), S("--subject"), S("s-1")), WRONG); // that is ann
        assert_int_equal(RUN(S("show"), S("ann")), 0);
        assert_non_null(strstr(out, "uid, gid      1900000002, 1900000002\n"));
        assert_non_null(strstr(out, "subject       s-1\n"));
        assert_non_null(strstr(out, "expires       never\n"));
        assert_int_equal(RUN(S("show"), S("ghost")), outcome_info(OUTCOME_NOT_OURS)->exit_code);
        assert_int_equal(RUN(S("remove"), S("ann")), 0);
        assert_int_equal(RUN(S("remove"), S("ben")), 0);
}

// Files of who was removed may lie anywhere: his uid is nobody else's, and his own when he comes back.
static void the_uid_of_who_was_removed_is_nobody_elses(void **state _unused_)
{
        FILE *f;

        assert_int_equal(RUN(S("add"), S("old"), S("--issuer"), S(I), S("--subject"), S("o-1"), S("--uid"),
                                 S("1900000077")),
                0);
        assert_int_equal(RUN(S("remove"), S("old")), 0);
        assert_int_equal(RUN(S("add"), S("new"), S("--issuer"), S(I), S("--subject"), S("n-1"), S("--uid"),
                                 S("1900000077")),
                WRONG);
        assert_int_equal(RUN(S("add"), S("old"), S("--issuer"), S(I), S("--subject"), S("n-1"), S("--uid"),
                                 S("1900000077")),
                WRONG);
        assert_int_equal(RUN(S("add"), S("old"), S("--issuer"), S(I "/x"), S("--subject"), S("o-1"),
                                 S("--uid"), S("1900000077")),
                WRONG);
        assert_int_equal(RUN(S("add"), S("old"), S("--issuer"), S(I), S("--uid"), S("1900000077")),
                WRONG); // whoever claims the name
        finds("new\t" I "\tn-1\t1900000077\n", 1,
                "on this machine uid 1900000077 was that of old, who was removed");
        assert_int_equal(check("renamed\t" I "\to-1\t1900000077\n"), 0);
        assert_int_equal(RUN(S("add"), S("renamed"), S("--issuer"), S(I), S("--subject"), S("o-1"),
                                 S("--uid"), S("1900000077")),
                0);
        assert_int_equal(RUN(S("remove"), S("renamed")), 0);
        // One who was never bound is who has his name.
        assert_int_equal(RUN(S("add"), S("nobody.yet"), S("--issuer"), S(I), S("--uid"), S("1900000078")), 0);
        assert_int_equal(RUN(S("remove"), S("nobody.yet")), 0);
        assert_int_equal(RUN(S("add"), S("new"), S("--issuer"), S(I), S("--uid"), S("1900000078")), WRONG);
        assert_int_equal(RUN(S("add"), S("nobody.yet"), S("--issuer"), S(I), S("--subject"), S("y-1"),
                                 S("--uid"), S("1900000078")),
                0);
        assert_int_equal(RUN(S("remove"), S("nobody.yet")), 0);
        // What cannot be read is not taken for empty.
        f = fopen(in_dir("state/removed"), "ae");
        assert_non_null(f);
        fputs("half a li", f);
        fclose(f);
        assert_int_not_equal(RUN(S("add"), S("new"), S("--issuer"), S(I), S("--subject"), S("n-1")), 0);
        assert_int_equal(remove(in_dir("state/removed")), 0); // as an administrator may who knows
        assert_int_equal(RUN(S("add"), S("new"), S("--issuer"), S(I), S("--subject"), S("n-1"), S("--uid"),
                                 S("1900000077")),
                0);
        assert_int_equal(RUN(S("remove"), S("new")), 0);
}

static void on_wrong(unsigned line _unused_, const char *why _unused_, void *arg)
{
        ++*(unsigned *)arg;
}

static void memory_may_run_out(void **state _unused_)
{
        static const char text[] = "ann\t" I "\ts-1\nben\t" I "\ts-2\nx\n";
        char room[sizeof text];
        struct user_file f = {0};
        unsigned wrong = 0, failed = 0;
        int r = 0;

        // OpenSSL may fail to make a digest, too, which is no answer either.
        FAULT_EACH(200, (memcpy(room, text, sizeof text),
                                r = user_file_parse(&f, room, sizeof text - 1, on_wrong, &wrong)))
        {
                assert_true(r == -ENOMEM || r == -EIO);
                user_file_deinit(&f);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 0);
        assert_int_equal(f.n, 2);
        user_file_deinit(&f);
}

static int setup(void **state _unused_)
{
        if (!mkdtemp(dir))
                return -1;
        snprintf(state_dir, sizeof state_dir, "%s/state", dir);
        snprintf(root_users, sizeof root_users, "%s/users", dir);
        snprintf(list, sizeof list, "%s/list", dir);
        return mkdir(state_dir, 0755);
}

static int teardown(void **state _unused_)
{
        static const char *const files[] = {"state/users", "state/users.lock", "state/removed", "users",
                "users.lock", "state", "list", "out"};

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                remove(in_dir(files[i]));
        return remove(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_lists_say_nothing),
                cmocka_unit_test(what_is_there_twice_is_found),
                cmocka_unit_test(derived_uids_that_meet_are_found),
                cmocka_unit_test(values_that_cannot_be_are_found),
                cmocka_unit_test(names_and_ids_of_this_machine_are_found),
                cmocka_unit_test(who_is_in_the_table_is_found),
                cmocka_unit_test(nobody_can_be_added_who_was_found),
                cmocka_unit_test(what_makes_somebody_who_he_is_is_not_set),
                cmocka_unit_test(the_uid_of_who_was_removed_is_nobody_elses),
                cmocka_unit_test(memory_may_run_out),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
