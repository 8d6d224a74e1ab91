// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as the user table, asked through the NSS module's functions with buffers of many sizes: what is answered is in
// the buffer, ends there, and is nobody of the system. Once as the bytes are and once with their checksums put right.
#include "group.h"
#include "mend_table.h"
#include "passwd.h"
#include "util.h"

#include <fcntl.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
        if (!good)
                abort();
}

static bool ours(uint32_t id)
{
        return id >= TABLE_UID_MIN && id <= TABLE_UID_MAX;
}

// A string that begins and ends in the buffer.
static void expect_in(const char *s, const char *buf, size_t n)
{
        expect(s >= buf && s < buf + n && memchr(s, 0, (size_t)(buf + n - s)));
        expect(!strchr(s, '\n') && !strchr(s, ':'));
}

static void ask_passwd(const struct guest_paths *p, const char *name, uint32_t uid, char *buf, size_t n)
{
        struct passwd e;
        int r = name ? passwd_by_name(p, name, &e, buf, n) : passwd_by_uid(p, uid, &e, buf, n);

        if (r != 0)
                return;
        expect(ours(e.pw_uid) && ours(e.pw_gid) && (name ? strcmp(e.pw_name, name) == 0 : e.pw_uid == uid));
        expect_in(e.pw_name, buf, n);
        expect_in(e.pw_passwd, buf, n);
        expect_in(e.pw_gecos, buf, n);
        expect_in(e.pw_dir, buf, n);
        expect_in(e.pw_shell, buf, n);
        expect(strcmp(e.pw_passwd, "*") == 0 && strcmp(e.pw_name, "local") != 0);
}

static void ask_group(const struct guest_paths *p, const char *name, uint32_t gid, char *buf, size_t n)
{
        struct group e;
        int r = name ? group_by_name(p, name, &e, buf, n) : group_by_gid(p, gid, &e, buf, n);

        if (r != 0)
                return;
        expect(ours(e.gr_gid) && (name ? strcmp(e.gr_name, name) == 0 : e.gr_gid == gid));
        expect_in(e.gr_name, buf, n);
        expect_in(e.gr_passwd, buf, n);
        for (char **m = e.gr_mem; *m; m++) {
                expect((char *)m >= buf && (char *)(m + 1) <= buf + n);
                expect_in(*m, buf, n);
                expect(strcmp(*m, "local") != 0);
        }
}

static void ask(const struct guest_paths *p, char *buf, size_t n)
{
        static const char *const names[] = {"alice", "bob", "admins", "readers", "local"};
        struct table_membership m;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                ask_passwd(p, names[i], 0, buf, n);
                ask_group(p, names[i], 0, buf, n);
                if (group_of_user(p, names[i], &m) == 0)
                        for (size_t k = 0; k < m.n_gids; k++)
                                expect(ours(m.gids[k]));
        }
        for (uint32_t i = 0; i < 2; i++) {
                ask_passwd(p, NULL, TABLE_UID_MIN + i, buf, n);
                ask_group(p, NULL, TABLE_UID_MIN + i, buf, n);
                ask_group(p, NULL, TABLE_UID_MIN + 1000 + i, buf, n);
        }
}

static char folder[32], table[48], passwd[48], group[48];

static void remove_files(void)
{
        unlink(table);
        unlink(passwd);
        unlink(group);
        rmdir(folder);
}

static void write_file(const char *path, const void *p, size_t n)
{
        int fd;

        unlink(path); // a file that is emptied and written again waits for the disk
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        expect(fd >= 0 && write(fd, p, n) == (ssize_t)n);
        close(fd);
}

static void make_files(void)
{
        char lines[128];

        if (folder[0])
                return;
        snprintf(folder, sizeof folder, "/tmp/fuzz_nss.XXXXXX");
        expect(mkdtemp(folder) != NULL && atexit(remove_files) == 0);
        snprintf(table, sizeof table, "%s/users", folder);
        snprintf(passwd, sizeof passwd, "%s/passwd", folder);
        snprintf(group, sizeof group, "%s/group", folder);
        snprintf(lines, sizeof lines, "valetkey:x:%u:1::/:\nlocal:x:1000:1000::/:/bin/sh\n", geteuid());
        write_file(passwd, lines, strlen(lines));
        write_file(group, "plain:x:50:\n", 12);
}

static void look(const uint8_t *p, size_t n)
{
        static const size_t sizes[] = {0, 1, 8, 31, 64, 100, 256, 4096};
        const struct guest_paths paths = {table, passwd, group};

        make_files();
        write_file(table, p, n);
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                // a block of exactly that size, at an odd address, for the sanitiser to guard
                char *block = malloc(sizes[i] + 1);

                expect(block != NULL);
                ask(&paths, block + 1, sizes[i]);
                free(block);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *p = calloc(1, size + 1);

        expect(p != NULL);
        if (size)
                memcpy(p, data, size);
        look(p, size);
        mend_table(p, size);
        look(p, size);
        free(p);
        return 0;
}
