// SPDX-License-Identifier: Apache-2.0
//
// The users' ports: the file, the order they are given in, a full table.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "ports.h"
#include "ports_file.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char dir[] = "/tmp/test_ports.XXXXXX", path[64];
static unsigned stored;

static int begin(void **state)
{
        (void)state;
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof path, "%s/ports", dir);
        return 0;
}

static int end(void **state)
{
        char aside[80];

        (void)state;
        snprintf(aside, sizeof aside, "%s.damaged", path);
        unlink(aside);
        unlink(path);
        return rmdir(dir);
}

static int parse(const char *text)
{
        struct ports_entry e[8];
        struct ports_list l = {.e = e};

        return ports_list_parse(&l, ARRAY_SIZE(e), text, strlen(text));
}

static void the_file(void **state)
{
        static const char *const bad[] = {
                "",
                "valetkey ports 2\n",
                "valetkey ports 1",
                "valetkey ports 1\n1000",
                "valetkey ports 1\n1000 61000",
                "valetkey ports 1\n1000 61000\n\n",
                "valetkey ports 1\n1000  61000\n",
                "valetkey ports 1\n1000 061000\n",
                "valetkey ports 1\n0 61000\n",
                "valetkey ports 1\n4294967295 61000\n",
                "valetkey ports 1\n1000 1023\n",
                "valetkey ports 1\n1000 65536\n",
                "valetkey ports 1\n-1 61000\n",
                "valetkey ports 1\n1000 61000\n1000 61001\n", // two ports
                "valetkey ports 1\n1000 61000\n1001 61000\n", // two users
                "valetkey ports 1\n1001 61000\n1000 61001\n", // not as it is written
                "valetkey ports 1\n1 2001\n2 2002\n3 2003\n4 2004\n5 2005\n6 2006\n7 2007\n8 2008\n9 2009\n",
        };

        (void)state;
        assert_int_equal(parse("valetkey ports 1\n"), 0);
        assert_int_equal(parse("valetkey ports 1\n1000 61000\n4294967294 1024\n"), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (parse(bad[i]) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
}

static void on_store(void *arg, int fd)
{
        (void)arg;
        (void)fd;
        stored++;
}

static void what_is_given_is_read_back(void **state)
{
        static const struct ports_stored to = {.store = on_store};
        struct ports *p = NULL;
        uint16_t first[50], again;
        int fd;

        (void)state;
        assert_int_equal(ports_new(&p, path, &to), 0);
        stored = 0;
        for (unsigned i = 0; i < ARRAY_SIZE(first); i++) {
                assert_int_equal(ports_get(p, 5000 + i, &first[i], &fd), 0);
                assert_true(first[i] >= 20000 && (first[i] < 32768 || first[i] > 60999));
                for (unsigned k = 0; k < i; k++)
                        assert_true(first[k] != first[i]);
        }
        assert_int_equal(stored, ARRAY_SIZE(first));
        for (unsigned i = 0; i < ARRAY_SIZE(first); i++) {
                assert_int_equal(ports_get(p, 5000 + i, &again, &fd), 0);
                assert_int_equal(again, first[i]);
        }
        assert_int_equal(stored, ARRAY_SIZE(first));
        p = ports_free(p);
        assert_int_equal(ports_new(&p, path, NULL), 0);
        for (unsigned i = ARRAY_SIZE(first); i-- > 0;) {
                assert_int_equal(ports_get(p, 5000 + i, &again, &fd), 0);
                assert_int_equal(again, first[i]);
        }
        p = ports_free(p);
        assert_int_equal(unlink(path), 0);
}

// A broker listens on a port that was the daemon's once, and the file that knew whose it is is gone.
static void a_port_that_somebody_listens_on_is_not_given(void **state)
{
        struct ports *p = NULL;
        uint16_t lost, port;
        int fd, broker;

        (void)state;
        assert_int_equal(ports_new(&p, path, NULL), 0);
        assert_int_equal(ports_get(p, 5000, &lost, &fd), 0);
        broker = dup(fd);
        assert_int_equal(listen(broker, 1), 0);
        p = ports_free(p);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(ports_new(&p, path, NULL), 0);
        assert_int_equal(ports_get(p, 5000, &port, &fd), 0); // whoever it is now
        assert_true(port != lost);
        ports_free(p);
        close(broker);
        assert_int_equal(unlink(path), 0);
}

// As many users as there can be, of whom one came since the machine was started: another takes the place of one who did not.
static void a_full_table(void **state)
{
        struct ports_list l = {.e = calloc(PORTS_MAX, sizeof *l.e), .n = PORTS_MAX};
        struct ports *p = NULL;
        uint16_t port, kept;
        int fd;

        (void)state;
        assert_non_null(l.e);
        for (unsigned i = 0; i < PORTS_MAX; i++)
                l.e[i] = (struct ports_entry){.uid = 10000 + i, .port = (uint16_t)(1024 + i)};
        assert_int_equal(ports_file_write(path, &l), 0);
        free(l.e);
        assert_int_equal(ports_new(&p, path, NULL), 0);
        assert_int_equal(ports_get(p, 10000 + 9000, &kept, &fd), 0); // in use or not, he has one
        assert_int_equal(ports_get(p, 5, &port, &fd), 0);
        assert_true(port != kept);
        assert_int_equal(ports_get(p, 5, &kept, &fd), 0);
        assert_int_equal(port, kept);
        ports_free(p);
        assert_int_equal(unlink(path), 0);
}

static void memory_that_runs_out_gives_nobody_two(void **state)
{
        struct ports *p = NULL;
        uint16_t port, again;
        int fd, r = 0;

        (void)state;
        FAULT_EACH(50, r = ports_new(&p, path, NULL))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
        FAULT_EACH(50, r = ports_get(p, 7, &port, &fd))
        {
                assert_true(r == PORTS_E_UNSAVED || r == -ENOMEM);
                assert_int_not_equal(access(path, F_OK), 0);
        }
        assert_int_equal(r, 0);
        assert_int_equal(ports_get(p, 7, &again, &fd), 0);
        assert_int_equal(again, port);
        ports_free(p);
        assert_int_equal(unlink(path), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_file),
                cmocka_unit_test(what_is_given_is_read_back),
                cmocka_unit_test(a_port_that_somebody_listens_on_is_not_given),
                cmocka_unit_test(a_full_table),
                cmocka_unit_test(memory_that_runs_out_gives_nobody_two),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
