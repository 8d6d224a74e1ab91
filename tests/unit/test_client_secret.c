// SPDX-License-Identifier: Apache-2.0
//
// Files with a client's secret: what is one, and what is refused with its name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "client_secret.h"
#include "fault.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static int begin(void **state)
{
        (void)state;
        snprintf(path, sizeof path, "/tmp/vk-client-secret-%d", (int)getpid());
        return 0;
}

static int end(void **state)
{
        (void)state;
        unlink(path);
        return 0;
}

static int read_it(const char *text, size_t n, char got[CLIENT_SECRET_MAX + 1], struct err *err)
{
        cleanup_secret struct secret *s = NULL;
        FILE *f = fopen(path, "we");
        int r;

        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, n, f), n);
        fclose(f);
        r = client_secret_read(&s, path, err);
        snprintf(got, CLIENT_SECRET_MAX + 1, "%s", r == 0 ? secret_str(s) : "");
        return r;
}

static void a_line_is_a_secret(void **state)
{
        static const char *const good[] = {
                "GOCSPX-x_1", "GOCSPX-x_1\n", "GOCSPX-x_1\r\n", "GOCSPX-x_1  \n\n"};
        char got[CLIENT_SECRET_MAX + 1], text[CLIENT_SECRET_MAX + 3];
        struct err err = ERR_INIT;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_int_equal(read_it(good[i], strlen(good[i]), got, &err), 0);
                assert_string_equal(got, "GOCSPX-x_1");
        }
        memset(text, 'x', sizeof text);
        text[CLIENT_SECRET_MAX] = '\n';
        assert_int_equal(read_it(text, CLIENT_SECRET_MAX + 1, got, &err), 0);
        assert_int_equal(strlen(got), CLIENT_SECRET_MAX);
}

static void everything_else_is_refused_by_name(void **state)
{
        static const struct {
                const char *text;
                size_t n;
        } bad[] = {{"", 0}, {"\n", 1}, {" \r\n", 3}, {"two words", 9}, {"two\nlines\n", 10}, {"a\0b", 3},
                {"\0", 1}, {"\xc3\xa4", 2}, {"\tx", 2}};
        char got[CLIENT_SECRET_MAX + 1], text[CLIENT_SECRET_MAX + 100];
        struct secret *s = NULL;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct err err = ERR_INIT;

                assert_int_equal(read_it(bad[i].text, bad[i].n, got, &err), -EBADMSG);
                assert_non_null(strstr(err.text, path));
        }
        memset(text, 'x', sizeof text);
        for (size_t n = CLIENT_SECRET_MAX + 1; n < sizeof text; n++) {
                struct err err = ERR_INIT;

                assert_int_equal(read_it(text, n, got, &err), -EBADMSG);
                assert_non_null(strstr(err.text, "1024"));
        }
        unlink(path);
        {
                struct err err = ERR_INIT;

                assert_int_equal(client_secret_read(&s, path, &err), -ENOENT);
                assert_non_null(strstr(err.text, path));
                assert_int_equal(mkfifo(path, 0600), 0); // nobody writes into it, and nobody waits for that
                assert_int_equal(client_secret_read(&s, path, &err), -EBADMSG);
                unlink(path);
                assert_int_equal(client_secret_read(&s, "/dev/zero", &err), -EBADMSG);
                assert_int_equal(client_secret_read(&s, "/", &err), -EBADMSG);
        }
        assert_null(s);
}

static void memory_that_runs_out_is_said(void **state)
{
        char got[CLIENT_SECRET_MAX + 1];
        struct err err = ERR_INIT;
        int r;

        (void)state;
        FAULT_EACH(20, r = read_it("x", 1, got, &err))
        assert_int_equal(r, -ENOMEM);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_is_a_secret),
                cmocka_unit_test(everything_else_is_refused_by_name),
                cmocka_unit_test(memory_that_runs_out_is_said),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
