// SPDX-License-Identifier: Apache-2.0
//
// Lives are counted on the boot clock, which nobody can set and which a machine that slept has used up. The person is
// remembered with the sign-in: an account that was given to somebody else meanwhile is not entered by it.
#include "reauth.h"

#include "log.h"

#include <sys/queue.h>

struct entry {
        TAILQ_ENTRY(entry) link; // oldest first
        char *user, *service, *rhost, *tty, *ruser, *key;
        bool remote;
        uid_t uid, by;
        char *issuer, *subject;
        int64_t since_ms, end_ms;
};

struct reauth {
        const struct clock *clock;
        TAILQ_HEAD(, entry) entries;
        size_t n;
};

bool reauth_is_possible(const struct reauth_request *q)
{
        return q->remote ? q->key && q->key[0] : q->ruser && q->ruser[0] && q->by != (uid_t)-1;
}

int reauth_new(struct reauth **ret, const struct clock *clock)
{
        struct reauth *r = calloc(1, sizeof *r);

        if (!r)
                return -ENOMEM;
        r->clock = clock;
        TAILQ_INIT(&r->entries);
        *ret = r;
        return 0;
}

static void entry_free(struct entry *e)
{
        free(e->user);
        free(e->service);
        free(e->rhost);
        free(e->tty);
        free(e->ruser);
        free(e->key);
        free(e->issuer);
        free(e->subject);
        free(e);
}

static void entry_remove(struct reauth *r, struct entry *e)
{
        TAILQ_REMOVE(&r->entries, e, link);
        r->n--;
        entry_free(e);
}

static void forget(struct reauth *r, struct entry *e, const char *why)
{
        log_event(LOG_E_INFO, "reauth.forgotten", "user=%s uid=%u service=%s reason=%s", e->user,
                (unsigned)e->uid, e->service, why);
        entry_remove(r, e);
}

struct reauth *reauth_free(struct reauth *r)
{
        if (!r)
                return NULL;
        while (!TAILQ_EMPTY(&r->entries))
                entry_remove(r, TAILQ_FIRST(&r->entries));
        free(r);
        return NULL;
}

static bool copy(char **dst, const char *s)
{
        *dst = s ? strdup(s) : NULL;
        return *dst || !s;
}

static bool same(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static void reap(struct reauth *r)
{
        const int64_t now = r->clock->boot_ms(r->clock);

        for (struct entry *e = TAILQ_FIRST(&r->entries), *next; e; e = next) {
                next = TAILQ_NEXT(e, link);
                if (now >= e->end_ms)
                        entry_remove(r, e);
        }
}

static struct entry *find(struct reauth *r, const struct reauth_request *q)
{
        struct entry *e;

        reap(r);
        TAILQ_FOREACH(e, &r->entries, link)
        if (same(e->user, q->user) && same(e->service, q->service) && same(e->rhost, q->rhost) &&
                same(e->tty, q->tty) && same(e->ruser, q->ruser) && same(e->key, q->key) &&
                e->remote == q->remote)
                break;
        return e;
}

int reauth_remember(struct reauth *r, const struct reauth_request *q, uid_t uid,
        const struct table_user *entry, int64_t life_s)
{
        struct entry *e;

        if (life_s <= 0 || !reauth_is_possible(q) || !entry->subject[0])
                return 0;
        e = find(r, q);
        if (e)
                entry_remove(r, e);
        e = calloc(1, sizeof *e);
        if (!e)
                return -ENOMEM;
        if (!copy(&e->user, q->user) || !copy(&e->service, q->service) || !copy(&e->rhost, q->rhost) ||
                !copy(&e->tty, q->tty) || !copy(&e->ruser, q->ruser) || !copy(&e->key, q->key) ||
                !copy(&e->issuer, entry->issuer) || !copy(&e->subject, entry->subject)) {
                entry_free(e);
                return -ENOMEM;
        }
        e->remote = q->remote;
        e->uid = uid;
        e->by = q->remote ? (uid_t)-1 : q->by;
        e->since_ms = r->clock->boot_ms(r->clock);
        e->end_ms = e->since_ms + life_s * 1000;
        if (r->n == REAUTH_MAX)
                forget(r, TAILQ_FIRST(&r->entries), "too many");
        TAILQ_INSERT_TAIL(&r->entries, e, link);
        r->n++;
        return 0;
}

bool reauth_knows(struct reauth *r, const struct reauth_request *q, uid_t uid, const struct table_user *entry,
        int64_t *ret_age_s)
{
        struct entry *e = reauth_is_possible(q) ? find(r, q) : NULL;

        if (!e)
                return false;
        if (e->uid != uid || !same(e->issuer, entry->issuer) || !same(e->subject, entry->subject)) {
                forget(r, e, "the account is another person's");
                return false;
        }
        *ret_age_s = (r->clock->boot_ms(r->clock) - e->since_ms) / 1000;
        return true;
}

void reauth_forget_uid(struct reauth *r, uid_t uid, const char *why)
{
        for (struct entry *e = TAILQ_FIRST(&r->entries), *next; e; e = next) {
                next = TAILQ_NEXT(e, link);
                if (e->uid == uid || e->by == uid)
                        forget(r, e, why);
        }
}

void reauth_forget_all(struct reauth *r, const char *why)
{
        while (!TAILQ_EMPTY(&r->entries))
                forget(r, TAILQ_FIRST(&r->entries), why);
}

void reauth_review(
        struct reauth *r, bool (*stays)(const char *user, uid_t uid, void *arg), void *arg, const char *why)
{
        for (struct entry *e = TAILQ_FIRST(&r->entries), *next; e; e = next) {
                next = TAILQ_NEXT(e, link);
                if (!stays(e->user, e->uid, arg))
                        forget(r, e, why);
        }
}

size_t reauth_count(const struct reauth *r)
{
        return r->n;
}
