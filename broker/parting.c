// SPDX-License-Identifier: Apache-2.0
//
// Each grant that leaves has a place of its own, so that no sign-out can undo another's. Wiping is never late: it is done
// when parting_begin() returns, and what memory or a provider refuses afterwards is only reported.
#include "parting.h"

#include "log.h"
#include "revocation.h"

// People do not sign in and out faster than this in two seconds; a program that does is refused the telling, not the wiping.
#define AT_ONCE 16

struct parting_waiter {
        struct parting *parting;
        struct parting_waiter *next, **link; // link: NULL once done
        void (*done)(void *arg);
        void *arg;
};

struct going { // one grant that the provider is told about
        struct parting *parting;
        struct revocation *revocation; // NULL: free
};

struct parting {
        struct keeper *keeper;
        struct claims *claims;
        struct going going[AT_ONCE];
        struct claims_waiter *fetch;
        bool closed;
        struct parting_ways ways;
        struct parting_report report;
        struct timer *tell;
        struct parting_waiter *waiters;
};

static const char *name(const struct parting *p)
{
        return keeper_get_config(p->keeper)->name;
}

static void waiter_unlink(struct parting_waiter *w)
{
        if (!w->link)
                return;
        *w->link = w->next;
        if (w->next)
                w->next->link = w->link;
        w->link = NULL;
}

bool parting_is_busy(const struct parting *p)
{
        bool busy = p->fetch != NULL;

        for (size_t i = 0; i < AT_ONCE; i++)
                busy |= p->going[i].revocation != NULL;
        return busy;
}

static void on_tell(void *arg)
{
        struct parting *p = arg;
        struct parting_waiter *w;

        while ((w = p->waiters) && !parting_is_busy(p)) {
                waiter_unlink(w);
                w->done(w->arg); // may free w, or any other
        }
}

static void look(struct parting *p)
{
        if (!parting_is_busy(p))
                timer_arm_in(p->tell, 0);
}

// ---- telling the provider

// Of several grants, one that could not be ended is what a person is told about.
static void not_revoked(struct parting *p, enum outcome o, const char *why)
{
        p->report.revoked = false;
        if (!p->report.why.text[0])
                err_set(&p->report.why, "%s", why);
        log_event(LOG_E_WARNING, "grant.revoke_failed", "identity=%s outcome=%s wiped=yes reason=%s", name(p),
                outcome_info(o)->id, why);
}

static void on_revoked(void *arg, enum outcome outcome, const struct err *err)
{
        struct going *g = arg;
        struct parting *p = g->parting;

        g->revocation = revocation_free(g->revocation);
        if (outcome == OUTCOME_OK)
                log_event(LOG_E_NOTICE, "grant.revoked", "identity=%s", name(p));
        else
                not_revoked(p, outcome, err->text[0] ? err->text : outcome_info(outcome)->text);
        look(p);
}

static struct going *free_place(struct parting *p)
{
        for (size_t i = 0; i < AT_ONCE; i++)
                if (!p->going[i].revocation)
                        return &p->going[i];
        return NULL;
}

// refresh is taken.
static void send_off(struct parting *p, const struct grant *g, struct provider_op *refresh)
{
        struct going *place = free_place(p);
        int r;

        p->report.revoked &= p->ways.revoke;
        if (!p->ways.revoke) {
                if (!p->report.why.text[0])
                        err_set(&p->report.why, "%s", p->ways.why);
                provider_op_free(refresh);
                return;
        }
        if (!g->refresh_token || !place) {
                provider_op_free(refresh);
                not_revoked(p, g->refresh_token ? OUTCOME_BUSY : OUTCOME_NOTHING,
                        g->refresh_token ? "too many sign-outs at once" : "the sign-in had no refresh token");
                return;
        }
        r = revocation_start(&place->revocation, keeper_get_loop(p->keeper), keeper_get_provider(p->keeper),
                g->refresh_token, refresh, on_revoked, place);
        if (r < 0)
                not_revoked(p, OUTCOME_INTERNAL, strerror(-r));
}

// ---- a grant on its way

static void on_fetched(void *arg)
{
        struct parting *p = arg;

        p->fetch = claims_waiter_free(p->fetch);
        look(p);
}

static void fetch(struct parting *p)
{
        p->fetch = claims_waiter_free(p->fetch);
        if (claims_wait_start(&p->fetch, p->claims, on_fetched, p) < 0)
                log_event(LOG_E_WARNING, "grant.claim_failed", "identity=%s reason=%s", name(p),
                        "out of memory to look for a grant that waits");
}

bool parting_takes(struct parting *p, const struct grant *g)
{
        if (!p->fetch && !p->closed)
                return false;
        log_event(LOG_E_NOTICE, "grant.ended", "identity=%s reason=%s", name(p),
                "signed out before it was claimed");
        p->report.had = true;
        send_off(p, g, NULL);
        return true;
}

// ---- the whole

void parting_begin(struct parting *p, const struct parting_ways *w)
{
        const struct grant *g = keeper_get_grant(p->keeper);

        if (!parting_is_busy(p))
                p->report = (struct parting_report){.revoked = true};
        p->ways = *w;
        if (g) {
                p->report.had = true;
                send_off(p, g, keeper_take_refresh(p->keeper));
        }
        keeper_drop(p->keeper);
        if (w->fetch && p->claims)
                fetch(p);
        look(p);
}

void parting_close(struct parting *p)
{
        p->closed = true;
        keeper_close(p->keeper);
}

const struct parting_report *parting_get_report(const struct parting *p)
{
        return &p->report;
}

int parting_wait_start(struct parting_waiter **ret, struct parting *p, void (*done)(void *arg), void *arg)
{
        struct parting_waiter *w = calloc(1, sizeof *w);

        if (!w)
                return -ENOMEM;
        *w = (struct parting_waiter){
                .parting = p, .done = done, .arg = arg, .next = p->waiters, .link = &p->waiters};
        if (w->next)
                w->next->link = &w->next;
        p->waiters = w;
        look(p);
        *ret = w;
        return 0;
}

struct parting_waiter *parting_waiter_free(struct parting_waiter *w)
{
        if (w)
                waiter_unlink(w);
        free(w);
        return NULL;
}

int parting_new(struct parting **ret, struct keeper *k, struct claims *c)
{
        struct parting *p = calloc(1, sizeof *p);
        int r;

        if (!p)
                return -ENOMEM;
        *p = (struct parting){.keeper = k, .claims = c};
        for (size_t i = 0; i < AT_ONCE; i++)
                p->going[i].parting = p;
        r = timer_new(&p->tell, keeper_get_loop(k), on_tell, p);
        if (r < 0) {
                free(p);
                return err_trace(r);
        }
        *ret = p;
        return 0;
}

struct parting *parting_free(struct parting *p)
{
        if (!p)
                return NULL;
        for (size_t i = 0; i < AT_ONCE; i++)
                revocation_free(p->going[i].revocation);
        claims_waiter_free(p->fetch);
        timer_free(p->tell);
        free(p);
        return NULL;
}
