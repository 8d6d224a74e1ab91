// SPDX-License-Identifier: Apache-2.0
//
// Session policies from files: sent without white space, and whatever is no policy refused with the file's name — a fifo
// without waiting for somebody to write into it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "policy_file.h"
#include "util.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static char path[] = "/tmp/valetkey-policy-XXXXXX";

static void put(const char *text, size_t n)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, n), (ssize_t)n);
        close(fd);
}

static void refused(const char *why)
{
        struct err err = ERR_INIT;
        char *s = NULL;

        assert_int_equal(policy_file_read(&s, path, &err), -EINVAL);
        assert_null(s);
        assert_non_null(strstr(err.text, path));
        if (!strstr(err.text, why))
                fail_msg("says \"%s\"", err.text);
}

static void white_space_is_not_sent(void **state _unused_)
{
        static const char text[] =
                "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [ { \"Effect\" : \"Allow\" } ]\n}\n";
        char *s = NULL;

        put(text, sizeof text - 1);
        assert_int_equal(policy_file_read(&s, path, NULL), 0);
        assert_string_equal(s, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\"}]}");
        free(s);
        assert_int_equal(policy_file_read(&s, NULL, NULL), 0);
        assert_null(s);
}

static void what_is_no_policy_is_refused(void **state _unused_)
{
        static char large[70000];

        put("", 0);
        refused("empty");
        put("[1]", 3);
        refused("not a JSON object");
        put("{\"a\":1", 6);
        refused("ends too early");
        put("{\"a\":1,\"a\":2}", 13);
        refused("twice");
        memset(large, ' ', sizeof large);
        put(large, sizeof large);
        refused("larger than 64 KiB");
        unlink(path);
        refused("No such file");
        assert_int_equal(mkfifo(path, 0600), 0);
        refused("not a regular file");
        unlink(path);
        assert_int_equal(mkdir(path, 0700), 0);
        refused("not a regular file");
        rmdir(path);
}

static int setup(void **state _unused_)
{
        int fd = mkstemp(path);

        close(fd);
        return fd < 0;
}

static int teardown(void **state _unused_)
{
        remove(path);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(white_space_is_not_sent),
                cmocka_unit_test(what_is_no_policy_is_refused),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
