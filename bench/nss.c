// SPDX-License-Identifier: Apache-2.0
//
// What a name service costs a process that asks: nss table FILE N writes a user table; nss time SERVICE N LOOKUPS LOOKUPS asks
// that service alone, through libc, for users of N, and prints the CPU time of one lookup in microseconds by name, by uid,
// and of all groups of a user. bench/nss.py makes the same users for every service.
#include "util.h"
#include "write.h"

#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <time.h>

#define GROUPS  20u
#define OF_THEM 3u // each user's
#define GID(i)  (TABLE_UID_MAX - (i))
#define UID(i)  (TABLE_UID_MIN + (i))

static int write_table(const char *path, uint32_t n)
{
        const uid_t me = geteuid();
        struct table_edit *e = NULL;
        int r = table_edit_begin(&e, path, TABLE_FEDERATED, &me, 1, 0);

        for (uint32_t i = 0; r == 0 && i < GROUPS; i++) {
                char name[32];

                snprintf(name, sizeof name, "team%u", i);
                r = table_edit_set_group(e, name, GID(i));
        }
        for (uint32_t i = 0; r == 0 && i < n; i++) {
                struct table_user u = {.uid = UID(i), .gid = UID(i), .shell = "/bin/bash"};
                uint32_t gids[OF_THEM];

                for (uint32_t k = 0; k < OF_THEM; k++)
                        gids[k] = GID((i + k) % GROUPS);
                snprintf(u.name, sizeof u.name, "user%u", i);
                snprintf(u.issuer, sizeof u.issuer, "https://login.example.com/realms/corp");
                snprintf(u.subject, sizeof u.subject, "3f0c9a4e-8d1b-4b7e-9c55-%012u", i);
                snprintf(u.display, sizeof u.display, "User Number %u", i);
                snprintf(u.home, sizeof u.home, "/home/user%u", i);
                r = table_edit_add(e, &u);
                if (r == 0)
                        r = table_edit_set_groups_of(e, u.name, gids, OF_THEM);
        }
        if (r == 0)
                r = table_edit_commit(e);
        table_edit_free(e);
        if (r != 0)
                fprintf(stderr, "%s: %s\n", path, table_result_text(r));
        return r != 0;
}

static double cpu_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static bool by_name(uint32_t i)
{
        char name[32], buf[1024];
        struct passwd p, *found = NULL;

        snprintf(name, sizeof name, "user%u", i);
        return getpwnam_r(name, &p, buf, sizeof buf, &found) == 0 && found && p.pw_uid == UID(i);
}

static bool by_uid(uint32_t i)
{
        struct passwd p, *found = NULL;
        char buf[1024];

        return getpwuid_r(UID(i), &p, buf, sizeof buf, &found) == 0 && found &&
               strncmp(p.pw_name, "user", 4) == 0;
}

static bool groups_of(uint32_t i)
{
        char name[32];
        gid_t list[64];
        int n = ARRAY_SIZE(list);

        snprintf(name, sizeof name, "user%u", i);
        return getgrouplist(name, UID(i), list, &n) >= 0 && n == 1 + (int)OF_THEM;
}

static int measure(const char *service, uint32_t n, uint32_t of_users, uint32_t of_groups)
{
        static const struct {
                const char *what;
                bool (*ask)(uint32_t i);
        } rows[] = {{"getpwnam", by_name}, {"getpwuid", by_uid}, {"initgroups", groups_of}};

        __nss_configure_lookup("passwd", service);
        __nss_configure_lookup("group", service);
        __nss_configure_lookup("initgroups", service);
        for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
                uint32_t lookups = rows[k].ask == groups_of ? of_groups : of_users;
                double start = 0;

                // The first loads the module.
                for (uint32_t i = 0; i < 1 + lookups; i++) {
                        if (i == 1)
                                start = cpu_us();
                        if (!rows[k].ask((uint32_t)(i * 2654435761u) % n)) {
                                fprintf(stderr, "%s: %s does not know user %u\n", service, rows[k].what,
                                        (uint32_t)(i * 2654435761u) % n);
                                return 1;
                        }
                }
                printf("%s %.3f\n", rows[k].what, (cpu_us() - start) / lookups);
        }
        return 0;
}

int main(int argc, char **argv)
{
        if (argc == 4 && strcmp(argv[1], "table") == 0)
                return write_table(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
        if (argc == 6 && strcmp(argv[1], "time") == 0)
                return measure(argv[2], (uint32_t)strtoul(argv[3], NULL, 10),
                        (uint32_t)strtoul(argv[4], NULL, 10), (uint32_t)strtoul(argv[5], NULL, 10));
        fprintf(stderr, "usage: nss table FILE N | nss time SERVICE N LOOKUPS LOOKUPS\n");
        return 2;
}
