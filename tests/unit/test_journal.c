// SPDX-License-Identifier: Apache-2.0
//
// A log line as journald's fields: what stands in a value stays there, and what the journal does not take goes to stderr.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "journal.h"
#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char *entry_of(const char *line)
{
        static char entry[JOURNAL_ENTRY_MAX + 1];
        size_t n = journal_entry(entry, "valetkeyd", 5, line, strlen(line));

        assert_in_range(n, 1, JOURNAL_ENTRY_MAX);
        assert_int_equal(entry[n - 1], '\n');
        entry[n] = 0;
        return entry;
}

static void each_key_is_a_field(void **state)
{
        (void)state;
        assert_string_equal(entry_of("role.assumed role=dev access_key_id=ASIA1 app=- reason=\"two "
                                     "\\\"words\\\" \\\\\" empty=\"\""),
                "PRIORITY=5\nSYSLOG_IDENTIFIER=valetkeyd\n"
                "MESSAGE=role.assumed role=dev access_key_id=ASIA1 app=- reason=\"two \\\"words\\\" \\\\\" "
                "empty=\"\"\n"
                "VALETKEY_EVENT=role.assumed\nVALETKEY_ROLE=dev\nVALETKEY_ACCESS_KEY_ID=ASIA1\n"
                "VALETKEY_REASON=two \"words\" \\\nVALETKEY_EMPTY=\n");
        assert_string_equal(strstr(entry_of("bare"), "VALETKEY_"), "VALETKEY_EVENT=bare\n");
        assert_string_equal(
                strstr(entry_of("dash d=-1 e=-x"), "VALETKEY_D"), "VALETKEY_D=-1\nVALETKEY_E=-x\n");
}

// What only looks like a pair, a key that is none, a value that was cut.
static void only_pairs_are_fields(void **state)
{
        static const char *const lines[] = {
                "e some words", "e 1a=b", "e A=b", "e =b", "e a-b=c", "e k=\"cut", "e k=\"cut\\"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                assert_string_equal(strstr(entry_of(lines[i]), "VALETKEY_"), "VALETKEY_EVENT=e\n");
        assert_string_equal(strstr(entry_of("e reason=\"x uid=0 y\" uid=7"), "VALETKEY_R"),
                "VALETKEY_REASON=x uid=0 y\nVALETKEY_UID=7\n");
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
        static char line[3 * JOURNAL_ENTRY_MAX];
        size_t n = (size_t)snprintf(line, sizeof line, "e last=1");

        (void)state;
        while (n < 5000)
                n += (size_t)snprintf(line + n, sizeof line - n, " key%zu=%.*s", n, 60,
                        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        for (const char *p = entry_of(line), *end; *p; p = end + 1) {
                end = strchr(p, '\n');
                assert_non_null(end);
                assert_non_null(memchr(p, '=', (size_t)(end - p)));
                if (strncmp(p, "VALETKEY_KEY", 12) == 0)
                        assert_int_equal(end - p - (strchr(p, '=') + 1 - p), 60);
        }
}

// ---- through a socket

static char dir[] = "/tmp/test_journal.XXXXXX", path[64];

static int as_journal(const char *err_path)
{
        struct stat st;
        char v[64];
        int fd = open(err_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        snprintf(v, sizeof v, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
        setenv("JOURNAL_STREAM", v, 1);
        return fd;
}

static void the_journal_hears_of_it_or_stderr_does(void **state)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        char err_path[64], got[JOURNAL_ENTRY_MAX], wrong[64];
        int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), saved = dup(STDERR_FILENO), err;
        ssize_t n;

        (void)state;
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/socket", dir);
        snprintf(err_path, sizeof err_path, "%s/stderr", dir);
        snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
        assert_int_equal(bind(s, (const struct sockaddr *)&a, sizeof a), 0);
        err = as_journal(err_path);
        assert_true(dup2(err, STDERR_FILENO) >= 0);
        log_journal_at(path);
        log_init("valetkey-broker", LOG_E_INFO);
        errno = EDOM;
        log_event(LOG_E_NOTICE, "signin.done", "user=%s sub=%s", "alice", "a b\nVALETKEY_UID=0");
        assert_int_equal(errno, EDOM);
        n = recv(s, got, sizeof got - 1, MSG_DONTWAIT);
        close(s); // the journal is gone
        unlink(path);
        log_event(LOG_E_WARNING, "late", "k=%s", "v");
        dup2(saved, STDERR_FILENO);
        close(saved);
        unsetenv("JOURNAL_STREAM");
        log_init("test", LOG_E_INFO);

        assert_true(n > 0);
        got[n] = 0;
        assert_string_equal(got,
                "PRIORITY=5\nSYSLOG_IDENTIFIER=valetkey-broker\nMESSAGE=signin.done user=alice sub=\"a "
                "b?VALETKEY_UID=0\"\n"
                "VALETKEY_EVENT=signin.done\nVALETKEY_USER=alice\nVALETKEY_SUB=a b?VALETKEY_UID=0\n");
        assert_true(lseek(err, 0, SEEK_SET) == 0);
        n = read(err, wrong, sizeof wrong - 1);
        assert_true(n > 0);
        wrong[n] = 0;
        assert_string_equal(wrong, "<4>late k=v\n");
        close(err);
        unlink(err_path);
        assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_key_is_a_field),
                cmocka_unit_test(only_pairs_are_fields),
                cmocka_unit_test(what_does_not_fit_is_left_out_whole),
                cmocka_unit_test(the_journal_hears_of_it_or_stderr_does),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
