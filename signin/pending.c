// SPDX-License-Identifier: Apache-2.0
//
// A list, walked: a thousand entries are few, and every handle is compared in constant time with all of them, so that
// the time of a refusal says nothing about which one came close. Lives are measured in boot time: the wall clock may
// be stepped, and a machine that slept has used them up.
#include "pending.h"

#include "log.h"
#include "random.h"

#include <sys/queue.h>

enum state {
        HELD,
        WAITING,
        IN_FLIGHT,
};

struct entry {
        TAILQ_ENTRY(entry) link; // oldest first
        enum state state;
        struct secret *handle; // HELD only
        char *user, *service, *rhost, *identity;
        uid_t uid;
        uint64_t id; // from WAITING on
        const void *claimer;
        int64_t end_ms; // boot time
        struct secret *grant;
};

struct pending {
        const struct clock *clock;
        int64_t handle_life_ms, grant_life_ms;
        TAILQ_HEAD(, entry) entries;
        size_t n;
        uint64_t next_id;
};

static int64_t boot_ms(const struct pending *p)
{
        return p->clock->boot_ms(p->clock);
}

int pending_new(
        struct pending **ret, const struct clock *clock, int64_t handle_life_ms, int64_t grant_life_ms)
{
        struct pending *p = calloc(1, sizeof *p);
        int r;

        if (!p)
                return -ENOMEM;
        *p = (struct pending){
                .clock = clock, .handle_life_ms = handle_life_ms, .grant_life_ms = grant_life_ms};
        TAILQ_INIT(&p->entries);
        // Ids of another life of this process must not be taken for ours: a broker may still hold one.
        r = random_bytes(&p->next_id, sizeof p->next_id);
        if (r < 0) {
                free(p);
                return err_trace(r);
        }
        *ret = p;
        return 0;
}

static void entry_free(struct entry *e)
{
        secret_free(e->handle);
        secret_free(e->grant);
        free(e->user);
        free(e->service);
        free(e->rhost);
        free(e->identity);
        free(e);
}

static void entry_remove(struct pending *p, struct entry *e)
{
        TAILQ_REMOVE(&p->entries, e, link);
        p->n--;
        entry_free(e);
}

static void entry_drop(struct pending *p, struct entry *e, const char *why)
{
        log_event(LOG_E_NOTICE, e->state == HELD ? "signin.dropped" : "grant.dropped",
                "user=%s uid=%u identity=%s reason=%s", e->user, (unsigned)e->uid, e->identity, why);
        entry_remove(p, e);
}

struct pending *pending_free(struct pending *p)
{
        struct entry *e;

        if (!p)
                return NULL;
        while ((e = TAILQ_FIRST(&p->entries)))
                entry_remove(p, e);
        free(p);
        return NULL;
}

static bool same(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool copy(char **dst, const char *s)
{
        *dst = s ? strdup(s) : NULL;
        return *dst || !s;
}

// Makes room: the user's own oldest handles go when he has too many.
static int make_room(struct pending *p, const char *user)
{
        struct entry *e, *oldest = NULL;
        size_t held = 0;

        TAILQ_FOREACH(e, &p->entries, link)
        {
                if (e->state != HELD || !same(e->user, user))
                        continue;
                if (!oldest)
                        oldest = e;
                held++;
        }
        if (held >= PENDING_HELD_USER)
                entry_drop(p, oldest, "too many");
        return p->n < PENDING_MAX ? 0 : PENDING_E_FULL;
}

int pending_hold(struct pending *p, const struct pending_binding *b, uid_t uid, const char *identity,
        struct secret **grant, char handle[HANDLE_HEX + 1])
{
        struct entry *e;
        int r;

        (void)pending_reap(p);
        r = make_room(p, b->user);
        if (r != 0)
                return r;
        r = random_hex(handle, HANDLE_HEX / 2);
        if (r < 0)
                return err_trace(r);
        e = calloc(1, sizeof *e);
        if (!e)
                return -ENOMEM;
        e->state = HELD;
        e->uid = uid;
        e->end_ms = boot_ms(p) + p->handle_life_ms;
        if (!copy(&e->user, b->user) || !copy(&e->service, b->service) || !copy(&e->rhost, b->rhost) ||
                !copy(&e->identity, identity) || secret_new_str(&e->handle, handle) < 0) {
                explicit_bzero(handle, HANDLE_HEX + 1);
                entry_free(e);
                return -ENOMEM;
        }
        e->grant = TAKE_PTR(*grant);
        TAILQ_INSERT_TAIL(&p->entries, e, link);
        p->n++;
        return 0;
}

static struct entry *find_handle(struct pending *p, const char *handle)
{
        size_t n = strlen(handle);
        struct entry *e, *found = NULL;

        TAILQ_FOREACH(e, &p->entries, link)
        if (e->state == HELD && secret_eq_bytes(e->handle, handle, n))
                found = e;
        return found;
}

int pending_commit(struct pending *p, const char *handle, const struct pending_binding *b, uid_t *ret_uid)
{
        struct entry *e, *older;

        (void)pending_reap(p);
        e = find_handle(p, handle);
        if (!e)
                return PENDING_E_UNKNOWN;
        if (!same(e->user, b->user) || !same(e->service, b->service) || !same(e->rhost, b->rhost)) {
                entry_drop(p, e, "bound to something else");
                return PENDING_E_UNKNOWN;
        }
        // One in flight stays: the broker has perhaps stored it already, and the newer one follows it.
        TAILQ_FOREACH(older, &p->entries, link)
        if (older->state == WAITING && older->uid == e->uid && same(older->identity, e->identity))
                break;
        if (older)
                entry_drop(p, older, "replaced by a newer sign-in");
        e->handle = secret_free(e->handle);
        e->state = WAITING;
        e->id = p->next_id++;
        e->end_ms = boot_ms(p) + p->grant_life_ms;
        *ret_uid = e->uid;
        return 0;
}

void pending_drop(struct pending *p, const char *handle, const char *why)
{
        struct entry *e = find_handle(p, handle);

        if (e)
                entry_drop(p, e, why);
}

void pending_drop_user(struct pending *p, const char *user, const char *why)
{
        struct entry *e = TAILQ_FIRST(&p->entries), *next;

        for (; e; e = next) {
                next = TAILQ_NEXT(e, link);
                if (same(e->user, user))
                        entry_drop(p, e, why);
        }
}

// The oldest committed entry of a uid.
static const struct entry *oldest_of(const struct pending *p, uid_t uid)
{
        const struct entry *e;

        TAILQ_FOREACH(e, &p->entries, link)
        if (e->uid == uid && e->state != HELD)
                return e;
        return NULL;
}

const char *pending_user(const struct pending *p, uid_t uid)
{
        const struct entry *e = oldest_of(p, uid);

        return e ? e->user : NULL;
}

const struct secret *pending_peek(const struct pending *p, uid_t uid)
{
        const struct entry *e = oldest_of(p, uid);

        return e ? e->grant : NULL;
}

int pending_offer(
        struct pending *p, uid_t uid, const void *claimer, uint64_t *ret_id, const struct secret **ret_grant)
{
        struct entry *e, *first = NULL;

        (void)pending_reap(p);
        TAILQ_FOREACH(e, &p->entries, link)
        {
                if (e->uid != uid || e->state == HELD)
                        continue;
                // While one is on its way, nobody else of this user gets another: which connection would be
                // the one that holds the refresh token?
                if (e->state == IN_FLIGHT)
                        return PENDING_E_BUSY;
                if (!first)
                        first = e;
        }
        if (!first)
                return PENDING_E_NOTHING;
        first->state = IN_FLIGHT;
        first->claimer = claimer;
        *ret_id = first->id;
        *ret_grant = first->grant;
        return 0;
}

int pending_ack(struct pending *p, const void *claimer, uint64_t id)
{
        struct entry *e;

        TAILQ_FOREACH(e, &p->entries, link)
        {
                if (e->state == IN_FLIGHT && e->claimer == claimer && e->id == id) {
                        log_event(LOG_E_NOTICE, "grant.claimed", "user=%s uid=%u identity=%s", e->user,
                                (unsigned)e->uid, e->identity);
                        entry_remove(p, e);
                        return 0;
                }
        }
        return PENDING_E_UNKNOWN;
}

void pending_release(struct pending *p, const void *claimer)
{
        struct entry *e;

        TAILQ_FOREACH(e, &p->entries, link)
        {
                if (e->state != IN_FLIGHT || e->claimer != claimer)
                        continue;
                e->state = WAITING;
                e->claimer = NULL;
        }
}

int64_t pending_reap(struct pending *p)
{
        struct entry *e = TAILQ_FIRST(&p->entries), *next;
        int64_t now = boot_ms(p), soonest = -1;

        for (; e; e = next) {
                next = TAILQ_NEXT(e, link);
                if (e->state == IN_FLIGHT) // its connection has a deadline of its own
                        continue;
                if (now >= e->end_ms)
                        entry_drop(p, e, e->state == HELD ? "no session opened" : "nobody claimed it");
                else if (soonest < 0 || e->end_ms - now < soonest)
                        soonest = e->end_ms - now;
        }
        return soonest;
}

size_t pending_count(const struct pending *p)
{
        return p->n;
}
