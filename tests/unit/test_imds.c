// SPDX-License-Identifier: Apache-2.0
//
// The redirection's parts that need no kernel: the program as instructions, whom valetkeyd may speak for, the file of the ports.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "ports_watch.h"
#include "program.h"
#include "whose.h"
#include "write.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>

static char dir[] = "/tmp/test_imds.XXXXXX", table[64], passwd[64], ports[64];

static void write_file(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static int begin(void **state)
{
        (void)state;
        if (!mkdtemp(dir))
                return -1;
        snprintf(table, sizeof table, "%s/users", dir);
        snprintf(passwd, sizeof passwd, "%s/passwd", dir);
        snprintf(ports, sizeof ports, "%s/ports", dir);
        write_file(passwd, "root:x:0:0::/root:/bin/sh\ncarol:x:1001:1001::/home/carol:/bin/sh\n"
                           "dave:x:1002:1002::/home/dave:/bin/sh\n");
        return 0;
}

static int end(void **state)
{
        char lock[80];

        (void)state;
        snprintf(lock, sizeof lock, "%s.lock", table);
        unlink(lock);
        unlink(table);
        unlink(passwd);
        unlink(ports);
        return rmdir(dir);
}

// ---- the program

static bool is_jump(const struct bpf_insn *i)
{
        uint8_t class = BPF_CLASS(i->code), op = BPF_OP(i->code);

        return class == BPF_JMP32 || (class == BPF_JMP && op != BPF_CALL && op != BPF_EXIT);
}

static bool is_wide(const struct bpf_insn *i)
{
        return i->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static void every_jump_goes_forward_to_an_instruction(void **state)
{
        const struct program_options variants[] = {{.map_fd = 5, .netns_cookie = 1},
                {.map_fd = 5, .netns_cookie = UINT64_MAX, .six = true}, {.map_fd = 5, .pass_below = 1000},
                {.map_fd = 5, .pass_below = UINT32_MAX - 1, .six = true}};

        (void)state;
        for (size_t v = 0; v < ARRAY_SIZE(variants); v++) {
                struct bpf_insn p[PROGRAM_MAX];
                bool begins[PROGRAM_MAX] = {false};
                size_t n = program_write(p, &variants[v]), jumps = 0;

                assert_in_range(n, 50, PROGRAM_MAX);
                for (size_t i = 0; i < n; i += is_wide(&p[i]) ? 2 : 1)
                        begins[i] = true;
                for (size_t i = 0; i < n; i += is_wide(&p[i]) ? 2 : 1) {
                        if (!is_jump(&p[i]))
                                continue;
                        jumps++;
                        assert_true(p[i].off >= 0);
                        assert_true(i + 1 + (size_t)p[i].off < n);
                        assert_true(begins[i + 1 + (size_t)p[i].off]);
                }
                assert_true(jumps > 15);
                assert_int_equal(p[n - 1].code, BPF_JMP | BPF_EXIT);
        }
}

static bool has_imm(const struct bpf_insn *p, size_t n, uint32_t imm)
{
        for (size_t i = 0; i < n; i++)
                if ((uint32_t)p[i].imm == imm && !is_wide(&p[i]))
                        return true;
        return false;
}

static void nobody_passes_unless_it_is_said(void **state)
{
        struct program_options o = {.map_fd = 5};
        struct bpf_insn p[PROGRAM_MAX];
        size_t n = program_write(p, &o), more;

        (void)state;
        assert_true(has_imm(p, n, htonl(0xa9fea9fe)));
        assert_true(has_imm(p, n, htonl(0xa9feaa02)));
        assert_true(has_imm(p, n, htonl(INADDR_LOOPBACK)));
        o.pass_below = 4711;
        more = program_write(p, &o);
        assert_int_equal(more, n + 1);
        assert_true(has_imm(p, more, 4711));
}

// ---- whose

static void bind_local(const char *name)
{
        const uid_t root = 0;
        struct table_user u = {
                .uid = TABLE_UID_NONE, .gid = TABLE_UID_NONE, .issuer = "https://a.example", .subject = "s"};
        struct table_edit *e;

        snprintf(u.name, sizeof u.name, "%s", name);
        snprintf(u.subject, sizeof u.subject, "sub-%s", name);
        assert_int_equal(table_edit_begin(&e, table, TABLE_LOCAL, &root, 1, 0), 0);
        assert_int_equal(table_edit_add(e, &u), 0);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

static void whom_valetkeyd_may_speak_for(void **state)
{
        struct whose w;
        int r = 0;

        (void)state;
        if (geteuid() != 0) {
                print_message("the table is root's\n");
                skip();
        }
        assert_int_equal(whose_read(&w, table, passwd), 0);
        assert_int_equal(w.fault, 0); // there is no table, which is no fault
        assert_true(whose_is_ours(&w, TABLE_UID_MIN) && whose_is_ours(&w, TABLE_UID_MAX));
        assert_false(whose_is_ours(&w, TABLE_UID_MIN - 1) || whose_is_ours(&w, TABLE_UID_MAX + 1));
        assert_false(whose_is_ours(&w, 0) || whose_is_ours(&w, 1001));
        whose_deinit(&w);

        bind_local("carol");
        bind_local("nobody-of-that-name");
        FAULT_EACH(50, r = whose_read(&w, table, passwd))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
        assert_true(whose_is_ours(&w, 1001));
        assert_false(whose_is_ours(&w, 1002) || whose_is_ours(&w, 0));
        whose_deinit(&w);

        // a table that others may write names nobody
        assert_int_equal(chmod(table, 0666), 0);
        assert_int_equal(whose_read(&w, table, passwd), 0);
        assert_int_equal(w.fault, TABLE_E_UNSAFE);
        assert_false(whose_is_ours(&w, 1001));
        whose_deinit(&w);
}

// ---- the file

static void the_file_is_read_or_refused(void **state)
{
        static struct ports_entry e[PORTS_LIST_MAX];
        struct ports_list l = {.e = e};
        struct err err = ERR_INIT;
        char path[80];
        int r = 0;

        (void)state;
        assert_int_equal(ports_watch_read(&l, ports, &err), 0); // there is none
        assert_int_equal(l.n, 0);
        write_file(ports, "valetkey ports 1\n1001 61001\n");
        assert_int_equal(chmod(ports, 0644), 0);
        FAULT_EACH(50, r = ports_watch_read(&l, ports, &err))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
        assert_int_equal(l.n, 1);
        assert_int_equal(e[0].port, 61001);
        assert_int_equal(chmod(ports, 0664), 0);
        assert_int_equal(ports_watch_read(&l, ports, &err), -EPERM);
        write_file(ports, "valetkey ports 1\n1001 61001");
        assert_int_equal(chmod(ports, 0644), 0);
        assert_int_equal(ports_watch_read(&l, ports, &err), -EBADMSG);
        snprintf(path, sizeof path, "%s/link", dir);
        assert_int_equal(symlink(ports, path), 0);
        assert_int_equal(ports_watch_read(&l, path, &err), -ELOOP);
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_jump_goes_forward_to_an_instruction),
                cmocka_unit_test(nobody_passes_unless_it_is_said),
                cmocka_unit_test(whom_valetkeyd_may_speak_for),
                cmocka_unit_test(the_file_is_read_or_refused),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
