// SPDX-License-Identifier: Apache-2.0
//
// Those who wait for a flight: each with a deadline of his own and the life he wants the credentials to have.
#include "role_internal.h"

static void waiter_unlink(struct role_waiter *w)
{
        if (!w->link)
                return;
        *w->link = w->next;
        if (w->next)
                w->next->link = w->link;
        w->link = NULL;
        w->next = NULL;
}

static void waiter_link(struct role_waiter **head, struct role_waiter *w)
{
        w->next = *head;
        w->link = head;
        if (*head)
                (*head)->link = &w->next;
        *head = w;
}

static void waiter_answer(struct role_waiter *w, const struct role_answer *a)
{
        waiter_unlink(w);
        w->done(w->arg, a); // may free w, or any other
}

static void plan_deadline(struct role *r)
{
        int64_t first = INT64_MAX, now = role_boot_now(r);

        for (struct role_waiter *w = r->waiters; w; w = w->next)
                if (w->deadline_boot_ms < first)
                        first = w->deadline_boot_ms;
        if (first == INT64_MAX)
                timer_disarm(r->deadline);
        else
                timer_arm_in(r->deadline, first > now ? first - now : 0);
}

// Tells every waiter how the flight ended. They are moved aside first: an answer may bring a new question.
void role_answer_waiters(struct role *r, enum outcome o, const struct err *err)
{
        struct role_waiter *all = r->waiters, *w;

        r->waiters = NULL;
        if (all)
                all->link = &all;
        r->telling++;
        while ((w = all)) {
                struct role_answer a;
                struct err impossible_err = ERR_INIT;

                if (role_serves(r, w->min_ttl_s)) {
                        role_fill_ok(r, &a);
                } else if (o == OUTCOME_OK) {
                        role_say_impossible(r, w->min_ttl_s, &impossible_err);
                        role_fill_error(r, OUTCOME_MISCONFIGURED, &impossible_err, &a);
                } else {
                        role_fill_error(r, o, err, &a);
                }
                waiter_answer(w, &a);
        }
        r->telling--;
        plan_deadline(r);
}

static struct role_waiter *overdue(struct role *r)
{
        int64_t now = role_boot_now(r);

        for (struct role_waiter *w = r->waiters; w; w = w->next)
                if (w->deadline_boot_ms <= now)
                        return w;
        return NULL;
}

void role_on_deadline(void *arg)
{
        struct role *r = arg;
        struct err err = ERR_INIT;
        struct role_answer a;
        struct role_waiter *w;

        err_set(&err,
                "role %s: its credentials are being fetched, but no answer came in time; try again shortly",
                r->conf->name);
        role_fill_error(r, OUTCOME_TIMEOUT, &err, &a);
        r->telling++;
        while ((w = overdue(r)))
                waiter_answer(w, &a);
        r->telling--;
        plan_deadline(r);
}

int role_wait_start(struct role_waiter **ret, struct role *r, int64_t min_ttl_s, int64_t deadline_ms,
        role_done_fn done, void *arg)
{
        struct role_waiter *w = calloc(1, sizeof *w);
        int e;

        if (!w)
                return -ENOMEM;
        r->asked = true;
        if (role_left_ms(r) > 0 && !r->flight)
                role_anew_take(r); // it wants more life than there is; role_peek() let it
        e = role_start_flight(r);
        if (e < 0) {
                free(w);
                return err_trace(e);
        }
        *w = (struct role_waiter){
                .role = r,
                .min_ttl_s = min_ttl_s,
                .deadline_boot_ms = role_boot_now(r) + deadline_ms,
                .done = done,
                .arg = arg,
        };
        waiter_link(&r->waiters, w);
        // Deadlines of one door come in order, so this looks at one timer, not at all waiters.
        if (!timer_is_armed(r->deadline) || w->next == NULL)
                timer_arm_in(r->deadline, deadline_ms);
        else if (w->deadline_boot_ms < w->next->deadline_boot_ms)
                plan_deadline(r);
        *ret = w;
        return 0;
}

struct role_waiter *role_waiter_free(struct role_waiter *w)
{
        if (w)
                waiter_unlink(w);
        free(w);
        return NULL;
}
