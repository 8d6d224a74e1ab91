// SPDX-License-Identifier: Apache-2.0
//
// No daemon is asked and nothing is waited for: the tables are what every login goes by, too. Being somebody else's by now (the
// name went to another uid, or the uid to another name) is being removed.
#include "account.h"

#include "log.h"

#include <pwd.h>
#include <stdio.h>

#define LOOK_MS   INT64_C(1000)
#define MINUTE_MS INT64_C(60000)

struct account {
        const struct matching_where *where;
        struct loop *loop;
        struct timer *minute, *tell;
        char name[65];
        bool was_ours;
        bool looked;
        int64_t looked_boot_ms;
        enum outcome last;
        void (*gone)(void *arg, const char *why);
        void *arg;
};

static void find_uid(struct ours_user *u, const struct matching_where *where)
{
        const struct ours_paths *p = &where->tables;
        struct table t = TABLE_INIT;
        int r = table_open(&t, p->table, TABLE_FEDERATED, p->owners, p->n_owners);

        *u = (struct ours_user){.kind = OURS_NOT, .uid = TABLE_UID_NONE, .gid = TABLE_UID_NONE};
        if (r == 0)
                r = table_find_uid(&t, where->uid, &u->entry);
        table_close(&t);
        if (r == 0) {
                u->kind = OURS_FEDERATED;
                u->uid = u->entry.uid;
                u->gid = u->entry.gid;
        } else if (r != TABLE_E_NOT_FOUND) {
                u->kind = OURS_UNKNOWN;
                u->fault = r;
                u->fault_path = p->table;
        }
}

void account_find(struct ours_user *ret, const struct matching_where *where, const char *name)
{
        if (name) {
                ours_find(ret, &where->tables, name);
                if ((ret->kind != OURS_NOT && (ret->kind == OURS_UNKNOWN || ret->uid == where->uid)) ||
                        ret->fault)
                        return;
        }
        find_uid(ret, where);
}

static enum outcome standing(struct account *a)
{
        const struct clock *c = loop_clock(a->loop);
        struct ours_user u;

        account_find(&u, a->where, a->name[0] ? a->name : NULL);
        if (u.kind == OURS_UNKNOWN || u.fault)
                return a->last; // what was known last
        if (u.kind == OURS_NOT)
                return a->was_ours ? OUTCOME_NOT_OURS : OUTCOME_OK;
        a->was_ours = true;
        switch (ours_standing(&u, clock_wall_s(c), 0)) {
        case STANDING_LOCKED:
                return OUTCOME_ACCOUNT_LOCKED;
        case STANDING_EXPIRED:
                return OUTCOME_ACCOUNT_EXPIRED;
        case STANDING_GOOD:
        case STANDING_REFUSED: // the grant that was refused is over; one that came since is good
        case STANDING_TOO_OLD:
        case STANDING_CLOCK_WRONG:
                break;
        }
        return OUTCOME_OK;
}

static const char *why_not(enum outcome o)
{
        return o == OUTCOME_ACCOUNT_LOCKED    ? "this account is locked"
               : o == OUTCOME_ACCOUNT_EXPIRED ? "this account has expired"
                                              : "this account was removed";
}

bool account_is_ours(const struct account *a)
{
        return a && a->was_ours;
}

enum outcome account_check(struct account *a, struct err *err)
{
        int64_t now;

        if (!a)
                return OUTCOME_OK;
        now = loop_clock(a->loop)->boot_ms(loop_clock(a->loop));
        if (!a->looked || now - a->looked_boot_ms >= LOOK_MS) {
                a->looked = true;
                a->looked_boot_ms = now;
                a->last = standing(a);
                if (a->last != OUTCOME_OK)
                        timer_arm_in(a->tell, 0);
        }
        if (a->last != OUTCOME_OK)
                err_set(err, "%s; the administrator can say why", why_not(a->last));
        return a->last;
}

static void on_tell(void *arg)
{
        struct account *a = arg;

        if (a->last != OUTCOME_OK)
                a->gone(a->arg, why_not(a->last));
}

static void on_minute(void *arg)
{
        struct account *a = arg;

        (void)account_check(a, NULL);
        if (a->was_ours)
                timer_arm_in(a->minute, MINUTE_MS);
}

int account_new(struct account **ret, struct loop *l, const struct matching_where *where,
        void (*gone)(void *arg, const char *why), void *arg)
{
        struct account *a = calloc(1, sizeof *a);
        const struct passwd *pw;
        int r;

        if (!a)
                return -ENOMEM;
        *a = (struct account){.where = where, .loop = l, .gone = gone, .arg = arg};
        pw = getpwuid(where->uid);
        if (pw && strlen(pw->pw_name) < sizeof a->name)
                snprintf(a->name, sizeof a->name, "%s", pw->pw_name);
        r = timer_new(&a->minute, l, on_minute, a);
        if (r == 0)
                r = timer_new(&a->tell, l, on_tell, a);
        if (r < 0) {
                account_free(a);
                return err_trace(r);
        }
        timer_arm_in(a->minute, 0);
        *ret = a;
        return 0;
}

struct account *account_free(struct account *a)
{
        if (!a)
                return NULL;
        timer_free(a->minute);
        timer_free(a->tell);
        free(a);
        return NULL;
}
