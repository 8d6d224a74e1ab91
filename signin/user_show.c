// SPDX-License-Identifier: Apache-2.0
//
// list and show: what the two tables say, for people and as JSON. A table that is not there is empty.
#include "user_verbs.h"

#include "err.h"
#include "timefmt.h"

#include <jansson.h>
#include <stdio.h>

static const char *state_of(const struct table_user *u, bool local)
{
        return u->flags & TABLE_USER_LOCKED ? "locked"
               : u->refused_at_s            ? "refused"
               : local                      ? "local"
                                            : "federated";
}

static const char *time_or(char room[TIME_ISO_LEN + 1], int64_t s, const char *otherwise)
{
        if (!s)
                return otherwise;
        time_format_iso(room, s);
        return room;
}

static void print_row(const struct table_user *u, bool local)
{
        char id[16] = "-", when[TIME_ISO_LEN + 1];

        if (!local)
                snprintf(id, sizeof id, "%u", u->uid);
        printf("%-20s %-10s %-9s %-20s %s %s\n", u->name, id, state_of(u, local),
                time_or(when, u->last_success_s, "never"), u->subject[0] ? u->subject : "(not bound yet)",
                u->issuer);
}

static void print_all(const struct table_user *u, bool local)
{
        char t[3][TIME_ISO_LEN + 1];

        printf("name          %s\nkind          %s\n", u->name, local ? "local" : "federated");
        if (!local)
                printf("uid, gid      %u, %u\n", u->uid, u->gid);
        printf("state         %s\n", u->flags & TABLE_USER_LOCKED ? "locked"
                                     : u->refused_at_s ? "refused: the provider did not renew the sign-in"
                                                       : "good");
        printf("issuer        %s\nsubject       %s\n", u->issuer,
                u->subject[0] ? u->subject : "(not bound yet)");
        printf("last sign-in  %s\n", time_or(t[0], u->last_success_s, "never"));
        if (u->refused_at_s)
                printf("refused at    %s\n", time_or(t[1], u->refused_at_s, ""));
        printf("expires       %s\n", time_or(t[2], u->expires_at_s, "never"));
        if (u->display[0])
                printf("display       %s\n", u->display);
        if (u->home[0])
                printf("home          %s\n", u->home);
        if (u->shell[0])
                printf("shell         %s\n", u->shell);
}

// NULL: no memory.
static json_t *as_json(const struct table_user *u, bool local)
{
        json_t *o = json_pack("{s:s, s:s, s:b, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s}", "name", u->name,
                "kind", local ? "local" : "federated", "locked", (int)(u->flags & TABLE_USER_LOCKED),
                "issuer", u->issuer, "subject", u->subject, "expires_at", (json_int_t)u->expires_at_s,
                "last_success", (json_int_t)u->last_success_s, "refused_at", (json_int_t)u->refused_at_s,
                "display", u->display, "home", u->home, "shell", u->shell);

        if (o && !local && json_object_set_new(o, "uid", json_integer(u->uid)) < 0) {
                json_decref(o);
                return NULL;
        }
        return o;
}

static int print_json(const json_t *json)
{
        if (json_dumpf(json, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) < 0 || putchar('\n') == EOF ||
                fflush(stdout) == EOF)
                return user_fail(OUTCOME_INTERNAL, "cannot write to stdout");
        return 0;
}

static int list_one(const struct user_tables *t, bool local, json_t *json)
{
        struct table table = TABLE_INIT;
        struct table_user u;
        uint64_t cursor = 0;
        int r = user_open(&table, t, local);

        if (r == TABLE_E_MISSING)
                return 0;
        while (r == 0 && (r = table_next(&table, &cursor, &u)) == 0) {
                if (json)
                        r = json_array_append_new(json, as_json(&u, local)) < 0 ? -ENOMEM : 0;
                else
                        print_row(&u, local);
        }
        table_close(&table);
        return r == TABLE_E_NOT_FOUND ? 0 : user_fail_table(r, local ? t->local : t->federated);
}

int user_list(const struct user_tables *t, const struct user_args *a)
{
        json_t *json = a->json ? json_array() : NULL;
        int r;

        if (a->json && !json)
                return user_fail(OUTCOME_INTERNAL, "out of memory");
        if (!json)
                printf("%-20s %-10s %-9s %-20s %s\n", "NAME", "UID", "KIND", "LAST SIGN-IN",
                        "SUBJECT ISSUER");
        r = list_one(t, false, json);
        if (r == 0)
                r = list_one(t, true, json);
        if (json && r == 0)
                r = print_json(json);
        json_decref(json);
        if (r == 0 && fflush(stdout) == EOF)
                return user_fail(OUTCOME_INTERNAL, "cannot write to stdout");
        return r;
}

// The names of the groups a user is in, appended to list. 0, TABLE_E_*, -errno.
static int find_groups(const struct table *table, uint32_t uid, json_t *list)
{
        struct table_membership m;
        struct table_group g;
        int r = table_groups_of(table, uid, &m);

        if (r == TABLE_E_NOT_FOUND)
                return 0;
        for (size_t i = 0; r == 0 && i < m.n_gids; i++) {
                r = table_find_gid(table, m.gids[i], &g);
                if (r == 0 && json_array_append_new(list, json_string(g.name)) < 0)
                        r = -ENOMEM;
        }
        return r;
}

static int find(
        const struct user_tables *t, bool local, const char *name, struct table_user *ret, json_t *groups)
{
        struct table table = TABLE_INIT;
        int r = user_open(&table, t, local);

        if (r == 0)
                r = table_find_name(&table, name, ret);
        if (r == 0 && !local)
                r = find_groups(&table, ret->uid, groups);
        table_close(&table);
        return r == TABLE_E_MISSING ? TABLE_E_NOT_FOUND : r;
}

static int show(const struct table_user *u, bool local, const json_t *groups, bool as_document)
{
        json_t *json = as_document ? as_json(u, local) : NULL;
        const json_t *g;
        size_t i;
        int r;

        if (as_document) {
                r = json && (local || json_object_set(json, "groups", (json_t *)(uintptr_t)groups) == 0)
                            ? print_json(json)
                            : user_fail(OUTCOME_INTERNAL, "out of memory");
                json_decref(json);
                return r;
        }
        print_all(u, local);
        json_array_foreach(groups, i, g) printf("%s%s", i ? " " : "groups        ", json_string_value(g));
        if (json_array_size(groups))
                putchar('\n');
        return fflush(stdout) == EOF ? user_fail(OUTCOME_INTERNAL, "cannot write to stdout") : 0;
}

int user_show(const struct user_tables *t, const struct user_args *a)
{
        json_t *groups = json_array();
        struct table_user u;
        bool local = false;
        int r = groups ? find(t, false, a->name, &u, groups) : -ENOMEM;

        if (r == TABLE_E_NOT_FOUND) {
                local = true;
                r = find(t, true, a->name, &u, groups);
        }
        r = r == 0 ? show(&u, local, groups, a->json) : user_fail_table(r, local ? t->local : t->federated);
        json_decref(groups);
        return r;
}
