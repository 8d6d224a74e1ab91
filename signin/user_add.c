// SPDX-License-Identifier: Apache-2.0
//
// add and set. What makes somebody who he is (name, uid, and once he is bound the person) is said once, when he is added, and
// never changed: another person is another user. What his passwd entry says besides, and when he expires, can be set.
#include "user_verbs.h"

#include "err.h"
#include "ids.h"
#include "local.h"
#include "local_names.h"
#include "name.h"
#include "removed.h"
#include "timefmt.h"
#include "user_clash.h"

#include <stdio.h>

static int copy(char *dst, size_t n, const char *src, const char *option)
{
        if (!src)
                return 0;
        if (strlen(src) >= n) {
                fprintf(stderr, "valetkeyd: %s is longer than %zu bytes\n", option, n - 1);
                return -EINVAL;
        }
        memcpy(dst, src, strlen(src) + 1);
        return 0;
}

// The ids of a new user: none for a local one; pinned; or derived.
static int choose_ids(struct table_user *u, const struct user_args *a)
{
        int r;

        u->uid = u->gid = TABLE_UID_NONE;
        if (a->local && a->uid)
                return user_fail(OUTCOME_INVALID_REQUEST,
                        "a local user has the uid of " USER_PASSWD ": leave --uid out");
        if (a->local)
                return 0;
        if (a->uid && user_parse_uid(a->uid, strlen(a->uid), &u->uid) < 0) {
                fprintf(stderr, "valetkeyd: --uid is not a number from %u to %u\n", TABLE_UID_MIN,
                        TABLE_UID_MAX);
                return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
        }
        if (!a->uid && !u->subject[0])
                return user_fail(OUTCOME_INVALID_REQUEST,
                        "without --subject there is nothing to derive a uid from: give --uid");
        r = a->uid ? 0 : ids_derive(u->issuer, u->subject, &u->uid);
        if (r < 0)
                return user_fail(OUTCOME_INTERNAL, "the uid cannot be derived");
        u->gid = u->uid;
        return 0;
}

// What set may change, too.
static int fill_values(struct table_user *u, const struct user_args *a)
{
        if (copy(u->subject, sizeof u->subject, a->subject, "--subject") < 0 ||
                copy(u->display, sizeof u->display, a->display, "--display") < 0 ||
                copy(u->home, sizeof u->home, a->home, "--home") < 0 ||
                copy(u->shell, sizeof u->shell, a->shell, "--shell") < 0)
                return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
        if (!a->expires)
                return 0;
        u->expires_at_s = 0;
        if (strcmp(a->expires, "never") != 0 && time_parse_iso(a->expires, &u->expires_at_s) < 0)
                return user_fail(OUTCOME_INVALID_REQUEST,
                        "--expires is not a time like 2027-01-31T00:00:00Z, nor never");
        return 0;
}

static int fill(struct table_user *u, const struct user_args *a)
{
        int r;

        if (!a->issuer)
                return user_fail(OUTCOME_INVALID_REQUEST, "--issuer is missing");
        if (a->local && !a->subject)
                return user_fail(OUTCOME_INVALID_REQUEST,
                        "--subject is missing: a local user is bound to one person at once");
        if (copy(u->name, sizeof u->name, a->name, "the name") < 0 ||
                copy(u->issuer, sizeof u->issuer, a->issuer, "--issuer") < 0)
                return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
        if (!a->local) {
                snprintf(u->home, sizeof u->home, "/home/%s", a->name);
                snprintf(u->shell, sizeof u->shell, "/bin/bash");
        }
        r = fill_values(u, a);
        return r == 0 ? choose_ids(u, a) : r;
}

// A name is local or federated, never both: the local one would win silently.
static int check_name(const struct user_args *a)
{
        struct local_user l;
        int r;

        if (!name_is_valid_user(a->name, strlen(a->name)))
                return user_fail(OUTCOME_INVALID_REQUEST,
                        "that is not a user name: lower-case letters, digits and _ . @ - only");
        r = local_find(USER_PASSWD, a->name, &l);
        if (r < 0)
                return user_fail(OUTCOME_INTERNAL, USER_PASSWD " cannot be read");
        if (!a->local && r == 0)
                return user_fail(OUTCOME_INVALID_REQUEST,
                        "a local user has that name; to bind him to a subject, add --local");
        if (a->local && r != 0)
                return user_fail(OUTCOME_INVALID_REQUEST,
                        "no local user has that name; without --local a federated one is added");
        if (a->local && l.uid == 0)
                return user_fail(OUTCOME_INVALID_REQUEST, "uid 0 never signs in through valetkey");
        return 0;
}

// Whether this machine's own names and ids leave room for a federated user.
static int check_room(const struct table_user *u)
{
        _cleanup_(local_names_freep) struct local_names *l = NULL;
        struct err err = ERR_INIT;
        int r = local_names_load(&l, USER_PASSWD, USER_GROUP);

        if (r < 0)
                return user_fail(OUTCOME_INTERNAL, USER_PASSWD " or " USER_GROUP " cannot be read");
        return local_names_leave(l, u->name, u->uid, &err) ? 0 : user_fail(OUTCOME_INVALID_REQUEST, err.text);
}

// Whose uid it was, of those who are users no more.
static int check_removed(const struct user_tables *t, const struct table_user *u, struct err *err)
{
        _cleanup_(removed_freep) struct removed *x = NULL;
        int r = removed_load(&x, t->removed);

        if (r < 0) {
                err_set(err, "%s: %s", t->removed,
                        r == -EBADMSG ? "a line in it makes no sense" : strerror(-r));
                return r;
        }
        return removed_clash(x, u, err) ? TABLE_E_DUPLICATE : 0;
}

// With the table locked: who stands there already is told by name.
static int check_clash(const struct user_tables *t, const struct table_user *u, bool local, struct err *err)
{
        struct table table = TABLE_INIT;
        int r = user_open(&table, t, local);

        if (r == 0)
                r = user_clash_in(&table, u, err);
        table_close(&table);
        return r == TABLE_E_MISSING ? 0 : r;
}

int user_add(const struct user_tables *t, const struct user_args *a)
{
        struct table_user u = {.flags = 0};
        struct table_edit *e = NULL;
        struct err err = ERR_INIT;
        const char *why;
        int r = check_name(a);

        if (r == 0)
                r = fill(&u, a);
        if (r == 0 && !a->local)
                r = check_room(&u);
        if (r != 0)
                return r;
        why = table_user_check(&u, a->local ? TABLE_LOCAL : TABLE_FEDERATED);
        if (why)
                return user_fail(OUTCOME_INVALID_REQUEST, why);
        r = user_begin(&e, t, a->local);
        if (r == 0)
                r = check_clash(t, &u, a->local, &err);
        if (r == 0 && !a->local)
                r = check_removed(t, &u, &err);
        if (r == 0)
                r = table_edit_add(e, &u);
        if (r == 0)
                r = table_edit_commit(e);
        table_edit_free(e);
        if (err.text[0])
                return user_fail(OUTCOME_INVALID_REQUEST, err.text);
        return r == 0 ? 0 : user_fail_table(r, a->local ? t->local : t->federated);
}

// ---- set

static int change_values(
        const struct user_tables *t, const struct user_args *a, struct table_edit *e, struct table_user *u)
{
        bool was_bound = u->subject[0];
        struct err err = ERR_INIT;
        const char *why;
        int r;

        if (a->subject && was_bound)
                return user_fail(OUTCOME_INVALID_REQUEST,
                        "he is bound to a person already, and stays so: another person is another user");
        r = fill_values(u, a);
        if (r != 0)
                return r;
        why = table_user_check(u, a->local ? TABLE_LOCAL : TABLE_FEDERATED);
        if (why)
                return user_fail(OUTCOME_INVALID_REQUEST, why);
        r = table_edit_replace(e, u);
        if (r == 0)
                r = table_edit_commit(e);
        if (r == TABLE_E_DUPLICATE) {
                err_set(&err, "that subject is another user already");
                return user_fail(OUTCOME_INVALID_REQUEST, err.text);
        }
        return r == 0 ? 0 : user_fail_table(r, a->local ? t->local : t->federated);
}

int user_set(const struct user_tables *t, const struct user_args *a)
{
        struct table_edit *e = NULL;
        struct table_user u;
        int r;

        if (!a->subject && !a->display && !a->home && !a->shell && !a->expires)
                return user_fail(OUTCOME_INVALID_REQUEST, "there is nothing to set");
        r = user_begin(&e, t, a->local);
        if (r == 0)
                r = table_edit_get(e, a->name, &u);
        r = r == 0 ? change_values(t, a, e, &u) : user_fail_table(r, a->local ? t->local : t->federated);
        table_edit_free(e);
        return r;
}
