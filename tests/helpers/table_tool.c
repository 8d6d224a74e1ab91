// SPDX-License-Identifier: Apache-2.0
//
// Writes a user table as whole-program tests want it: table_tool FILE, and on standard input lines of
//     user NAME UID    group NAME GID    member USER GID…    admit PATTERN    remove USER
// which change what is there. Nothing of it is checked but by the writer itself.
#include "util.h"
#include "write.h"

#include <stdio.h>
#include <sys/stat.h>

static int add_user(struct table_edit *e, const char *name, uint32_t uid)
{
        struct table_user u = {
                .uid = uid, .gid = uid, .issuer = "https://login.example.com", .shell = "/bin/bash"};

        snprintf(u.name, sizeof u.name, "%s", name);
        snprintf(u.subject, sizeof u.subject, "subject-%u", uid);
        snprintf(u.display, sizeof u.display, "%s Example", name);
        snprintf(u.home, sizeof u.home, "/home/%s", name);
        return table_edit_add(e, &u);
}

static int admit(struct table_edit *e, const char *pattern)
{
        struct table_newcomers x;

        table_edit_get_newcomers(e, &x);
        if (x.n == TABLE_NEWCOMERS_MAX)
                return TABLE_E_INVALID;
        snprintf(x.pattern[x.n++], TABLE_PATTERN_MAX, "%s", pattern);
        return table_edit_set_newcomers(e, &x);
}

static uint32_t number(const char *s)
{
        return s ? (uint32_t)strtoul(s, NULL, 10) : 0;
}

static int change(struct table_edit *e, char *line)
{
        uint32_t gids[TABLE_GROUPS_OF_USER_MAX];
        char *rest = line, *word = strsep(&rest, " "), *name = strsep(&rest, " ");
        size_t n = 0;

        if (!name)
                return TABLE_E_INVALID;
        if (strcmp(word, "user") == 0)
                return add_user(e, name, number(rest));
        if (strcmp(word, "group") == 0)
                return table_edit_set_group(e, name, number(rest));
        if (strcmp(word, "admit") == 0)
                return admit(e, name);
        if (strcmp(word, "remove") == 0)
                return table_edit_remove(e, name);
        if (strcmp(word, "member") != 0)
                return TABLE_E_INVALID;
        while ((word = strsep(&rest, " ")) && n < ARRAY_SIZE(gids))
                gids[n++] = number(word);
        return table_edit_set_groups_of(e, name, gids, n);
}

int main(int argc, char **argv)
{
        uid_t owners[3] = {0, geteuid()};
        struct table_edit *e = NULL;
        char line[512];
        struct stat st;
        int r;

        if (argc != 2)
                return 2;
        // root may change what is valetkeyd's
        owners[2] = stat(argv[1], &st) == 0 ? st.st_uid : 0;
        r = table_edit_begin(&e, argv[1], TABLE_FEDERATED, owners, ARRAY_SIZE(owners), 5000);
        while (r == 0 && fgets(line, sizeof line, stdin)) {
                line[strcspn(line, "\n")] = 0;
                r = change(e, line);
                if (r != 0)
                        fprintf(stderr, "table_tool: %s: ", line);
        }
        if (r == 0)
                r = table_edit_commit(e);
        table_edit_free(e);
        if (r != 0)
                fprintf(stderr, "%s\n", table_result_text(r));
        return r != 0;
}
