// SPDX-License-Identifier: Apache-2.0
//
// Everything is decided on what stands there when the user is written, under the table's lock: a name that an administrator
// entered meanwhile is his who was entered.
#include "newcomer.h"

#include "ids.h"
#include "local_names.h"
#include "log.h"
#include "mapping.h"
#include "memberships.h"
#include "removed.h"
#include "user_clash.h"
#include "write.h"

#include <stdio.h>

#define LOCK_WAIT_MS 2000
#define HOUR_MS      (INT64_C(3600) * 1000)
#define MADE         "Your account was made. Please connect again."

static bool patterns_admit(const struct config_identity *identity, const char *user)
{
        for (char **p = identity ? identity->admit : NULL; p && *p; p++)
                if (table_pattern_matches(*p, user))
                        return true;
        return false;
}

static int64_t every_ms(const struct signin *s)
{
        return HOUR_MS / s->identity->admit_per_hour;
}

static int64_t boot_ms(const struct signin *s)
{
        const struct clock *c = loop_clock(s->loop);

        return c->boot_ms(c);
}

static enum outcome too_many(struct err *err)
{
        err_set(err, "No more accounts are made here for now. Please tell the administrator.");
        return OUTCOME_BUSY;
}

// Whether this machine's names and ids leave that one free.
static enum outcome check_local(const struct signin *s, const char *user, uint32_t uid, struct err *err)
{
        _cleanup_(local_names_freep) struct local_names *l = NULL;
        struct err why = ERR_INIT;

        if (local_names_load(&l, s->paths.passwd, s->group) < 0)
                return OUTCOME_INTERNAL;
        if (local_names_leave(l, user, uid, &why))
                return OUTCOME_OK;
        log_event(LOG_E_WARNING, "account.not_made", "reason=%s", why.text);
        err_set(err, "%s", outcome_info(OUTCOME_NOT_OURS)->text);
        return OUTCOME_NOT_OURS;
}

enum outcome newcomer_may_begin(const struct signin *s, const char *user, struct err *err)
{
        struct table t = TABLE_INIT;
        uint32_t n;
        int r;

        if (!patterns_admit(s->identity, user)) {
                err_set(err, "%s", outcome_info(OUTCOME_NOT_OURS)->text);
                return OUTCOME_NOT_OURS;
        }
        r = table_open(&t, s->paths.table, TABLE_FEDERATED, s->paths.owners, s->paths.n_owners);
        n = t.n_users;
        table_close(&t);
        if (r != 0)
                return OUTCOME_INTERNAL;
        if (n >= s->identity->admit_max ||
                bucket_wait_ms(&s->newcomers, boot_ms(s), s->identity->admit_per_hour, every_ms(s)) > 0)
                return too_many(err);
        return check_local(s, user, 0, err);
}

// ---- who he will be

static enum outcome choose_uid(const struct config_identity *identity, const struct jwt_claims *c,
        struct table_user *u, struct err *err)
{
        int r = identity->uid_number_claim ? mapping_uid_claim(identity, c, &u->uid)
                                           : ids_derive(c->iss, c->sub, &u->uid);

        u->gid = u->uid;
        if (r == -ERANGE) {
                err_set(err,
                        "The identity provider gives %s no uid of the range that is used here. Please tell "
                        "the "
                        "administrator.",
                        u->name);
                return OUTCOME_MISCONFIGURED;
        }
        if (r == 0 && u->uid > TABLE_UID_MAX)
                return OUTCOME_MISCONFIGURED;
        return r == 0 ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static enum outcome describe(const struct signin *s, const char *user, const struct jwt_claims *c,
        struct table_user *ret, struct err *err)
{
        struct mapping m = {.entry = ret, .identity = s->identity, .claims = c};
        bool bind = false;
        enum outcome o;

        *ret = (struct table_user){.shell = "/bin/bash"};
        snprintf(ret->name, sizeof ret->name, "%s", user);
        snprintf(ret->home, sizeof ret->home, "/home/%s", user);
        if (strlen(s->identity->issuer) >= sizeof ret->issuer || strlen(c->sub) >= sizeof ret->subject)
                return OUTCOME_TOKEN_REJECTED;
        snprintf(ret->issuer, sizeof ret->issuer, "%s", s->identity->issuer);
        o = mapping_decide(&m, &bind, err); // as somebody who is not bound yet
        if (o != OUTCOME_OK)
                return o;
        snprintf(ret->subject, sizeof ret->subject, "%s", c->sub);
        ret->last_success_s = clock_wall_s(loop_clock(s->loop));
        o = choose_uid(s->identity, c, ret, err);
        return o == OUTCOME_OK ? check_local(s, user, ret->uid, err) : o;
}

// ---- making him

static enum outcome in_the_way(const struct table_user *u, const struct err *why, struct err *err)
{
        log_event(LOG_E_WARNING, "account.not_made", "user=%s uid=%u reason=%s", u->name, (unsigned)u->uid,
                why->text);
        err_set(err, "Your account cannot be made here: its name, its uid or you yourself are in use as "
                     "somebody else "
                     "already. Please tell the administrator.");
        return OUTCOME_MISCONFIGURED;
}

static enum outcome failed(const struct signin *s, int r, struct err *err)
{
        err_set(err, "The sign-in cannot be recorded: %s: %s.", s->paths.table, table_result_text(r));
        return OUTCOME_INTERNAL;
}

static int check_removed(const struct signin *s, const struct table_user *u, struct err *why)
{
        _cleanup_(removed_freep) struct removed *x = NULL;
        int r = removed_load(&x, s->removed);

        if (r < 0)
                return r;
        return removed_clash(x, u, why) ? TABLE_E_DUPLICATE : 0;
}

static enum outcome add(struct signin *s, struct table_edit *e, const struct table_user *u,
        const struct jwt_claims *c, struct err *err)
{
        struct table t = TABLE_INIT;
        struct table_user there;
        struct err why = ERR_INIT;
        bool changed;
        int r = table_edit_get(e, u->name, &there);

        // Two of his connections, and the other was quicker.
        if (r == 0 && strcmp(there.issuer, u->issuer) == 0 && strcmp(there.subject, u->subject) == 0)
                return OUTCOME_ACCOUNT_MADE;
        if (table_edit_count(e) >= s->identity->admit_max)
                return too_many(err);
        r = table_open(&t, s->paths.table, TABLE_FEDERATED, s->paths.owners, s->paths.n_owners);
        if (r == 0)
                r = user_clash_in(&t, u, &why);
        table_close(&t);
        if (r == 0)
                r = check_removed(s, u, &why);
        if (r == TABLE_E_DUPLICATE)
                return in_the_way(u, &why, err);
        if (r != 0)
                return failed(s, r, err);
        if (!bucket_take(&s->newcomers, boot_ms(s), s->identity->admit_per_hour, every_ms(s)))
                return too_many(err);
        r = table_edit_add(e, u);
        if (r == 0)
                r = memberships_update(e, u->name, s->config, s->identity, c, false, &changed);
        if (r == 0)
                r = table_edit_commit(e);
        if (r != 0)
                return failed(s, r, err);
        log_event(LOG_E_NOTICE, "account.made", "user=%s uid=%u issuer=%s sub=%s", u->name, (unsigned)u->uid,
                u->issuer, u->subject);
        return OUTCOME_ACCOUNT_MADE;
}

enum outcome newcomer_make(
        struct signin *s, const char *user, const struct jwt_claims *verified, struct err *err)
{
        struct table_edit *e = NULL;
        struct table_user u;
        enum outcome o = newcomer_may_begin(s, user, err);
        int r;

        if (o == OUTCOME_OK)
                o = describe(s, user, verified, &u, err);
        if (o != OUTCOME_OK)
                return o;
        r = table_edit_begin(
                &e, s->paths.table, TABLE_FEDERATED, s->paths.owners, s->paths.n_owners, LOCK_WAIT_MS);
        o = r == 0 ? add(s, e, &u, verified, err) : failed(s, r, err);
        table_edit_free(e);
        if (o == OUTCOME_ACCOUNT_MADE)
                err_set(err, MADE);
        return o;
}
