// SPDX-License-Identifier: Apache-2.0
//
// For a federated user the decision is taken under the table's lock, on the entry that will be written back: two
// sign-ins that race for one unbound account cannot both be right, and an admin's "lock" cannot be overwritten by the
// success it was meant to prevent. A local user's entry is root's; nothing is written.
#include "admit.h"

#include "log.h"
#include "mapping.h"
#include "memberships.h"
#include "write.h"

#define LOCK_WAIT_MS   2000
#define SUCCESS_STEP_S 60 // how stale last_success may stand before it is worth a write
#define RENEWAL_STEP_S (15 * 60)

static enum outcome standing_outcome(const struct ours_user *u, int64_t now_s, struct err *err)
{
        enum outcome o = OUTCOME_INTERNAL;

        // How long ago the last success was does not matter here: this is the next one. Nor that it lies in the
        // future: the provider's token is about to be, or has just been, held against this clock, and what a wrong
        // clock once wrote down must not keep somebody out for ever.
        switch (ours_standing(u, now_s, 0)) {
        case STANDING_GOOD:
        case STANDING_REFUSED:
        case STANDING_TOO_OLD:
        case STANDING_CLOCK_WRONG:
                return OUTCOME_OK;
        case STANDING_LOCKED:
                o = OUTCOME_ACCOUNT_LOCKED;
                break;
        case STANDING_EXPIRED:
                o = OUTCOME_ACCOUNT_EXPIRED;
                break;
        }
        err_set(err, "%s", outcome_info(o)->text);
        return o;
}

enum outcome admit_user(const struct ours_paths *paths, const char *user, int64_t now_s,
        struct ours_user *ret, struct err *err)
{
        ours_find(ret, paths, user);
        switch (ret->kind) {
        case OURS_NOT:
        case OURS_NEWCOMER: // is nobody yet
                err_set(err, "%s", outcome_info(OUTCOME_NOT_OURS)->text);
                return OUTCOME_NOT_OURS;
        case OURS_UNKNOWN:
                err_set(err, "Whose user this is cannot be told: %s: %s.", ret->fault_path,
                        table_result_text(ret->fault));
                return OUTCOME_INTERNAL;
        case OURS_LOCAL:
        case OURS_FEDERATED:
                break;
        }
        return standing_outcome(ret, now_s, err);
}

static enum outcome decide(const struct admit *a, const struct ours_user *u, bool *ret_bind, struct err *err)
{
        struct mapping m = {
                .entry = &u->entry, .identity = a->identity, .claims = a->claims, .renewal = a->renewal};
        enum outcome o = mapping_decide(&m, ret_bind, err);

        if (o == OUTCOME_OK && !a->renewal && u->kind == OURS_FEDERATED && mapping_uid_differs(&m))
                log_event(LOG_E_WARNING, "uid.differs", "user=%s uid=%u claim=%s", u->entry.name,
                        (unsigned)u->entry.uid, a->identity->uid_number_claim);
        return o == OUTCOME_OK ? standing_outcome(u, a->now_s, err) : o;
}

static enum outcome table_failed(const struct admit *a, int r, struct err *err)
{
        if (r == TABLE_E_DUPLICATE) {
                err_set(err,
                        "The identity that signed in belongs to another account of this machine already.");
                return OUTCOME_WRONG_SUBJECT;
        }
        err_set(err, "The sign-in cannot be recorded: %s: %s.", a->paths->table, table_result_text(r));
        return OUTCOME_INTERNAL;
}

static enum outcome write_back(
        const struct admit *a, struct table_edit *e, const struct ours_user *u, struct err *err)
{
        int r = table_edit_replace(e, &u->entry);

        if (r == 0)
                r = table_edit_commit(e);
        return r == 0 ? OUTCOME_OK : table_failed(a, r, err);
}

// It is the right person, as the provider's own signature says, and nobody whom this machine lets in any more. That he can
// still come by public key must not depend on his trying to sign in once more.
static void note_refusal(const struct admit *a, struct table_edit *e, struct ours_user *u)
{
        struct err err = ERR_INIT;

        if (u->entry.refused_at_s || !u->entry.subject[0])
                return;
        u->entry.refused_at_s = a->now_s;
        if (write_back(a, e, u, &err) != OUTCOME_OK)
                log_event(LOG_E_ERROR, "account.not_recorded", "user=%s reason=%s", a->user, err.text);
        else
                log_event(LOG_E_WARNING, "account.refused", "user=%s uid=%u reason=%s", a->user,
                        (unsigned)u->uid, "in none of the groups that may sign in here");
}

// When the provider stood for this person: now, or when it issued a renewed token, which whoever has it may show later.
static int64_t success_time_s(const struct admit *a)
{
        return a->renewal && a->claims->iat < a->now_s ? a->claims->iat : a->now_s;
}

// Each renewal that is written is a whole table.
static int64_t step_s(const struct admit *a, const struct table_edit *e)
{
        int64_t quarter = table_edit_max_offline_age(e) / 4;

        if (!a->renewal)
                return SUCCESS_STEP_S;
        return quarter && quarter < RENEWAL_STEP_S ? quarter : RENEWAL_STEP_S;
}

static bool is_worth_writing(
        const struct admit *a, const struct table_edit *e, const struct ours_user *u, int64_t at_s)
{
        int64_t last_s = u->entry.last_success_s;

        if (u->entry.refused_at_s || (!a->renewal && at_s < last_s)) // a clock that was wrong
                return true;
        return at_s - last_s >= step_s(a, e);
}

// With the table locked: decides on the entry as it stands now, and writes it back where it changes.
static enum outcome decide_and_record(
        const struct admit *a, struct table_edit *e, struct ours_user *u, struct err *err)
{
        int64_t at_s = success_time_s(a);
        bool bind = false, others = false;
        enum outcome o;
        int r = table_edit_get(e, a->user, &u->entry);

        if (r == TABLE_E_NOT_FOUND)
                return OUTCOME_NOT_OURS;
        if (r != 0)
                return table_failed(a, r, err);
        u->uid = u->entry.uid;
        u->gid = u->entry.gid;
        o = decide(a, u, &bind, err);
        if (o == OUTCOME_ACCESS_DENIED)
                note_refusal(a, e, u);
        if (o != OUTCOME_OK)
                return o;
        if (a->renewal && (bind || at_s <= u->entry.refused_at_s)) {
                err_set(err, bind ? "This account is not bound to anybody yet."
                                  : "The token is older than the provider's last refusal.");
                return bind ? OUTCOME_WRONG_SUBJECT : OUTCOME_TOKEN_REJECTED;
        }
        r = memberships_update(e, a->user, a->config, a->identity, a->claims, a->renewal, &others);
        if (r != 0)
                return table_failed(a, r, err);
        if (!bind && !others && !is_worth_writing(a, e, u, at_s))
                return OUTCOME_OK;
        if (bind) {
                if (strlen(a->claims->sub) >= sizeof u->entry.subject)
                        return OUTCOME_TOKEN_REJECTED;
                memcpy(u->entry.subject, a->claims->sub, strlen(a->claims->sub) + 1);
        }
        if (!a->renewal || at_s > u->entry.last_success_s)
                u->entry.last_success_s = at_s;
        u->entry.refused_at_s = 0;
        return write_back(a, e, u, err);
}

static int begin(const struct admit *a, struct table_edit **ret)
{
        return table_edit_begin(
                ret, a->paths->table, TABLE_FEDERATED, a->paths->owners, a->paths->n_owners, LOCK_WAIT_MS);
}

enum outcome admit_refuse(const struct admit *a, struct err *err)
{
        struct ours_user u = {.kind = OURS_FEDERATED};
        struct table_edit *e = NULL;
        enum outcome o = OUTCOME_OK;
        int r = begin(a, &e);

        if (r == 0)
                r = table_edit_get(e, a->user, &u.entry);
        if (r != 0)
                o = r == TABLE_E_NOT_FOUND ? OUTCOME_NOT_OURS : table_failed(a, r, err);
        else if (!u.entry.refused_at_s) {
                u.entry.refused_at_s = a->now_s;
                o = write_back(a, e, &u, err);
        }
        table_edit_free(e);
        return o;
}

enum outcome admit_decide(const struct admit *a, uid_t *ret_uid, struct err *err)
{
        struct table_edit *e = NULL;
        struct ours_user u;
        bool bind = false;
        enum outcome o = admit_user(a->paths, a->user, a->now_s, &u, err);
        int r;

        if (o != OUTCOME_OK)
                return o;
        if (u.kind == OURS_LOCAL) {
                o = decide(a, &u, &bind, err);
                if (o == OUTCOME_OK && bind)
                        o = OUTCOME_MISCONFIGURED; // root's table has no unbound entries; and we cannot write it
        } else {
                r = begin(a, &e);
                o = r == 0 ? decide_and_record(a, e, &u, err) : table_failed(a, r, err);
                table_edit_free(e);
        }
        if (o == OUTCOME_OK)
                *ret_uid = u.uid;
        return o;
}
